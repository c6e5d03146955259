"""The command line as a whole: help, exit codes, messages without tracebacks, options from YAML."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rankdistill.cli.app import COMMANDS, load_command
from rankdistill.cli.entry import main, without_debug


def plain(text: str) -> str:
    """Text without what colours it or wraps it in a box."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_an_example(run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert f"rankdistill {command} " in plain(outcome.out)
    assert plain((load_command(command).__doc__ or "").split("\n")[0]) == COMMANDS[command]


def test_help_lists_all_commands_and_needs_no_torch() -> None:
    script = "import sys, rankdistill.cli as c; code = c.main(['--help']); sys.exit(code or 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert name in done.stdout


@pytest.mark.parametrize("command", ["score", "rerank", "retrieve", "parts", "evaluate", "ensemble", "search"])
def test_commands_start_without_waiting_for_torch(command: str) -> None:
    script = f"import sys, rankdistill.cli as c; c.main(['{command}', '--help']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_reads_its_options_from_a_file(run, tmp_path: Path, command: str) -> None:
    assert "--config PATH" in plain(run(command, "--help").out)
    (tmp_path / "options.yaml").write_text("no-such-option: 1\n")
    outcome = run(command, "--config", tmp_path / "options.yaml")
    assert outcome.code == 2
    assert f"unknown option of {command} in " in outcome.err


def test_no_command_is_wrong_use_and_shows_help(run) -> None:
    outcome = run()
    assert outcome.code == 2
    assert "distill" in outcome.err


TRAIN = "--collection {collection} --run {bm25} --out x"
MISTAKES = [
    ("evalute", 2, "evaluate"),
    ("evaluate --qrels {qrels} --runs {bm25} --mesures AP", 2, "--mesures"),
    ("evaluate --qrels {qrels}", 2, "--runs"),
    ("evaluate --qrels {qrels} --runs {bm25} --measures nDGC@10", 2, "nDCG"),
    ("evaluate --qrels {qrels} --runs no.trec", 1, "no.trec"),
    ("ensemble --runs {bm25} --method pyle --out x.trec", 2, "pile"),
    ("ensemble --runs {bm25} {other} --out x.trec", 2, "--qrels"),
    ("ensemble --runs {bm25} {bm25} --method mean --out x.trec", 2, "given twice"),
    ("stats no-such-folder", 2, "no collection 'no-such-folder'"),
    ("search EMPTY --collection {collection}", 2, "the query is empty"),
    ("search cat --collection {collection} --k 0", 2, "--k and --candidates"),
    ("score --model no/model --collection {collection} --run {bm25} --out x", 1, "no model"),
    ("score --model {collection} --collection {collection} --run {bm25} --out x", 1, "config.json is missing"),
    ("rerank --model {model} --collection {collection} --run {bm25} --out x --dev-run y", 2, "--fuse auto"),
    ("rerank --model {model} --collection {collection} --run {bm25} --out x --batch-tokens 0", 2, "batch_tokens"),
    ("score --model {model} --collection {collection} --run {bm25} --out x --engine onyx", 2, "onnx"),
    ("score --model {model} --collection {collection} --run {bm25} --out x --cluster rai", 2, "ray"),
    ("score --model {model} --collection {collection} --run {bm25} --out x --cpus 2", 2, "--cluster ray"),
    ("retrieve --collection {collection} --retriever bm25 --encoder e --out x", 2, "--encoder is for retrievers by"),
    (f"finetune {TRAIN} --objective hinje(label)", 2, "hinge"),
    (f"finetune {TRAIN} --list-size 1", 2, "list_size"),
    (f"finetune {TRAIN} --train-split tran", 2, "train"),
    (f"distill {TRAIN} --teachers {{bm25}} --method pyle", 2, "pile"),
]


@pytest.mark.parametrize(("line", "code", "said"), MISTAKES)
def test_mistakes_are_reported_with_their_exit_code(
    run, files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run(*(word.format(**vars(files)).replace("EMPTY", " ") for word in line.split()))
    assert outcome.code == code, outcome.err
    assert said in plain(outcome.err)
    assert not list(tmp_path.iterdir()), "nothing is written by a command that failed"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("q1 Q0 d1 1 NaN tag", "NaN"),
        ("q1 Q0 d1 1", "expected"),
        ("q0 Q0 d0 1 0.5 tag", "d0"),
        ("q1 Q0 d1 1 much tag", "much"),
    ],
)
def test_a_bad_line_of_a_run_is_reported_by_file_and_number(run, files, tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "bad.trec"
    path.write_text(f"q0 Q0 d0 1 2.5 tag\n{line}\n")
    outcome = run("evaluate", "--qrels", files.qrels, "--runs", path)
    assert outcome.code == 1
    assert "bad.trec" in outcome.err
    assert "2" in outcome.err
    assert said in outcome.err


def test_ids_without_a_text_and_empty_queries_are_reported(run, files, tmp_path: Path) -> None:
    (tmp_path / "strange.trec").write_text("q0 Q0 nowhere 1 2.5 tag\n")
    common = ["--model", files.model, "--out", tmp_path / "out.trec"]
    outcome = run("score", "--collection", files.collection, "--run", tmp_path / "strange.trec", *common)
    assert outcome.code == 1
    assert "nowhere" in outcome.err
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "corpus.jsonl").write_text('{"_id": "d0", "text": "a cat"}\n')
    (tmp_path / "data" / "queries.jsonl").write_text('{"_id": "q0", "text": " "}\n')
    outcome = run("score", "--collection", tmp_path / "data", "--run", files.bm25, *common)
    assert outcome.code == 1
    assert "'q0'" in outcome.err
    assert "empty" in outcome.err
    assert not (tmp_path / "out.trec").exists()


def test_options_come_from_yaml_and_the_command_line_wins(run, files, tmp_path: Path) -> None:
    config = tmp_path / "options.yaml"
    config.write_text(f"qrels: {files.qrels}\nruns: [{files.bm25}]\nmeasures: [AP, RR@10]\njson: true\n")
    told = json.loads(run("evaluate", "--config", config).out)
    assert set(told[str(files.bm25)]) == {"AP", "RR@10"}
    told = json.loads(run("evaluate", "--config", config, "--measures", "P@1").out)
    assert set(told[str(files.bm25)]) == {"P@1"}
    config.write_text("mesures: [AP]\n")
    outcome = run("evaluate", "--config", config)
    assert outcome.code == 2
    assert "measures" in outcome.err
    config.write_text("runs: [a\n")
    outcome = run("evaluate", "--config", config)
    assert outcome.code == 1
    assert "options.yaml" in outcome.err


def test_a_reader_that_has_seen_enough_is_no_failure_with_a_traceback(files) -> None:
    command = (
        f"{sys.executable} -m rankdistill evaluate --qrels {files.qrels} --runs {files.bm25} --per-query | head -1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_an_interrupt_ends_with_130_and_says_that_work_is_kept(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def interrupted(tokens: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("rankdistill.cli.entry.run", interrupted)
    assert main(["stats"]) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_a_killed_rerank_resumes_and_ends_with_the_same_file(run, files, tmp_path: Path) -> None:
    def words(out: Path) -> list[str]:
        options = {"--model": files.model, "--collection": files.collection, "--run": files.bm25, "--out": out}
        return ["rerank", *(str(word) for option in options.items() for word in option)]

    assert run(*words(tmp_path / "whole.trec")).code == 0
    killed = tmp_path / "killed.trec"
    # one pair a chunk, so that the kill falls between two writes of the store
    script = (
        "import sys; from rankdistill.scoring.score import score_with_report as s; "
        "s.__kwdefaults__['chunk_pairs'] = 1; "
        "from rankdistill.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words(killed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    store = killed.with_name("killed.trec.scores")
    deadline = time.monotonic() + 120
    while not (store.is_dir() and any(path.stat().st_size > 200 for path in store.iterdir())):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not killed.exists()
    assert run(*words(killed)).code == 0
    assert killed.read_text() == (tmp_path / "whole.trec").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_reported_and_fails(files) -> None:
    command = f"{sys.executable} -m rankdistill evaluate --qrels {files.qrels} --runs {files.bm25} > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "kept", "debug"),
    [
        (["check", "--debug", "--runs", "a"], ["check", "--runs", "a"], True),
        (["search", "cat"], ["search", "cat"], False),
        (["search", "--", "--debug"], ["search", "--", "--debug"], False),
    ],
)
def test_debug_is_taken_out_of_the_arguments(arguments: list[str], kept: list[str], debug: bool) -> None:
    assert without_debug(arguments) == (kept, debug)


@pytest.mark.parametrize("debug", [False, True])
def test_an_internal_error_ends_with_70_and_says_where_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], debug: bool
) -> None:
    def broken(tokens: list[str]) -> int:
        raise KeyError("weights")

    monkeypatch.setattr("rankdistill.cli.entry.run", broken)
    assert main(["stats", "--collection", "a b", *(["--debug"] if debug else [])]) == 70
    said = capsys.readouterr().err
    assert "error: KeyError: 'weights' (" in said
    assert "issue tracker, with what this prints: rankdistill stats --collection 'a b' --debug" in said
    assert ("Traceback" in said) == debug


def test_debug_shows_the_traceback_of_a_users_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--collection", "no/such", "--debug"]) == main(["stats", "--collection", "no/such"])
    assert capsys.readouterr().err.count("Traceback") == 1


class OutOfMemoryError(RuntimeError):
    """As PyTorch's on a GPU, and Ray's."""


class PanicException(BaseException):
    """As that of libraries in Rust."""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError(), 1, "error: out of memory (MemoryError): a smaller --batch-tokens"),
        (np.zeros, 1, "error: out of memory (Unable to allocate"),
        (pa.lib.ArrowMemoryError("malloc of size 9 failed"), 1, "error: out of memory (malloc of size 9 failed)"),
        (OutOfMemoryError("CUDA out of memory"), 1, "error: out of memory (CUDA out of memory)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 1, "error: out of memory ("),
        (
            OSError(errno.ENOSPC, "No space left on device", "a.trec"),
            1,
            "error: a.trec: No space left on device; no file",
        ),
        (OSError(errno.EACCES, "Permission denied", "a.trec"), 1, "error: a.trec: Permission denied\n"),
        (PanicException("index out of bounds"), 70, "error: PanicException: index out of bounds ("),
        (RecursionError("maximum recursion depth exceeded"), 70, "error: RecursionError: maximum recursion"),
        (
            RuntimeError("actor\nTraceback (most recent call last):\n  File\nKeyError: 3"),
            70,
            "RuntimeError: KeyError: 3 (",
        ),
        (ValueError("two\n  lines"), 70, "error: ValueError: two lines ("),
    ],
)
def test_whatever_ends_a_command_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    def broken(tokens: list[str]) -> int:
        if isinstance(error, BaseException):
            raise error
        error(1 << 50)
        return 0

    monkeypatch.setattr("rankdistill.cli.entry.run", broken)
    assert main(["stats"]) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_name_that_is_no_text_is_shown(files, tmp_path: Path, encoding: str) -> None:
    strange = tmp_path / os.fsdecode(b"caf\xe9.trec")
    strange.write_bytes(files.bm25.read_bytes())
    words = ["evaluate", "--qrels", str(files.qrels), "--measures", "PNR", "--runs", str(strange)]
    for more in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "rankdistill", *words, *more],
            capture_output=True,
            check=False,
            env=os.environ | {"PYTHONIOENCODING": encoding},
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
        assert b"caf" in done.stdout
