"""Runs of a study that are kept in one file come back as they were."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from benchmarks.studies.runs import AGAIN, RUN, chosen, keep_runs, kept_runs, model_of, restore_runs
from benchmarks.studies.uegp_rank import Size
from rankdistill.errors import UsageError
from rankdistill.recipes.guided_settings import GuidedSettings
from rankdistill.training import TrainingSettings

SETTINGS = {"updates": 300}


def test_kept_runs_come_back_and_those_at_hand_stay(tmp_path: Path) -> None:
    runs = {"six layers/expert/glue:rte0": b"q Q0 d 1 0.5 t\n", "six layers/UEGP/glue:rte0": b"q Q0 d 1 0.25 t\n"}
    for name, content in runs.items():
        (tmp_path / "a" / name).mkdir(parents=True)
        (tmp_path / "a" / name / RUN).write_bytes(gzip.compress(content))
    (tmp_path / "a" / "six layers" / "model.safetensors").write_bytes(b"not kept")
    known = tmp_path / "kept" / "runs.tar.xz"
    keep_runs(tmp_path / "a", known, SETTINGS)

    at_hand = tmp_path / "b" / "six layers/expert/glue:rte0" / RUN
    at_hand.parent.mkdir(parents=True)
    at_hand.write_bytes(gzip.compress(b"newer"))
    assert restore_runs(tmp_path / "b", known, SETTINGS) == 1
    assert restore_runs(tmp_path / "b", known, SETTINGS) == 0
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
        keep_runs(tmp_path / "trained", file, SETTINGS)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_without_a_file_nothing_is_restored(tmp_path: Path) -> None:
    assert restore_runs(tmp_path / "a", tmp_path / "absent.tar.xz", SETTINGS) == 0


def test_runs_of_other_settings_are_refused_in_the_folder_and_in_the_file(tmp_path: Path) -> None:
    with kept_runs(tmp_path / "a", "study", SETTINGS, tmp_path):
        (tmp_path / "a" / "x").mkdir()
        (tmp_path / "a" / "x" / RUN).write_bytes(gzip.compress(b"a run"))
    with (
        pytest.raises(UsageError, match="trainings with other updates"),
        kept_runs(tmp_path / "a", "study", {}, tmp_path),
    ):
        pass
    other = {"updates": 600}
    with (
        pytest.raises(UsageError, match="runs with other updates"),
        kept_runs(tmp_path / "b", "study", other, tmp_path),
    ):
        pass
    with kept_runs(tmp_path / "c", "study", SETTINGS, tmp_path):
        assert gzip.decompress((tmp_path / "c" / "x" / RUN).read_bytes()) == b"a run"


def test_a_model_trained_again_for_teaching_leaves_the_restored_run_alone(tmp_path: Path) -> None:
    def train(out: Path) -> None:
        (out / "model").mkdir(parents=True)
        (out / RUN).write_bytes(gzip.compress(b"of another machine"))

    fresh, restored = tmp_path / "t" / "fresh", tmp_path / "t" / "restored"
    assert model_of(fresh, train) == model_of(fresh, pytest.fail) == fresh / "model"
    restored.mkdir()
    (restored / RUN).write_bytes(gzip.compress(b"in the table"))
    again = restored / AGAIN / "model"
    assert model_of(restored, train) == model_of(restored, pytest.fail) == again
    keep_runs(tmp_path / "t", tmp_path / "kept.tar.xz", SETTINGS)
    assert restore_runs(tmp_path / "u", tmp_path / "kept.tar.xz", SETTINGS) == 2
    assert gzip.decompress((tmp_path / "u" / "restored" / RUN).read_bytes()) == b"in the table"


def test_settings_are_what_differs_from_the_defaults() -> None:
    size = Size(3490, 8, GuidedSettings(guided_steps=150), TrainingSettings(list_size=4))
    expected = {"queries": 3490, "depth": 8, "guided": {"guided_steps": 150}, "training": {"list_size": 4}}
    assert chosen(size) == expected
    assert chosen(GuidedSettings()) == {}
