"""An encoder's folder that is not whole is refused by name, and not read as something else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rankdistill.errors import DataError
from rankdistill.models import Encoder
from rankdistill.models.base import resolve_base


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: [(folder / name).unlink() for name in ("tokenizer.json", "vocab.txt")], "holds no vocabulary"),
        (lambda folder: (folder / "model.safetensors").unlink(), "safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"1234"), "model.safetensors is damaged"),
        (lambda folder: (folder / "checksums.json").write_text("{}"), "checksums.json is missing or damaged"),
    ],
)
def test_an_encoder_that_is_not_whole_is_refused(tmp_path: Path, damage, said: str) -> None:
    """Without its vocabulary transformers reads every word as unknown, so that all texts of a length are alike."""
    shutil.copytree(resolve_base("sentence-transformers/all-MiniLM-L6-v2"), tmp_path / "encoder")
    damage(tmp_path / "encoder")
    with pytest.raises(DataError, match=said):
        Encoder.from_pretrained(tmp_path / "encoder")
