"""Every example runs as a user runs it, on tiny data."""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import ir_measures
import pytest
from tiny import judged_collection, make_model, make_tokenizer, write_collection

from rankdistill.evaluation.measures.provider import OWN, OWN_MEASURES
from rankdistill.losses import LOSSES
from rankdistill.models import CrossEncoder

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
Run = Callable[..., str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a collection ``my-data``, a cross-encoder ``teacher`` and a base encoder ``base``."""
    folder = tmp_path_factory.mktemp("examples")
    write_collection(judged_collection(), folder / "my-data")
    CrossEncoder(make_model(), make_tokenizer()).save(folder / "teacher")
    make_model().bert.save_pretrained(folder / "base")
    make_tokenizer().save_pretrained(folder / "base")
    return folder


@pytest.fixture
def tables() -> Iterator[None]:
    """Leave the tables that examples add to as they were."""
    known = [dict(table) for table in (LOSSES, OWN_MEASURES, ir_measures.measures.registry)]
    supported = list(OWN.SUPPORTED_MEASURES)
    yield
    for table, before in zip((LOSSES, OWN_MEASURES, ir_measures.measures.registry), known, strict=True):
        table.clear()
        table.update(before)
    OWN.SUPPORTED_MEASURES[:] = supported


@pytest.fixture
def run(place: Path, tables: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run an example in that folder, in this process, and return what it prints."""

    def run(name: str, *arguments: str) -> str:
        monkeypatch.chdir(place)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        capsys.readouterr()
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_evaluate_a_run(run: Run) -> None:
    told = run("evaluate_a_run.py")
    # q1 has the gains 1 and 3 in the wrong order: (1 + 3 / log2(3)) / (3 + 1 / log2(3)); q2 is right
    assert re.search(r"^nDCG@10 +0\.8984$", told, re.MULTILINE)
    assert re.search(r"^  q1: nDCG@10 0\.7967$", told, re.MULTILINE)


def test_leaderboard(run: Run, place: Path) -> None:
    told = run("leaderboard.py", "page.html")
    p = float(re.findall(r"^student p\(nDCG@10\): (.+)$", told, re.MULTILINE)[0])
    assert p < 0.05
    assert "<html" in (place / "page.html").read_text(encoding="utf-8")


def test_ensemble_runs_with_pile(run: Run, place: Path) -> None:
    told = run("ensemble_runs_with_pile.py", "pile.trec")
    mean, pile = (float(value) for value in re.findall(r"PNR of the (?:mean|PILE): (\S+)", told))
    assert mean < pile
    assert len((place / "pile.trec").read_text().splitlines()) == 5


def test_finetune_on_a_folder(run: Run, place: Path) -> None:
    told = run("finetune_on_a_folder.py", "my-data", "runs/teacher", "base")
    assert re.findall(r"^(\w+) \{'nDCG@10'", told, re.MULTILINE) == ["bm25", "model"]
    assert CrossEncoder.from_pretrained(place / "runs" / "teacher" / "model").max_length == 64


def test_distil_with_a_custom_loss(run: Run, place: Path) -> None:
    told = run("distil_with_a_custom_loss.py", "my-data", "teacher", "runs/student", "base")
    assert re.search(r"trained a student of [\d,]+ parameters", told)
    log = json.loads((place / "runs" / "student" / "log.json").read_text())
    assert any(line.get("pairwise_huber(t1)", 0) > 0 for line in log)


def test_rerank_with_a_cross_encoder(run: Run) -> None:
    told = run("rerank_with_a_cross_encoder.py", "teacher")
    scores = ast.literal_eval(re.findall(r"scores: (\[.+\])", told)[0])
    ranked = [float(score) for score in re.findall(r"^(\S+)  document", told, re.MULTILINE)]
    assert ranked == sorted(scores, reverse=True)[:2]


def test_your_own_measure(run: Run) -> None:
    values = ast.literal_eval(run("your_own_measure.py"))
    # q2 has the gains 1 and 2 in the wrong order
    assert values == pytest.approx({"Best@1": 2.0, "Best@2": 2.5, "nDCG@10": 0.9299}, abs=1e-4)


def test_search_pydocs(run: Run) -> None:
    alone = run("search_pydocs.py", "sort the list", "", "my-data").splitlines()
    ranked = run("search_pydocs.py", "sort the list", "teacher", "my-data").splitlines()
    assert len(alone) == len(ranked) == 10
    assert alone != ranked


def test_every_example_is_run_here_and_short() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    for path in sorted(EXAMPLES.glob("*.py")):
        assert f'"{path.name}"' in text
        assert 10 <= len(path.read_text(encoding="utf-8").splitlines()) <= 60
