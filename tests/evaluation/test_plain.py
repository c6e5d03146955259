"""Small runs evaluated in plain Python have the values, counts and notes that kernels give."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.data.trec.read import read_qrels, read_run
from rankdistill.errors import RankDistillError
from rankdistill.evaluation.evaluate import evaluation
from rankdistill.evaluation.names import parse_measures
from rankdistill.evaluation.plain import plain_evaluations

OWN = [
    *("nDCG@2", "nDCG", "nDCG(dcg='exp-log2')@3", "nDCG(judged_only=True)@2", "nDCG(gains={1: 3})@5", "DCG@2"),
    *("DCG(gain=exp)", "RR", "RR@1", "AP", "AP(rel=2)@2", "P@3", "R@2", "Rprec", "Success@1", "Judged@2", "ERR"),
    *("ERR@2", "PNR", "PNR(avg=macro)", "NumQ", "NumRel", "NumRet", "NumRet(rel=1)", "Accuracy", "Accuracy@2"),
]
lists = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3", "d1"]),
    st.dictionaries(st.sampled_from(["d1", "d2", "d10", "e", "é"]), st.integers(-2, 4), min_size=1),
    min_size=1,
)


def text_of(made: dict[str, dict[str, int]], form: str) -> str:
    return "".join(
        form.format(query=query, document=document, value=value)
        for query, documents in made.items()
        for document, value in documents.items()
    )


@settings(max_examples=60)
@given(lists, lists, st.sampled_from(["{}", "{}.25"]))
def test_values_counts_and_notes_are_those_of_the_kernels(
    qrels: dict[str, dict[str, int]], run: dict[str, dict[str, int]], score: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        judged, ranked = Path(folder) / "qrels", Path(folder) / "run"
        judged.write_text(text_of(qrels, "{query} 0 {document} {value}\n"), encoding="utf-8")
        ranked.write_text(text_of(run, "{query} Q0 {document} 1 " + score.format("{value}") + " t\n"), encoding="utf-8")
        found = plain_evaluations(judged, [str(ranked)], parse_measures(OWN))
        if found is not None:
            expected = evaluation(read_qrels(judged), read_run(ranked), OWN)
            mine = found[str(ranked)]
            assert repr(asdict(mine)) == repr(asdict(expected))
            assert mine.notes == expected.notes


def test_an_error_of_a_measure_is_left_to_the_other_evaluation(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("q1 0 d1 5\n")
    (tmp_path / "run").write_text("q1 Q0 d1 1 2 t\n")
    arguments = tmp_path / "qrels", [str(tmp_path / "run")]
    assert plain_evaluations(*arguments, parse_measures(["ERR"])) is None
    assert plain_evaluations(*arguments, parse_measures(["nDCG@10"])) is not None
    with pytest.raises(RankDistillError, match="ERR takes labels up to 4"):
        evaluation(read_qrels(tmp_path / "qrels"), read_run(tmp_path / "run"), ["ERR"])


def test_measures_of_other_providers_are_left_to_the_other_evaluation(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("q1 0 d1 1\n")
    (tmp_path / "run").write_text("q1 Q0 d1 1 2 t\n")
    assert plain_evaluations(tmp_path / "qrels", [str(tmp_path / "run")], parse_measures(["Bpref"])) is None


def test_a_small_evaluation_loads_neither_arrow_nor_numba_nor_the_parser_of_options(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("q1 0 d1 1\nq1 0 d2 0\n")
    (tmp_path / "run").write_text("q1 Q0 d1 1 2 t\nq1 Q0 d2 2 1 t\n")
    script = (
        "import sys; from rankdistill.cli import main; "
        f"code = main(['evaluate', '--qrels', {str(tmp_path / 'qrels')!r}, '--runs', {str(tmp_path / 'run')!r}, "
        "'--json']); heavy = 'torch transformers numba pyarrow pandas scipy cyclopts rich'.split(); "
        "print(code, [name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
    assert '"nDCG@10": 1.0' in done.stdout
