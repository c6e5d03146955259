"""Hooks of the documentation site: pages that live outside docs/, and the links to them.

README.md is the site's first page, CHANGELOG.md its changelog; the tables of benchmarks/results and the examples are
pages too. Links are written so that they work in the repository; here they are rewritten to those pages.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "examples": "examples/index.md",
    "benchmarks/results": "results/index.md",
    **{f"examples/{path.name}": f"examples/{path.stem}.md" for path in sorted((ROOT / "examples").glob("*.py"))},
    **{
        f"benchmarks/results/{path.name}": f"results/{path.name}"
        for path in sorted((ROOT / "benchmarks" / "results").iterdir())
        if path.suffix in (".md", ".json", ".svg")
    },
}
"""Source in the repository -> its place in the site."""
SOURCES = {page: source for source, page in PAGES.items()}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)[^)\s]+")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and pictures that are kept outside docs/."""
    for source, page in PAGES.items():
        path = ROOT / source
        if path.is_dir():
            files.append(File.generated(config, page, content=list_of(path.name, Path(page).parent)))
        elif path.suffix == ".py":
            files.append(File.generated(config, page, content=example(path)))
        else:
            files.append(File.generated(config, page, abs_src_path=str(path)))
    return files


def list_of(title: str, folder: Path) -> str:
    """Write the page that links to the other pages of a folder of the site."""
    pages = [Path(page) for page in PAGES.values() if Path(page).parent == folder and page.endswith(".md")]
    names = [page.name for page in pages if page.stem != "index"]
    return "\n".join([f"# {title.capitalize()}\n", *(f"- [{name.removesuffix('.md')}]({name})" for name in names)])


def example(path: Path) -> str:
    """Write the page of an example: the first line of its docstring, and its code."""
    code = path.read_text(encoding="utf-8")
    purpose = (ast.get_docstring(ast.parse(code)) or "").split("\n")[0]
    return f"# {path.name}\n\n{purpose}\n\n```python\n{code}```\n"


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Point relative links at the site's pages, and give a table of results its title."""
    uri = page.file.src_uri
    if Path(uri).name == "index.md" and uri != "index.md":
        return markdown
    if uri.startswith("results/"):
        return f"# {Path(uri).stem}\n\n{markdown}"
    folder = (ROOT / SOURCES.get(uri, f"docs/{uri}")).parent

    def moved(match: re.Match[str]) -> str:
        target, mark, anchor = match[0].partition("#")
        path = (folder / target).resolve().relative_to(ROOT).as_posix()  # a link out of the repository raises
        return "../" * uri.count("/") + PAGES.get(path, path.removeprefix("docs/")) + mark + anchor

    return LINK.sub(moved, markdown)


def on_page_content(html: str, page: Page, config: Any, files: Files) -> str:
    """Link what docstrings cite, ``(docs/papers.md)``, to the page of papers."""
    return html.replace("(docs/papers.md)", f'(<a href="{"../" * page.file.src_uri.count("/")}papers.html">papers</a>)')
