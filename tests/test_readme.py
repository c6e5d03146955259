"""The README's Python block does what it says, on a small collection named as there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny import judged_collection, write_collection

from rankdistill.models import CrossEncoder

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.slow
def test_the_python_block_runs_and_leaves_a_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    write_collection(judged_collection(), tmp_path / "my-data")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(block, str(README), "exec"), names)
    told = capsys.readouterr().out
    assert re.findall(r"^(\w+) \{'nDCG@10': [01]\.\d+, 'RR@10'", told, re.MULTILINE) == ["bm25", "student"]
    assert "comparable pairs reversed" in told
    student = names["student"]
    assert isinstance(student, CrossEncoder)
    saved = CrossEncoder.from_pretrained(tmp_path / "runs" / "student" / "model")
    assert saved.fingerprint() == student.fingerprint()
    assert saved.model.config.num_hidden_layers == 4  # the three chosen, and that of the start from the cosine
