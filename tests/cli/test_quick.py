"""Command lines that are read without the parser of options mean what they mean to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cyclopts import CycloptsError
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.cli import entry
from rankdistill.cli.app import build_app
from rankdistill.cli.quick import Asked, asked_of_evaluate, asked_of_rerank, run_quickly
from rankdistill.errors import UsageError
from rankdistill.evaluation.names import DEFAULT_MEASURES
from rankdistill.scoring.settings import ScoringSettings

APP, RERANK_APP = build_app("evaluate"), build_app("rerank")
WORDS = [
    *["--qrels", "--runs", "--measures", "--json", "--per-query", "--ties", "trec", "a", "b.trec", "nDCG@10", "-x"],
    "",
]
usual = st.permutations(
    [["--qrels", "q"], ["--runs", "a", "b"], ["--measures", "RR", "AP(rel=2)@10"], ["--json"], ["--per-query"]]
).map(lambda parts: [word for part in parts[:4] for word in part])


@settings(max_examples=150)
@given(usual | st.lists(st.sampled_from(WORDS), max_size=9))
def test_the_parser_of_options_reads_the_same(words: list[str]) -> None:
    tokens = ["evaluate", *words]
    asked = asked_of_evaluate(tokens)
    if asked is None:
        return
    _, bound, _ = APP.parse_args(tokens, exit_on_error=False, print_error=False)
    given_options = dict(bound.arguments)
    assert given_options.pop("qrels") == Path(asked.qrels)
    assert tuple(given_options.pop("runs")) == asked.runs
    assert tuple(given_options.pop("measures", DEFAULT_MEASURES)) == (asked.measures or DEFAULT_MEASURES)
    assert given_options.pop("as_json", False) == asked.as_json
    assert given_options.pop("per_query", False) == asked.per_query
    assert given_options == {}


def test_an_ordinary_command_line_is_read() -> None:
    words = ["evaluate", "--qrels", "q", "--runs", "a", "b", "--measures", "RR", "--json"]
    assert asked_of_evaluate(words) == Asked("q", ("a", "b"), ("RR",), True, False)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "leaderboard --qrels q --runs a",
        "evaluate",
        "evaluate q a",
        "evaluate --runs a",
        "evaluate --qrels q --runs",
        "evaluate --qrels q r --runs a",
        "evaluate --qrels q --runs a --runs b",
        "evaluate --qrels q --runs a --json true",
        "evaluate --qrels=q --runs a",
        "evaluate --qrels q --runs a --ties rank",
        "evaluate --qrels q --runs a --config f.yaml",
        "evaluate --qrels q --runs a --help",
        "evaluate --qrels q --runs -a",
    ],
)
def test_every_other_command_line_is_left_to_the_parser(line: str) -> None:
    assert asked_of_evaluate(line.split()) is None


def test_the_parser_refuses_what_is_left_to_it() -> None:
    with pytest.raises((CycloptsError, UsageError)):
        APP(["evaluate", "--qrels", "q", "--runs"], exit_on_error=False, print_error=False)


RERANK = [["--model", "m"], ["--collection", "c"], ["--run", "r"], ["--out", "o"]]
MORE = [
    ["--top-k", "7"],
    ["--engine", "onnx"],
    ["--dtype", "int8"],
    ["--engine", "3"],
    ["--dtype", "int4"],
    ["--store", "s"],
    ["--top-k", "0"],
    ["--top-k", "1.5"],
]
unusual = st.lists(
    st.sampled_from(["--model", "--out", "--top-k", "--fuse", "auto", "3", "a", "-x", "", "--engine"]), max_size=2
)
rerank_lines = st.tuples(st.permutations(RERANK), st.lists(st.sampled_from(MORE), max_size=3), unusual).map(
    lambda parts: [*(word for part in (*parts[0], *parts[1]) for word in part), *parts[2]]
)


@settings(max_examples=150)
@given(rerank_lines)
def test_the_parser_of_options_reads_rerank_the_same(words: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.chdir(folder)  # the parser looks whether outputs can be written
        tokens = ["rerank", *words]
        asked = asked_of_rerank(tokens)
        if asked is None:
            return
        _, bound, _ = RERANK_APP.parse_args(tokens, exit_on_error=False, print_error=False)
    options = dict(bound.arguments)
    scoring = options.pop("scoring", ScoringSettings())
    assert scoring == ScoringSettings(engine=asked.engine, dtype=asked.dtype, store=asked.store)  # type: ignore[arg-type]
    assert options.pop("top_k", None) == asked.top_k
    assert options == {"model": asked.model, "collection": asked.collection, "run": asked.run, "out": asked.out}


@pytest.mark.parametrize("more", ["", "--top-k 3", "--store kept", "--engine onnx", "--engine torch --dtype float32"])
def test_an_ordinary_rerank_writes_what_the_whole_command_writes(
    files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: str
) -> None:
    if "onnx" in more:
        pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "cache"))
    given_options = ["--model", str(files.model), "--collection", str(files.collection), "--run", str(files.bm25)]
    written, stores, said = [], [], []
    for whole in (True, False, False):
        folder = tmp_path / f"place{len(written)}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        tokens = ["rerank", *given_options, "--out", "o.trec", *more.split()]
        if whole:
            with monkeypatch.context() as patch:
                patch.setattr(entry, "run_quickly", lambda tokens: False)
                assert entry.main(tokens) == 0
        else:
            assert run_quickly(tokens)
        written.append((folder / "o.trec").read_bytes())
        stores.append({path.name: path.read_bytes() for path in folder.glob("*/*.*")})
        lines = capsys.readouterr().err.splitlines()
        said.append([re.sub(r"[\d,.]+ pairs/s", "", line) for line in lines if "is ready now" not in line])
    assert written[0] == written[1] == written[2]
    assert stores[0]
    assert stores[0] == stores[1] == stores[2]
    assert said[0][-2:] == said[1][-2:] == said[2][-2:]


@pytest.mark.parametrize(
    "words",
    [
        ["--run", "none.trec"],
        ["--collection", "none"],
        ["--top-k", "0"],
        ["--engine", "fast"],
        ["--out", "missing\0"],
        ["--fuse", "0.5"],
        ["--store", "a-file"],
        ["--dtype", "int9"],
    ],
)
def test_what_is_wrong_or_rare_is_left_to_the_whole_command(files, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "a-file").write_text("a file")
    words = [str(tmp_path / word) if word == "a-file" else word for word in words]
    given_options = {
        "--model": str(files.model),
        "--collection": str(files.collection),
        "--run": str(files.bm25),
        "--out": str(tmp_path / "o.trec"),
    } | dict([words])
    assert not run_quickly(["rerank", *(word for pair in given_options.items() for word in pair)])
    assert not (tmp_path / "o.trec").exists()


@pytest.mark.slow
def test_a_ready_model_reranks_without_what_is_slow_to_load(files, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    line = ["rerank", "--model", str(files.model), "--collection", str(files.collection), "--run", str(files.bm25)]
    line += ["--out", str(tmp_path / "o.trec"), "--engine", "onnx"]
    heavy = ("torch", "transformers", "numba", "pyarrow", "pandas", "cyclopts", "scipy", "rich")
    script = (
        f"import sys; from rankdistill.cli import main; assert main({line!r}) == 0; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    environment = {**os.environ, "RANKDISTILL_CACHE": str(tmp_path / "cache")}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
        )
    assert done.stdout.strip() == "[]"
    assert "is ready now" not in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["evaluate", "--qrels", "q", "--runs", "r"]])
def test_help_and_a_small_evaluation_load_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    words = [str(tmp_path / word) if word in ("q", "r") else word for word in words]
    (tmp_path / "q").write_text("q1 0 d1 1\n")
    (tmp_path / "r").write_text("q1 Q0 d1 1 2.5 t\n")
    script = (
        "import sys; from rankdistill.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'numba', 'pyarrow', 'pandas', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
