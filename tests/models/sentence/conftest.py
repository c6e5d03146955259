"""The fixture that writes a tiny encoder's folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tiny_encoders import make_encoder


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """`make_encoder` into a folder of the test's own."""
    return partial(make_encoder, tmp_path / "encoder")
