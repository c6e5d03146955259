"""Imports go one way through the folders, and importing rankdistill costs nothing."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import rankdistill

PACKAGE = Path(rankdistill.__file__).parent
ORDER = [
    "files",
    "data",
    "inputs",
    "evaluation",
    "tasks",
    "corpus",
    "retrieval",
    "models",
    "scoring",
    "serving",
    "neighbours",
    "ensembling",
    "losses",
    "augment",
    "textbook",
    "training",
    "recipes",
    "cluster",
    "cli",
]
ANYWHERE = {"arrays", "errors", "lazy", "lru_cache", "parallel", "progress"}
HEAVY = ["torch", "transformers", "numba", "bm25s", "faiss", "ir_datasets", "ir_measures", "pyarrow"]


FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__") for path in FILES}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below one, also in functions, but for blocks that only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from runtime_nodes(child)


def imported(path: Path) -> Iterator[str]:
    """The dotted names of rankdistill that a file imports: ``rankdistill.data.texts.Texts``."""
    for node in runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def folders_imported(path: Path) -> set[str]:
    """The folders of rankdistill that a file imports from."""
    names = (name.split(".") for name in imported(path))
    return {name[1] for name in names if name[0] == "rankdistill" and len(name) > 1}


def modules_imported(path: Path) -> set[str]:
    """The modules of rankdistill that a file imports, or whose names it does."""
    modules = {name if name in MODULES else name.rpartition(".")[0] for name in imported(path)}
    return (modules & MODULES) - {"rankdistill"}


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Of each circle of imports that a walk meets, its modules in order."""
    found: list[list[str]] = []
    finished: set[str] = set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            found.append([*trail[trail.index(module) :], module])
        elif module not in finished:
            for other in sorted(imports[module]):
                walk(other, [*trail, module])
            finished.add(module)

    for module in sorted(imports):
        walk(module, [])
    return found


def test_no_file_imports_itself_by_way_of_others() -> None:
    imports = {module_of(path): modules_imported(path) for path in FILES}
    assert sum(map(len, imports.values())) > len(FILES), "the imports are read"
    assert [" -> ".join(circle) for circle in circles(imports)] == []


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, [["b", "c", "b"]]),
        ({"a": {"a"}}, [["a", "a"]]),
    ],
)
def test_circles_are_found(imports: dict[str, set[str]], expected: list[list[str]]) -> None:
    assert circles(imports) == expected


def test_every_folder_has_its_place_in_the_order() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(ORDER)


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_only_from_those_before_it(folder: str) -> None:
    allowed = {*ORDER[: ORDER.index(folder) + 1], *ANYWHERE, "__version__"}
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        strange = folders_imported(path) - allowed
        assert not strange, f"{path.relative_to(PACKAGE)} imports from {', '.join(sorted(strange))}"


def test_importing_the_package_imports_nothing_heavy_and_its_names_are_there() -> None:
    script = (
        "import sys, rankdistill as rd; "
        f"print([name for name in {HEAVY} if name in sys.modules]); "
        "print([name for name in rd.__all__ if getattr(rd, name) is None])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'evalute'; it offers .*evaluate"):
        _ = rankdistill.evalute


LAZY = ["data", "data.trec", "evaluation", "models"]


@pytest.mark.parametrize("name", LAZY)
def test_a_lazy_package_has_the_names_that_type_checkers_see(name: str) -> None:
    package = importlib.import_module(f"rankdistill.{name}")
    block = next(node for node in ast.parse(Path(package.__file__).read_text()).body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module.removeprefix(f"{package.__name__}.")
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert seen == package._HOMES
    assert set(seen) <= set(package.__all__)
    for each in package.__all__:
        assert not isinstance(getattr(package, each), ModuleType), f"{each} is hidden by a module"
