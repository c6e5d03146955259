"""Several experts score pairs of sentences part by part: every logit, one tokenisation, the same bytes by Ray."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tiny import WORDS, make_model, make_tokenizer

from rankdistill.cli.entry import main
from rankdistill.cluster import ClusterSettings, ExpertParts, over_parts
from rankdistill.data import load_collection
from rankdistill.data.pair_parts import SCHEMA, read_pairs
from rankdistill.data.parts import LIST
from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.texts import PairTexts
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.expert import Expert
from rankdistill.recipes.guided import expert_columns
from rankdistill.scoring import ScoringSettings
from rankdistill.scoring.experts import score_experts, stored_experts
from rankdistill.scoring.shared_tokens import SharedTokens

KINDS = {
    "nli": (3, ScoreContract("classes", n_classes=3), 2),
    "sst": (2, ScoreContract("classes", n_classes=2), 1),
    "sts": (1, ScoreContract("sigmoid", scale=4.0, lowest=1.0), 2),
}
COLUMNS = ["nli.0", "nli.1", "nli.2", "sst.0", "sst.1", "sts"]


def make_expert(folder: Path, name: str, max_length: int = 32) -> Path:
    n_logits, contract, n_texts = KINDS[name]
    model = make_model(num_labels=n_logits, initializer_range=0.3)
    with torch.no_grad():
        model.classifier.weight.mul_(5)
    CrossEncoder(model, make_tokenizer(), contract, max_length=max_length, n_texts=n_texts).save(folder)
    return folder


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("experts")
    return {name: str(make_expert(folder / name, name, 20 + 4 * place)) for place, name in enumerate(KINDS)}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty pairs in three parts."""
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    texts = [[" ".join(rng.choice(WORDS, rng.integers(2, 12))) for _ in range(50)] for _ in range(2)]
    table = pa.table([pa.array(map(str, range(50)), pa.large_string()), *map(pa.array, texts)], SCHEMA.names)
    for number in range(3):
        pq.write_table(table.slice(20 * number, 20).cast(SCHEMA), folder / f"{number:05}.parquet")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in (LIST, ".lock")}


def command(experts: dict[str, str], pairs: Path, out: Path, *more: str) -> int:
    words = [f"{name}={folder}" for name, folder in experts.items()]
    return main(["score", "--experts", *words, "--collection", f"pairs:{pairs}", "--out", str(out), *more])


def test_columns_are_what_each_expert_alone_predicts(experts: dict[str, str], pairs: Path, tmp_path: Path) -> None:
    assert command(experts, pairs, tmp_path / "scored") == 0
    table = read_pairs(tmp_path / "scored")
    assert table.schema.names == [*SCHEMA.names, *COLUMNS]
    assert table.select(SCHEMA.names).equals(read_pairs(pairs))
    texts = list(zip(table["first"].to_pylist(), table["second"].to_pylist(), strict=True))
    for name, folder in experts.items():
        model = CrossEncoder.from_pretrained(folder)
        given = np.stack([table[column].to_numpy() for column in Expert.of(model).columns(name)], axis=1)
        reads = [first for first, _ in texts] if model.n_texts == 1 else texts
        expected = model.logits(reads) if model.contract.form == "classes" else model.predict(reads)[:, None]
        np.testing.assert_allclose(given, expected, atol=1e-5, rtol=1e-5)
        assert np.ptp(given) > 0.1
    loaded = load_collection(f"pairs:{tmp_path / 'scored'}")
    assert loaded.candidates is not None
    assert list(loaded.candidates.columns) == COLUMNS
    described = stored_experts(tmp_path / "scored")
    assert described == {name: Expert.of(CrossEncoder.from_pretrained(folder)) for name, folder in experts.items()}


def test_experts_with_one_tokenizer_share_its_tokens(
    experts: dict[str, str], pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {name: CrossEncoder.from_pretrained(folder) for name, folder in experts.items()}
    collection = load_collection(f"pairs:{pairs}")
    assert collection.candidates is not None
    shared = SharedTokens(PairTexts(collection.candidates, collection), models.values())
    for model in models.values():
        shared.of(model, check=False)
    assert shared.n_tokenizations == 1
    models["sts"].tokenizer.backend_tokenizer.normalizer = None
    shared = SharedTokens(PairTexts(collection.candidates, collection), models.values())
    for model in models.values():
        shared.of(model, check=False)
    assert shared.n_tokenizations == 2


def test_what_was_stored_is_not_scored_again(
    experts: dict[str, str], pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, settings = load_collection(f"pairs:{pairs}"), ScoringSettings(store=tmp_path)
    assert collection.candidates is not None
    first, _ = score_experts(experts, collection.candidates, collection, settings)
    again, reports = score_experts(experts, collection.candidates, collection, settings)
    assert all(report.n_resumed == 50 for report in reports.values())
    assert all(np.array_equal(first[name], again[name]) for name in COLUMNS)


def test_a_part_that_is_lost_is_made_anew_and_others_are_left(
    experts: dict[str, str], pairs: Path, tmp_path: Path
) -> None:
    work = ExpertParts(experts)
    over_parts(work, pairs, tmp_path / "out")
    expected = contents(tmp_path / "out")
    (tmp_path / "out" / "00001.parquet").unlink()
    made, counts = over_parts(work, pairs, tmp_path / "out")
    assert (made, counts["pairs"]) == (1, 20)
    assert contents(tmp_path / "out") == expected
    with pytest.raises(UsageError, match=r"made otherwise, with other experts \(sts\)"):
        over_parts(ExpertParts({**experts, "sts": experts["nli"]}), pairs, tmp_path / "out")


def test_experts_can_be_added_later(experts: dict[str, str], pairs: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    assert command(experts, pairs, whole) == 0
    some = {name: experts[name] for name in ("nli", "sst")}
    assert command(some, pairs, tmp_path / "some") == 0
    assert command({"sts": experts["sts"]}, tmp_path / "some", tmp_path / "all") == 0
    assert read_pairs(tmp_path / "all").equals(read_pairs(whole))
    assert stored_experts(tmp_path / "all") == stored_experts(whole)


def test_stored_scores_are_those_that_experts_would_give(experts: dict[str, str], pairs: Path, tmp_path: Path) -> None:
    assert command(experts, pairs, tmp_path / "scored") == 0
    stored = load_collection(f"pairs:{tmp_path / 'scored'}")
    models = {name: CrossEncoder.from_pretrained(folder) for name, folder in experts.items()}
    fresh = expert_columns(models, load_collection(f"pairs:{pairs}"))
    taken = expert_columns(stored_experts(tmp_path / "scored"), stored)
    for name in COLUMNS:
        np.testing.assert_allclose(taken[name], fresh[name], rtol=1e-5, atol=1e-5)
    with pytest.raises(DataError, match=r"lacks scores in the column 'nli.0': score its parts again"):
        expert_columns(stored_experts(tmp_path / "scored"), load_collection(f"pairs:{pairs}"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words: [*words, "--model", "m"], "--experts score pairs:FOLDER or lists:FOLDER: --model"),
        (lambda words: [*words, "--collection", "pydocs"], "expected pairs:FOLDER"),
        (lambda words: [*words, "--passages", "max"], "passages must be 'first', got 'max'"),
        (lambda words: [*words, "--store", "s"], "a store is for a run in one file"),
        (lambda words: [*words, "--workers", "2"], "settings of a cluster"),
        (lambda words: [word.replace("sst=", "nli=") for word in words], "two experts are called 'nli'"),
        (lambda words: [word.replace("sst=", "first=") for word in words], "'first' is no name of an expert"),
        (lambda words: [word.replace("sst=", "a-b=") for word in words], "'a-b' is no name of an expert"),
        (lambda words: [word if word[:4] != "sst=" else "sst=" for word in words], "'sst' has no model"),
        (lambda words: [*words, "--out", "pairs"], "is where the parts are read from"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    experts: dict[str, str],
    pairs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[list[str]], list[str]],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs").symlink_to(pairs)
    before = set(tmp_path.iterdir()), contents(pairs)
    words = change(["--experts", *(f"{name}={folder}" for name, folder in experts.items())])
    given = {"--collection": "pairs:pairs", "--out": "out"}
    defaults = [word for option, value in given.items() if option not in words for word in (option, value)]
    assert main(["score", *words, *defaults]) == 2
    assert said in capsys.readouterr().err
    assert (set(tmp_path.iterdir()), contents(pairs)) == before


@pytest.mark.parametrize("rows", [{"first": "a"}, {"id": "1", "first": None, "second": "b"}])
def test_parts_that_are_no_pairs_are_refused(
    experts: dict[str, str], tmp_path: Path, rows: dict[str, str | None]
) -> None:
    (tmp_path / "pairs").mkdir()
    pq.write_table(pa.Table.from_pylist([rows]), tmp_path / "pairs" / "00000.parquet")
    with pytest.raises(DataError, match=r"00000.parquet.*(no 'id'|'first' has 1 nulls)"):
        over_parts(ExpertParts(experts), tmp_path / "pairs", tmp_path / "out")


@pytest.mark.slow
def test_ray_writes_the_same_bytes(experts: dict[str, str], pairs: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    over_parts(ExpertParts(experts), pairs, tmp_path / "here")
    cpus = torch.get_num_threads()
    over_parts(ExpertParts(experts), pairs, tmp_path / "ray", ClusterSettings("ray", workers=1, cpus=cpus))
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")
    lists = [json.loads((tmp_path / name / LIST).read_text()) for name in ("ray", "here")]
    assert lists[0] == lists[1]
