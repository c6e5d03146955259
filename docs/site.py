"""Hooks of the documentation site: pages that live outside docs/, and the links to them.

README.md is the site's first page, CHANGELOG.md its changelog, and the tables of benchmarks/results are pages too.
Links are written so that they work in the repository; here they are rewritten to those pages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
RESULTS = "benchmarks/results"
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)[^)\s]+")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and pictures that are kept outside docs/."""
    outside = dict(PAGES)
    outside |= {
        f"{RESULTS}/{path.name}": f"results/{path.name}"
        for path in sorted((ROOT / RESULTS).iterdir())
        if path.suffix in (".md", ".json", ".svg")
    }
    for source, page in outside.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Point relative links at the site's pages; what the site does not hold becomes the name of the file."""
    source = ROOT / next((s for s, p in PAGES.items() if p == page.file.src_uri), f"docs/{page.file.src_uri}")
    if page.file.src_uri.startswith("results/"):
        return f"# {Path(page.file.src_uri).stem}\n\n{markdown}"
    depth = page.file.src_uri.count("/")

    def moved(match: re.Match[str]) -> str:
        target, mark, anchor = match[0].partition("#")
        path = (source.parent / target).resolve()
        inside = path.relative_to(ROOT).as_posix()  # a link out of the repository is a mistake, and raises
        inside = PAGES.get(inside, inside.removeprefix("docs/").replace(f"{RESULTS}/", "results/"))
        return "../" * depth + inside + mark + anchor

    return LINK.sub(moved, markdown)
