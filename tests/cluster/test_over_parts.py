"""Work over parts: by Ray byte for byte what is made here, and nothing is lost when a worker dies."""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import judged_collection, make_model, make_tokenizer, write_collection

from rankdistill.cluster import ClusterSettings, EnsembleParts, ScoreParts, over_parts
from rankdistill.cluster.work import DoPart
from rankdistill.data import Candidates, read_run, write_candidates, write_run
from rankdistill.data.parts import LIST, parts_of, read_parts, write_parts
from rankdistill.ensembling import EnsembleSettings, ensemble
from rankdistill.ensembling.join import join_runs
from rankdistill.errors import DataError, MissingExtraError, UsageError
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
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LIST}


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
    assert sorted(contents(tmp_path / "out")) == [f"{i:05}.parquet" for i in range(5)], "and no store is left"
    for part in parts_of(tmp_path / "out"):
        made = read_parts(part.parent)
        assert made.ranked("score") is made


def test_what_is_done_is_left_alone_and_what_is_not_is_made(files: Files, tmp_path: Path) -> None:
    work, out = scoring(files, top_k=3, weight=0.5), tmp_path / "out"
    over_parts(work, files.parts, out)
    expected = contents(out)
    assert np.diff(read_parts(out).offsets).max() == 3
    (out / "00001.parquet").unlink()
    (out / "00003.parquet").write_bytes(b"not touched")
    made, met = over_parts(work, files.parts, out)
    assert (made, met["pairs"]) == (1, 4 * 3), "what is told is of the parts made now"
    assert contents(out) == expected | {"00003.parquet": b"not touched"}
    assert over_parts(work, files.parts, out) == (0, {})
    with pytest.raises(UsageError, match="has parts that were made otherwise"):
        over_parts(scoring(files, top_k=2), files.parts, out)


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
    plain, changed = scoring(files), scoring(files, settings=ScoringSettings(**changes))  # type: ignore[arg-type]
    assert set(plain.facts().items()) ^ set(changed.facts().items()) == {
        (name, value) for name in changes for value in (plain.facts()[name], changes[name])
    }


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

        def done(part: Path, store: Path) -> tuple[Candidates, Counter[str]]:
            made = do(part, store)
            if part.name == "00002.parquet" and not self.mark.exists():
                self.mark.write_text(str(len(list(store.glob("*.scores")))))
                os.kill(os.getpid(), signal.SIGKILL)
            return made

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


@pytest.mark.timeout(280)
def test_an_actor_computes_with_as_many_threads_as_this_process(files: Files, tmp_path: Path, ray, threads) -> None:
    """Products this large are summed in another order by two threads than by one."""
    large = make_model(hidden_size=384, intermediate_size=1536, num_attention_heads=12, initializer_range=0.3)
    CrossEncoder(large, make_tokenizer()).save(tmp_path / "model")
    work = ScoreParts(str(tmp_path / "model"), str(files.collection))
    over_parts(work, files.parts, tmp_path / "here")
    over_parts(work, files.parts, tmp_path / "ray", ClusterSettings("ray"))
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")


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
