"""Imports go one way through the folders, and importing rankdistill costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rankdistill

PACKAGE = Path(rankdistill.__file__).parent
ORDER = [
    "files",
    "data",
    "inputs",
    "evaluation",
    "tasks",
    "retrieval",
    "models",
    "scoring",
    "ensembling",
    "losses",
    "training",
    "recipes",
    "cluster",
    "cli",
]
ANYWHERE = {"arrays", "errors", "parallel", "progress"}
HEAVY = ["torch", "transformers", "numba", "bm25s", "faiss", "ir_datasets", "ir_measures", "pyarrow"]


def folders_imported(path: Path) -> Iterator[str]:
    """The folders of rankdistill that a file imports from, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            package, _, inside = name.partition(".")
            if package == "rankdistill" and inside:
                yield inside.split(".")[0]


def test_every_folder_has_its_place_in_the_order() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(ORDER)


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_only_from_those_before_it(folder: str) -> None:
    allowed = {*ORDER[: ORDER.index(folder) + 1], *ANYWHERE, "__version__"}
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        strange = set(folders_imported(path)) - allowed
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
