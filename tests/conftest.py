"""Fixtures shared by all tests: one thread, no hub, and the real data beside the project where it is present."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import hypothesis
import pytest
import tiny as tiny_things

hypothesis.settings.register_profile("no deadline", deadline=None)  # a busy machine is no fault of what is tested
hypothesis.settings.load_profile("no deadline")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; tests that need it are skipped where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}")
    return folder


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line how many tests were skipped, for want of real data or of something optional."""
    reasons = [str(report.longrepr[-1]) for report in terminalreporter.stats.get("skipped", [])]
    if reasons:
        without_data = sum("real data not found" in reason for reason in reasons)
        terminalreporter.write_line(
            f"skipped {len(reasons)} tests: {without_data} because real data is absent, {len(reasons) - without_data} "
            "because an extra, a device or a program is absent (pytest -rs lists the reasons)"
        )


@pytest.fixture
def tiny() -> Any:
    """A one-logit BERT cross-encoder of four layers, reading 64 tokens."""
    from rankdistill.models import CrossEncoder

    return CrossEncoder(tiny_things.make_model(), tiny_things.make_tokenizer())


@pytest.fixture
def tiny_tokenizer() -> Any:
    return tiny_things.make_tokenizer()


@pytest.fixture
def tiny_model() -> Callable[..., Any]:
    return tiny_things.make_model


@pytest.fixture
def collection() -> SimpleNamespace:
    return tiny_things.make_collection()


@pytest.fixture
def candidates(collection: SimpleNamespace) -> Any:
    return tiny_things.make_candidates(collection)


@pytest.fixture(name="changed")
def changed_fixture() -> Callable[..., Any]:
    return tiny_things.changed
