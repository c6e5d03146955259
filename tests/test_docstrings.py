"""The examples in the package's docstrings run and print what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import rankdistill as rd

PACKAGE = Path(rd.__file__).parent
WITH_EXAMPLES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
SHOWN = ["evaluate", "leaderboard", "pnr", "read_run", "read_qrels", "load_collection", "ensemble", "pile"]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_print_what_they_say(module: str) -> None:
    failures, tried = doctest.testmod(import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > 0, "the examples are in docstrings"
    assert failures == 0, "see above"


@pytest.mark.parametrize("name", SHOWN)
def test_public_functions_have_an_example(name: str) -> None:
    assert ">>> " in (getattr(rd, name).__doc__ or "")
