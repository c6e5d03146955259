"""What README and docs say is there: commands parse, links lead somewhere, names, files, tables and papers exist."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

import rankdistill
from rankdistill.cli.app import COMMANDS, build_app
from rankdistill.cli.entry import DEBUG
from rankdistill.ensembling.missing import POLICIES
from rankdistill.ensembling.normalize import NORMALIZATIONS
from rankdistill.losses.registry import LOSSES
from rankdistill.models.contract import CONTRACTS
from rankdistill.models.families import FAMILIES
from rankdistill.recipes.papers import RECIPES

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "findings" / "README.md"]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.md"))
SOURCES = sorted((ROOT / "rankdistill").rglob("*.py"))
CONFIG = {"collection": "my-data", "run": "runs/bm25.trec", "teachers": ["runs/teacher/model"]}
"""What a file of ``--config`` holds in the documents' examples."""


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def shell_lines() -> Iterator[Any]:
    """The lines of all shell blocks, continued lines joined, as words."""
    for path in PAGES[:-1]:
        for block in blocks(path, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words:
                    yield pytest.param(words, id=f"{path.name}: {' '.join(words)[:60]}")


def spans() -> list[tuple[str, str]]:
    """The code spans of all pages outside blocks: (page, code)."""
    found = []
    for path in PAGES:
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        found += [(path.name, " ".join(code.split())) for code in re.findall(r"`([^`]+)`", text)]
    return found


@cache
def options_of(command: str) -> frozenset[str]:
    """Names of a command's options, ``--run`` and so on."""
    arguments = build_app(command)[command].assemble_argument_collection()
    return frozenset(name for argument in arguments for name in argument.names) | {"--help"}


# -- commands ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", shell_lines())
def test_a_shell_line_of_the_documents_can_be_typed(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "rankdistill" in words:
        check_command(words[words.index("rankdistill") + 1 :], tmp_path, monkeypatch)
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        assert words[:2] == ["pip", "install"], f"a kind of command that this test does not know: {words}"
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = words[2].removeprefix(".").strip("[]")
        assert not named or set(named.split(",")) <= set(extras)


def check_command(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse the words with the command's own parser, in an empty folder, and run nothing."""
    monkeypatch.chdir(folder)
    if "--config" in words:
        config = Path(words[words.index("--config") + 1])
        config.parent.mkdir(parents=True)
        config.write_text(yaml.safe_dump(CONFIG))
    app = build_app(words[0])
    command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert words[0] in COMMANDS
    assert command.__name__ == words[0]
    assert bound.arguments


@pytest.mark.parametrize(("page", "code"), [span for span in spans() if span[1].startswith("rankdistill ")])
def test_a_command_in_running_text_exists_and_has_these_options(page: str, code: str) -> None:
    words = code.split()[1:]
    if words[0].startswith("--"):
        assert words == ["--help"]
        return
    assert words[0] in COMMANDS
    assert {word for word in words if word.startswith("--")} <= options_of(words[0])


def test_an_option_in_running_text_belongs_to_some_command() -> None:
    known = frozenset().union(*map(options_of, COMMANDS))
    named = {
        (page, word.partition("=")[0])
        for page, code in spans()
        if code.startswith("--")
        for word in code.split()
        if word.startswith("--")
    }
    others = {"--ways", "--name", DEBUG}  # of benchmarks, and of every command
    assert {(page, word) for page, word in named if word not in known | others} == set()


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m (benchmarks[\w.]+)", str(spans())))))
def test_a_benchmark_in_running_text_exists(module: str) -> None:
    assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_python_blocks_are_python(path: Path) -> None:
    for block in blocks(path, "python"):
        ast.parse(block)
        starts_processes = re.search(r"\b(build_textbook|build_corpus|augment)\(", block)
        assert not starts_processes or 'if __name__ == "__main__":' in block


# -- links and names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), target
        if anchor:
            assert anchor in headings(linked), target


def headings(path: Path) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip()) for title in titles}


def test_files_in_running_text_exist() -> None:
    ours = ("rankdistill/", "tests/", "benchmarks/", "examples/", "docs/")
    named = {code for _, code in spans() if code.startswith(ours) and " " not in code and "NAME" not in code}
    assert len(named) > 20
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_site_has_every_page() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    listed = set(re.findall(r"[\w/-]+\.md", json.dumps(site["nav"])))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    made = {"index.md", "changelog.md", "examples/index.md", "results/index.md"}
    assert listed == pages | made


def api_names() -> list[str]:
    """What the API pages describe, as dotted paths."""
    pages = sorted((ROOT / "docs" / "api").glob("*.md"))
    return [name for page in pages for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)]


@pytest.mark.parametrize("name", api_names())
def test_what_an_api_page_describes_is_there(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    parent = import_module(module)
    assert hasattr(parent, attribute) or import_module(name)


def test_the_api_pages_describe_every_public_name() -> None:
    described = {name.rpartition(".")[2] for name in api_names()}
    assert set(rankdistill.__all__) - {"__version__"} <= described


# -- tables and papers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", RESULTS, ids=lambda path: path.stem)
def test_a_quoted_result_is_quoted_whole_and_as_it_is(result: Path) -> None:
    table = result.read_text(encoding="utf-8").strip()
    header = table.splitlines()[0]
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        same_columns = [other for other in RESULTS if other.read_text(encoding="utf-8").startswith(header + "\n")]
        if header in text and same_columns == [result]:
            assert table in text, f"{page.name} quotes {result.name}, which has changed"


@pytest.mark.parametrize("name", RECIPES)
def test_the_page_of_recipes_has_each_as_it_is(name: str) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{re.escape(name)}` \| `(.+?)` \| (?:`(\w+)`)? ?\|", page, re.MULTILINE)
    reads_teachers = "target" in RECIPES[name].objective
    assert row == (RECIPES[name].objective, RECIPES[name].method if reads_teachers else "")


def test_the_page_of_recipes_names_every_loss_policy_and_normalization() -> None:
    named = {word for page, code in spans() if page == "recipes.md" for word in code.split()}
    assert {*LOSSES, *POLICIES, *NORMALIZATIONS} <= named


def test_the_page_of_models_has_every_family_and_contract_as_it_is() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    for model_type, family in FAMILIES.items():
        attention = f"refused: {family.attention_adds}" if family.attention_adds else "yes"
        cells = (
            f"{family.name} | {family.pooling} token | {attention} | {'yes' if family.layer_at_first_token else 'no'}"
        )
        assert f"| `{model_type}` | {cells} |" in page
    for form, contract in CONTRACTS.items():
        assert f"| `{form}` | {contract.n_logits or 'one for each class'} |" in page


def test_a_section_that_is_cited_belongs_to_a_paper_with_a_short_name() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*SOURCES, *PAGES])
    named = set(re.findall(r"([A-Z][A-Z-]+[A-Z]) §", text))
    assert "PILE" in named
    page = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    assert named <= set(re.findall(r"^### (\S+)$", page, re.MULTILINE))


def cited() -> set[tuple[str, str]]:
    """Papers in docstrings: (short name of one of the five, "") or (first author, year)."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    text = re.sub(r"\n *(?:# )?", " ", text)
    names = set(re.findall(r"\b(PILE|PD-BERT|UEGP|Simplified TinyBERT|TinyBERT|LSTM-KD|MT-DNN)\b", text))
    word = r"[A-ZÄÖÜ][\wäöüé]+"
    authors = re.findall(rf"({word})(?:(?:, {word})*,? (?:and|&) {word}| et al\.)?,? ((?:19|20)\d\d)\b(?!-)", text)
    return {(name, "") for name in names} | {(author, year) for author, year in authors if author not in ("TREC", "DL")}


@pytest.mark.parametrize(("name", "year"), sorted(cited()))
def test_a_paper_that_a_docstring_cites_is_on_the_page_of_papers(name: str, year: str) -> None:
    page = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    titles = re.findall(r"^### (.+)$|^\| \*\*(.+?)\*\*", page, re.MULTILINE)
    assert any(name in title and year in title for pair in titles for title in pair)


def test_the_papers_of_docstrings_are_found_at_all() -> None:
    assert {("PILE", ""), ("Hofstätter", "2020"), ("Chapelle", "2009")} <= cited()
