"""Work over parts: by Ray byte for byte what is made here, and nothing is lost when a worker dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import judged_collection, make_model, make_tokenizer, write_collection

from rankdistill.cluster import ClusterSettings, EnsembleParts, ScoreParts, over_parts
from rankdistill.cluster.work import DoPart
from rankdistill.data import Candidates, read_run, write_candidates, write_run
from rankdistill.data.parts import LIST, parts_of, read_part, read_parts, write_part, write_parts
from rankdistill.ensembling import EnsembleSettings, ensemble
from rankdistill.ensembling.join import join_runs
from rankdistill.errors import DataError, FileFormatError, MissingExtraError, UsageError
from rankdistill.files.lock import locked
from rankdistill.models import CrossEncoder
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring import ScoringSettings, score


@dataclass(frozen=True)
class Files:
    """A judged collection, a model, and a run whole and in parts."""

    collection: Path
    model: Path
    qrels: Path
    parts: Path
    run: Candidates


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("parts")
    made = judged_collection(20)
    data = write_collection(made, folder / "data")
    write_run(bm25(made, k=10), folder / "bm25.trec", by="bm25")
    run = read_run(folder / "bm25.trec")
    write_parts(run, folder / "parts", 4)
    CrossEncoder(make_model(initializer_range=0.3), make_tokenizer()).save(folder / "model")
    return Files(data, folder / "model", data / "qrels.txt", folder / "parts", run)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in (LIST, ".lock")}


def scoring(files: Files, **settings: object) -> ScoreParts:
    return ScoreParts(str(files.model), str(files.collection), **settings)  # type: ignore[arg-type]


def test_scores_of_parts_are_those_of_the_run(files: Files, tmp_path: Path) -> None:
    from rankdistill.data import load_collection

    made, met = over_parts(scoring(files), files.parts, tmp_path / "out")
    assert made == 5
    assert met["pairs"] == len(files.run)
    whole = files.run.with_columns(score=score(files.model, files.run, load_collection(files.collection)))
    found = read_parts(tmp_path / "out")
    np.testing.assert_allclose(found.join(whole)["score"], found["score"], atol=1e-5)
    assert len(found) == len(files.run)
    names = [f"{i:05}.parquet" for i in range(5)]
    assert sorted(contents(tmp_path / "out")) == [*(f".{name}.checksum" for name in names), *names], "no store is left"
    for part in parts_of(tmp_path / "out"):
        made = read_parts(part.parent)
        assert made.ranked("score") is made


def test_what_is_done_is_left_alone_and_what_is_not_is_made(files: Files, tmp_path: Path) -> None:
    work, out = scoring(files, top_k=3, weight=0.5), tmp_path / "out"
    over_parts(work, files.parts, out)
    expected = contents(out)
    assert np.diff(read_parts(out).offsets).max() == 3
    (out / "00001.parquet").unlink()
    before = (out / "00003.parquet").stat().st_mtime_ns
    made, met = over_parts(work, files.parts, out)
    assert (made, met["pairs"]) == (1, 4 * 3), "what is told is of the parts made now"
    assert (contents(out), (out / "00003.parquet").stat().st_mtime_ns) == (expected, before)
    assert over_parts(work, files.parts, out) == (0, {})
    with pytest.raises(UsageError, match="has parts that were made otherwise, with other top_k, weight, see"):
        over_parts(scoring(files, top_k=2), files.parts, out)


@pytest.mark.parametrize("left", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ["00003.parquet", ".00003.parquet.checksum"])
def test_a_damaged_part_is_made_anew_and_told(files: Files, tmp_path: Path, name: str, left: float) -> None:
    work, out = scoring(files, top_k=3), tmp_path / "out"
    over_parts(work, files.parts, out)
    expected = contents(out)
    data = expected[name]
    (out / name).write_bytes(data[: int(len(data) * left)] if left < 1 else data[:-20] + b"~" + data[-19:])
    with pytest.raises(DataError, match=r"00003\.parquet"):
        read_parts(out)
    with pytest.warns(UserWarning, match=r"00003.parquet.*: the part is made anew"):
        made, _ = over_parts(work, files.parts, out)
    assert made == 1
    assert contents(out) == expected


def copied(files: Files, folder: Path) -> Files:
    """The same files, to be changed."""
    for name in ("collection", "model", "parts"):
        shutil.copytree(getattr(files, name), folder / name)
    collection = folder / "collection"
    return Files(collection, folder / "model", collection / "qrels.txt", folder / "parts", files.run)


def change_texts(name: str, files: Files) -> None:
    file = files.collection / f"{name}.jsonl"
    first, *others = file.read_text().splitlines()
    line = json.loads(first)
    file.write_text("\n".join([json.dumps(line | {"text": f"{line['text']} cat"}), *others]) + "\n")


def change_model(files: Files) -> None:
    CrossEncoder(make_model(initializer_range=0.4), make_tokenizer()).save(files.model)


def change_part(files: Files) -> None:
    part = read_part(files.parts / "00004.parquet")
    write_part(part.with_columns(score=part["score"] * 2), files.parts / "00004.parquet")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (partial(change_texts, "corpus"), "documents"),
        (partial(change_texts, "queries"), "queries"),
        (change_model, "model"),
        (change_part, r"parts of the run \(00004.parquet\)"),
    ],
)
def test_parts_of_other_content_under_the_same_names_are_refused(
    files: Files, tmp_path: Path, change: Callable[[Files], None], named: str
) -> None:
    """A killed run must not go on with half of its parts made of one thing and half of another."""
    files = copied(files, tmp_path)
    work, out = scoring(files, top_k=3), tmp_path / "out"
    over_parts(work, files.parts, out)
    (out / "00004.parquet").unlink()
    change(files)
    with pytest.raises(UsageError, match=f"made otherwise, with other {named}, see"):
        over_parts(work, files.parts, out)


def test_parts_ensembled_from_other_content_under_the_same_names_are_refused(files: Files, tmp_path: Path) -> None:
    files = copied(files, tmp_path)
    over_parts(scoring(files), files.parts, tmp_path / "teacher")
    work = EnsembleParts((str(files.parts), str(tmp_path / "teacher")), str(files.qrels), EnsembleSettings())
    out = tmp_path / "out"
    over_parts(work, files.parts, out)
    (out / "00004.parquet").unlink()
    judgments = files.qrels.read_text()
    files.qrels.write_text(judgments.replace(" 3", " 2", 1))
    with pytest.raises(UsageError, match="with other judgments, see"):
        over_parts(work, files.parts, out)
    files.qrels.write_text(judgments)
    part = read_part(tmp_path / "teacher" / "00001.parquet")
    write_part(part.with_columns(score=-part["score"]), tmp_path / "teacher" / "00001.parquet")
    with pytest.raises(UsageError, match=r"with other teachers \(2: 00001.parquet\), see"):
        over_parts(work, files.parts, out)


@pytest.mark.parametrize("left", [0, 100])
def test_a_damaged_part_of_the_input_is_refused_by_name_before_any_work(
    files: Files, tmp_path: Path, left: int
) -> None:
    shutil.copytree(files.parts, tmp_path / "parts")
    file = tmp_path / "parts" / "00002.parquet"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(DataError, match=r"the part .*00002.parquet is damaged"):
        over_parts(scoring(files), tmp_path / "parts", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_process_at_a_time_writes_parts_into_a_folder(files: Files, tmp_path: Path) -> None:
    with locked(tmp_path / "out"), pytest.raises(UsageError, match="another process writes into"):
        over_parts(scoring(files), files.parts, tmp_path / "out")


def test_an_output_that_is_a_file_is_refused_before_the_model_is_loaded(files: Files, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match="is a file, expected the name of a folder"):
        over_parts(ScoreParts("no/model", str(files.collection)), files.parts, tmp_path / "out")


def test_an_ensemble_of_parts_is_that_of_the_runs(files: Files, tmp_path: Path) -> None:
    over_parts(scoring(files), files.parts, tmp_path / "t1")
    folders = str(files.parts), str(tmp_path / "t1")
    work = EnsembleParts(folders, str(files.qrels), EnsembleSettings(normalize="zscore"), seed=3)
    _, met = over_parts(work, files.parts, tmp_path / "pile")
    from rankdistill.data import read_qrels

    joined = join_runs({name: read_parts(name) for name in folders}).join(read_qrels(files.qrels), "label")
    whole, report = ensemble(joined, folders, EnsembleSettings(normalize="zscore"), seed=3)
    assert report.pile
    assert (met["candidates"], met["candidates without a label"]) == (report.candidates, report.unlabelled)
    assert (met["comparable pairs"], met["pairs reversed before PILE"], met["pairs reversed after PILE"]) == (
        report.pile.comparable,
        report.pile.reversed_before,
        report.pile.reversed_after,
    )
    found = read_parts(tmp_path / "pile")
    assert np.array_equal(found.join(whole.only_columns("pile"))["pile"], found["score"])
    write_parts(files.run, tmp_path / "others", 7)
    work = EnsembleParts((folders[0], str(tmp_path / "others")), settings=EnsembleSettings("mean"))
    with pytest.raises(DataError, match="ensemble runs that were made from the same parts"):
        over_parts(work, files.parts, tmp_path / "no")


def test_mistakes_are_told(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="is where the parts are read from"):
        over_parts(scoring(files), files.parts, files.parts)
    write_candidates(files.run.only_columns(), tmp_path / "00000.parquet")
    with pytest.raises(DataError, match="no column 'score'"):
        over_parts(scoring(files), tmp_path, tmp_path / "out")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"rankdistill\[ray\]"):
        over_parts(scoring(files), files.parts, tmp_path / "out", ClusterSettings("ray"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cluster": "rai"}, "did you mean 'ray'"),
        ({"workers": 2}, "settings of a cluster"),
        ({"address": "auto"}, "settings of a cluster"),
        ({"cluster": "ray", "workers": 0}, "workers must be at least 1, got 0"),
        ({"cluster": "ray", "cpus": -1}, "cpus must be at least 1, got -1"),
    ],
)
def test_invalid_cluster_settings_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ClusterSettings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes", [{"dtype": "bfloat16"}, {"engine": "onnx"}, {"batch_tokens": 7}, {"passages": "max"}]
)
def test_every_setting_that_changes_a_score_is_among_the_facts(files: Files, changes: dict[str, object]) -> None:
    if "engine" in changes:
        pytest.importorskip("onnxruntime")
    plain, changed = scoring(files).facts(), scoring(files, settings=ScoringSettings(**changes)).facts()  # type: ignore[arg-type]
    differing = {name for name in plain if plain[name] != changed[name]}
    assert differing - {"computed by"} == set(changes)
    assert ("computed by" in differing) == bool({"engine", "dtype"} & set(changes))


def test_parts_are_their_own_store(files: Files, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a store is for a run in one file"):
        scoring(files, settings=ScoringSettings(store=tmp_path))


# -- Ray ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dying:
    """Kills its process once, in the middle of a part of which scores are kept, and then does the work."""

    work: ScoreParts
    mark: Path

    def facts(self) -> dict[str, object]:
        return self.work.facts()

    def start(self) -> DoPart:
        do = self.work.start()

        def done(part: Path, store: Path, out: Path) -> Counter[str]:
            if part.name == "00002.parquet" and not self.mark.exists():
                do(part, store, self.mark.with_name("lost.parquet"))
                self.mark.write_text(str(len(list(store.glob("*.scores")))))
                os.kill(os.getpid(), signal.SIGKILL)
            return do(part, store, out)

        return done


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # tests' own modules are not on the path of workers
    ray.cloudpickle.register_pickle_by_value(__import__("sys").modules[__name__])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000)
    yield ray
    ray.shutdown()


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_an_actor_computes_with_as_many_threads_as_this_process(files: Files, tmp_path: Path, ray, threads) -> None:
    """Products this large are summed in another order by two threads than by one."""
    large = make_model(hidden_size=384, intermediate_size=1536, num_attention_heads=12, initializer_range=0.3)
    CrossEncoder(large, make_tokenizer()).save(tmp_path / "model")
    work = ScoreParts(str(tmp_path / "model"), str(files.collection))
    over_parts(work, files.parts, tmp_path / "here")
    over_parts(work, files.parts, tmp_path / "ray", ClusterSettings("ray"))
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_ray_writes_the_same_bytes_also_when_a_worker_is_killed(files: Files, tmp_path: Path, ray) -> None:
    work = scoring(files, top_k=8, weight=0.3)
    over_parts(work, files.parts, tmp_path / "here")
    _, met = over_parts(work, files.parts, tmp_path / "ray", ClusterSettings("ray"))
    assert met["pairs"] == np.minimum(np.diff(files.run.offsets), 8).sum()
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")
    made, _ = over_parts(
        Dying(work, tmp_path / "mark"), files.parts, tmp_path / "killed", ClusterSettings("ray", workers=1)
    )
    assert made == 5
    assert (tmp_path / "mark").read_text() == "1", "a worker died when it had kept its scores"
    assert contents(tmp_path / "killed") == contents(tmp_path / "here")
    with pytest.raises(UsageError, match="each actor needs 99 CPUs, but the largest machine of the cluster has 2"):
        over_parts(work, files.parts, tmp_path / "many", ClusterSettings("ray", cpus=99))
    folders = str(files.parts), str(tmp_path / "ray")
    pile = EnsembleParts(folders, str(files.qrels), EnsembleSettings(missing="min", normalize="zscore"))
    over_parts(pile, files.parts, tmp_path / "pile")
    over_parts(pile, files.parts, tmp_path / "pile-ray", ClusterSettings("ray", workers=2))
    assert contents(tmp_path / "pile-ray") == contents(tmp_path / "pile")


@dataclass(frozen=True)
class Failing:
    """Raises an error that a user can cause, where it starts or at a part."""

    at: str
    error: Exception

    def facts(self) -> dict[str, object]:
        return {}

    def start(self) -> DoPart:
        if self.at == "start":
            raise self.error

        def fail(part: Path, store: Path, out: Path) -> Counter[str]:
            raise self.error

        return fail


@pytest.mark.timeout(280)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "error", "kind"),
    [
        ("start", FileFormatError("a.tsv", 3, "x", "a number"), DataError),
        ("part", UsageError("the query is empty"), UsageError),
        ("part", OSError(28, "No space left on device", "out"), DataError),
    ],
)
def test_errors_of_users_come_out_of_workers_as_they_are(
    files: Files, tmp_path: Path, ray, at: str, error: Exception, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as raised:
        over_parts(Failing(at, error), files.parts, tmp_path / "out", ClusterSettings("ray", workers=1))
    assert str(raised.value) == str(error)


@dataclass(frozen=True)
class Fatal:
    """Kills its process at every part, as a worker that lacks memory is killed."""

    def facts(self) -> dict[str, object]:
        return {}

    def start(self) -> DoPart:
        def die(part: Path, store: Path, out: Path) -> Counter[str]:
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        return die


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_work_that_kills_its_actors_ends_with_an_error(files: Files, tmp_path: Path, ray) -> None:
    with pytest.raises(DataError, match=r"the actors died .* times, perhaps for want of memory"):
        over_parts(Fatal(), files.parts, tmp_path / "out", ClusterSettings("ray", workers=1))


DRIVER = """
import sys
from rankdistill.cluster import ClusterSettings, ScoreParts, over_parts
model, collection, run, out = sys.argv[1:]
over_parts(ScoreParts(model, collection, top_k=8), run, out, ClusterSettings("ray", workers=1, cpus=1))
"""


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_killed_driver_leaves_whole_parts_and_the_same_call_goes_on(files: Files, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    work, out = scoring(files, top_k=8), tmp_path / "out"
    over_parts(work, files.parts, tmp_path / "expected")
    words = [sys.executable, "-c", DRIVER, *map(str, (files.model, files.collection, files.parts, out))]
    with subprocess.Popen(
        words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as driver:
        deadline = time.monotonic() + 240
        while not any(out.glob("*.parquet")):
            assert driver.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.killpg(driver.pid, signal.SIGKILL)
    over_parts(work, files.parts, out)
    assert contents(out) == contents(tmp_path / "expected")
