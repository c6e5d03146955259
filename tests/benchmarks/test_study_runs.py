"""Runs of a study that are kept in one file come back as they were."""

from __future__ import annotations

import gzip
from pathlib import Path

from benchmarks.studies.runs import RUN, keep_runs, restore_runs


def test_kept_runs_come_back_and_those_at_hand_stay(tmp_path: Path) -> None:
    runs = {"six layers/expert/glue:rte0": b"q Q0 d 1 0.5 t\n", "six layers/UEGP/glue:rte0": b"q Q0 d 1 0.25 t\n"}
    for name, content in runs.items():
        (tmp_path / "a" / name).mkdir(parents=True)
        (tmp_path / "a" / name / RUN).write_bytes(gzip.compress(content))
    (tmp_path / "a" / "six layers" / "model.safetensors").write_bytes(b"not kept")
    known = tmp_path / "kept" / "runs.tar.xz"
    keep_runs(tmp_path / "a", known)

    at_hand = tmp_path / "b" / "six layers/expert/glue:rte0" / RUN
    at_hand.parent.mkdir(parents=True)
    at_hand.write_bytes(gzip.compress(b"newer"))
    assert restore_runs(tmp_path / "b", known) == 1
    assert restore_runs(tmp_path / "b", known) == 0
    assert gzip.decompress(at_hand.read_bytes()) == b"newer"
    restored = tmp_path / "b" / "six layers/UEGP/glue:rte0" / RUN
    assert gzip.decompress(restored.read_bytes()) == runs["six layers/UEGP/glue:rte0"]
    assert sorted(path.name for path in (tmp_path / "b").rglob("*") if path.is_file()) == [RUN, RUN]


def test_the_same_runs_make_the_same_bytes(tmp_path: Path) -> None:
    place = tmp_path / "trained" / "x"
    place.mkdir(parents=True)
    files = [tmp_path / "1.tar.xz", tmp_path / "2.tar.xz"]
    for file, mtime in zip(files, (1, 2), strict=True):
        (place / RUN).write_bytes(gzip.compress(b"the same", mtime=mtime))
        keep_runs(tmp_path / "trained", file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_without_a_file_nothing_is_restored(tmp_path: Path) -> None:
    assert restore_runs(tmp_path / "a", tmp_path / "absent.tar.xz") == 0
