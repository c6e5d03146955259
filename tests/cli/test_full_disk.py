"""A disk that fills while a result is written: the file is named, nothing is half-written, the same command goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rankdistill.scoring.score import score_with_report

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no limits on the size of files")
ROOM = {"score parts": 2000, "ensemble parts": 2000, "leaderboard, table": 50}
"""Bytes that a file may have, 300 unless named here; the list of parts is to be written, the parts are not."""


@contextmanager
def room_for(n_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size: what is written beyond it fails as on a full disk."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


MODEL = "--model {model} --collection {collection}"
BOARD = "leaderboard {runs} --qrels {qrels}"
COMMANDS = {
    "retrieve": ("retrieve --collection {collection} --out out.trec", "out.trec"),
    "retrieve, gzipped": ("retrieve --collection {collection} --out out.trec.gz", "out.trec.gz"),
    "score": (f"score {MODEL} --run {{bm25}} --out out.trec", "out.trec"),
    "rerank, gzipped": (f"rerank {MODEL} --run {{bm25}} --out out.trec.gz", "out.trec.gz"),
    "parts": ("parts --run {bm25} --queries 50 --out out", "out"),
    "score parts": (f"score {MODEL} --run {{parts}} --out out", "00000.parquet"),
    "ensemble": ("ensemble --runs {bm25} {other} --method mean --out out.trec", "out.trec"),
    "ensemble parts": ("ensemble --runs {parts} {parts2} --method mean --out out", "00000.parquet"),
    "leaderboard, page": (f"{BOARD} --html out.html", "out.html"),
    "leaderboard, table": (f"{BOARD} --export out.csv", "out.csv"),
    "leaderboard, JSON": (f"{BOARD} --export out.json", "out.json"),
    "search": ("search cat --collection {collection}", "bm25"),
    "interleave": ("interleave --runs {bm25} {other} --qrels {qrels} --write-log out.jsonl", "out.jsonl"),
}


@pytest.fixture(scope="module")
def given(files: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from rankdistill.data import read_run
    from rankdistill.data.parts import write_parts

    folder = tmp_path_factory.mktemp("parts")
    for name, run in (("parts", files.bm25), ("parts2", files.other)):
        write_parts(read_run(run), folder / name, 50)
    return {**vars(files), "runs": files.bm25.parent, "parts": folder / "parts", "parts2": folder / "parts2"}


DO_WITHOUT = {"search": "the index is not kept"}
"""Commands that go on without what they could not write, and what they say."""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_told_and_the_same_command_goes_on(
    run: Any, given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    words, file = COMMANDS[name]
    arguments = words.format(**given).split()
    for folder in ("expected", "full"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "expected")
    monkeypatch.setenv("RANKDISTILL_CACHE", "cache")
    expected = run(*arguments)
    assert expected.code == 0, expected.err
    monkeypatch.chdir(tmp_path / "full")
    with monkeypatch.context() as patch:  # the disk is full only once the output was tried
        patch.setattr("rankdistill.files.outputs.TRIED", b"")
        with room_for(ROOM.get(name, 300)):
            full = run(*arguments)
    if name in DO_WITHOUT:
        assert full.code == 0, full.err
        assert DO_WITHOUT[name] in full.err
        assert full.out == expected.out
    else:
        assert full.code == 1, full.err
        assert "make room" in full.err
    assert file in full.err
    assert not (tmp_path / "full" / file).exists()
    again = run(*arguments)
    assert again.code == 0, again.err
    assert contents(tmp_path / "full") == contents(tmp_path / "expected")
    assert again.out == expected.out


def test_a_store_keeps_what_fitted(run: Any, given: dict[str, Any], tmp_path: Path) -> None:
    words = f"score {MODEL} --run {{bm25}} --out".format(**given).split()
    out = tmp_path / "full.trec"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rankdistill.files.outputs.TRIED", b"")
        patch.setitem(score_with_report.__kwdefaults__, "chunk_pairs", 50)
        assert run(*words, tmp_path / "expected.trec").code == 0
        with room_for(500):
            full = run(*words, out)
        assert full.code == 1
        assert "after 100 of" in full.err
        assert "which are saved: make room and run the same command again" in full.err
        assert "100 of them from the store" in run(*words, out).err
    assert out.read_bytes() == (tmp_path / "expected.trec").read_bytes()


@pytest.mark.parametrize(
    "words", ["score --model no --collection no --run no --out out.trec", BOARD + " --html out.html"]
)
def test_a_disk_that_is_already_full_is_told_before_anything_is_read(
    run: Any, given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = words.format(**given | {"runs": "no", "qrels": "no"}).split()
    with room_for(300):
        outcome = run(*arguments)
    assert outcome.code == 1
    assert "cannot write out." in outcome.err
    assert "make room" in outcome.err
    assert not list(tmp_path.iterdir())
