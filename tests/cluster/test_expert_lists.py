"""Several experts score ranking lists part by part: a new folder of lists, which rekindle reads instead of scoring."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import changed, judged_collection, make_model, make_tokenizer

from rankdistill.cli.entry import main
from rankdistill.cli.experts import experts_over
from rankdistill.cli.rekindle_data import parts_that_are_read, unlabelled
from rankdistill.cluster import ClusterSettings, expert_parts, score_lists
from rankdistill.data import Collection, load_collection
from rankdistill.data.parts import LIST, parts_of
from rankdistill.data.query_lists import CORPUS, LISTS, QUERIES, REPORT, write_lists
from rankdistill.errors import DataError, UsageError
from rankdistill.files.checksums import checksums_path, damage, is_sealed
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.expert import Expert
from rankdistill.recipes.guided import expert_columns
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring.experts import score_experts, stored_experts

KINDS = {
    "rank": (1, ScoreContract("logit"), 2),
    "yes": (2, ScoreContract("classes", n_classes=2), 2),
    "sts": (1, ScoreContract("sigmoid", scale=5.0), 2),
}
COLUMNS = ["rank", "yes.0", "yes.1", "sts"]


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("experts")
    for name, (n_logits, contract, n_texts) in KINDS.items():
        model = make_model(num_labels=n_logits, initializer_range=0.3)
        with torch.no_grad():
            model.classifier.weight.mul_(5)
        CrossEncoder(model, make_tokenizer(), contract, max_length=32, n_texts=n_texts).save(folder / name)
    return {name: str(folder / name) for name in KINDS}


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty lists of at most four candidates, in three parts."""
    folder = tmp_path_factory.mktemp("lists") / "lists"
    collection = judged_collection()
    run = bm25(collection, k=4).take_queries(slice(0, 20))
    write_lists(run, collection, folder, queries_per_part=8, facts={"k": 4})
    return folder


def command(experts: dict[str, str], lists: Path, out: Path, *more: str) -> int:
    words = [f"{name}={folder}" for name, folder in experts.items()]
    return main(["score", "--experts", *words, "--collection", f"lists:{lists}", "--out", str(out), *more])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but locks and the list of parts, which names what other folders held."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in (LIST, ".lock"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def assert_same(one: Collection, other: Collection, columns: list[str]) -> None:
    """The same queries, documents and lists, with these columns to 1e-5."""
    assert one.candidates is not None
    assert other.candidates is not None
    for name in ("queries", "documents"):
        assert dict(getattr(one, name)) == dict(getattr(other, name))
    assert one.candidates.query_ids.equals(other.candidates.query_ids)
    assert one.candidates.doc_ids.equals(other.candidates.doc_ids)
    np.testing.assert_array_equal(one.candidates.offsets, other.candidates.offsets)
    for name in columns:
        np.testing.assert_allclose(one.candidates[name], other.candidates[name], rtol=1e-5, atol=1e-5, err_msg=name)
        assert np.ptp(one.candidates[name]) > 0.1


def test_the_new_folder_is_the_lists_with_what_the_experts_score_at_once(
    experts: dict[str, str], lists: Path, tmp_path: Path
) -> None:
    before = contents(lists)
    assert command(experts, lists, tmp_path / "scored") == 0
    old, new = load_collection(f"lists:{lists}"), load_collection(f"lists:{tmp_path / 'scored'}")
    assert old.candidates is not None
    assert new.candidates is not None
    assert list(new.candidates.columns) == ["score", *COLUMNS]
    columns, _ = score_experts(experts, old.candidates, old)
    expected = Collection("", old.queries, old.documents, candidates=old.candidates.with_columns(columns))
    assert_same(new, expected, ["score", *COLUMNS])
    pairs = [
        (old.queries[each.query_id], old.documents[document])
        for each in old.candidates.queries()
        for document in each.doc_ids
    ]
    logits = CrossEncoder.from_pretrained(experts["yes"]).logits(pairs)
    np.testing.assert_allclose(new.candidates["yes.1"], logits[:, 1], atol=1e-5)
    described = {name: Expert.of(CrossEncoder.from_pretrained(folder)) for name, folder in experts.items()}
    assert stored_experts(tmp_path / "scored" / LISTS) == described
    assert contents(lists) == before


def test_every_file_is_sealed_and_the_texts_are_the_same(experts: dict[str, str], lists: Path, tmp_path: Path) -> None:
    out = tmp_path / "scored"
    score_lists({"rank": experts["rank"]}, lists, out)
    for file in (out / QUERIES, out / CORPUS, *parts_of(out / LISTS)):
        assert is_sealed(file)
        assert damage(file) is None
    for name in (QUERIES, CORPUS, REPORT):
        assert (out / name).read_bytes() == (lists / name).read_bytes()
    assert not (out / LISTS / ".scores").exists()


def test_rekindle_finds_the_stored_experts_and_the_columns_that_it_would_score(
    experts: dict[str, str], lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = tmp_path / "scored"
    assert command(experts, lists, scored) == 0
    models = {name: CrossEncoder.from_pretrained(folder) for name, folder in experts.items()}
    plain = unlabelled(str(lists), None)
    fresh = expert_columns(models, plain)
    expected = Collection("", plain.queries, plain.documents, candidates=fresh)
    monkeypatch.setattr(CrossEncoder, "logits", None)
    monkeypatch.setattr(CrossEncoder, "predict", None)
    for data in (str(scored), f"lists:{scored}"):
        for words in ([], list(experts.values())):
            guides = experts_over(parts_that_are_read(data, None), words)
            assert list(guides) == list(KINDS)
            assert all(isinstance(each, Expert) for each in guides.values())
            found = unlabelled(data, None)
            taken = expert_columns(guides, found)
            read = Collection("", found.queries, found.documents, candidates=taken)
            assert_same(read, expected, COLUMNS)


def test_another_run_over_scored_lists_has_no_stored_experts(
    experts: dict[str, str], lists: Path, tmp_path: Path
) -> None:
    score_lists({"rank": experts["rank"]}, lists, tmp_path / "scored")
    assert experts_over(parts_that_are_read(str(tmp_path / "scored"), tmp_path / "other.trec"), []) == {}


def test_what_was_finished_before_a_kill_is_kept(
    experts: dict[str, str], lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_lists(experts, lists, tmp_path / "whole")
    out, n_done = tmp_path / "out", 0

    def killed(*given: object, description: str, **more: object) -> object:
        nonlocal n_done
        if description == "00001":
            raise KeyboardInterrupt
        n_done += 1
        return score_experts(*given, description=description, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(expert_parts, "score_experts", killed)
    with pytest.raises(KeyboardInterrupt):
        score_lists(experts, lists, out)
    assert n_done == 1
    with pytest.raises(DataError, match=r"has lists and no lists.json: run the command that writes it again"):
        load_collection(f"lists:{out}")
    with pytest.raises(DataError, match=r"has lists and no lists.json: run the command that writes it again"):
        unlabelled(str(out), None)
    monkeypatch.setattr(expert_parts, "score_experts", score_experts)
    first = (out / LISTS / "00000.parquet").stat().st_mtime_ns
    made, counts = score_lists(experts, lists, out)
    run = load_collection(f"lists:{lists}").candidates
    assert run is not None
    assert (made, counts["pairs"]) == (2, run.offsets[20] - run.offsets[8])
    assert (out / LISTS / "00000.parquet").stat().st_mtime_ns == first
    assert contents(out) == contents(tmp_path / "whole")
    assert score_lists(experts, lists, out) == (0, {})
    with pytest.raises(UsageError, match=r"made otherwise, with other experts \(sts\)"):
        score_lists({**experts, "sts": experts["rank"]}, lists, out)


def test_lists_of_other_texts_are_not_resumed(experts: dict[str, str], lists: Path, tmp_path: Path) -> None:
    collection = load_collection(f"lists:{lists}")
    assert collection.candidates is not None
    score_lists({"rank": experts["rank"]}, lists, tmp_path / "out")
    before = contents(tmp_path / "out")
    first = collection.candidates.doc_ids[0].as_py()
    other = Collection("", collection.queries, changed(collection.documents, **{first: "another text"}))
    write_lists(collection.candidates, other, tmp_path / "lists", queries_per_part=8)
    with pytest.raises(UsageError, match="made otherwise, with other documents"):
        score_lists({"rank": experts["rank"]}, tmp_path / "lists", tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_experts_can_be_added_later(experts: dict[str, str], lists: Path, tmp_path: Path) -> None:
    assert command(experts, lists, tmp_path / "whole") == 0
    assert command({name: experts[name] for name in ("rank", "yes")}, lists, tmp_path / "some") == 0
    assert command({"sts": experts["sts"]}, tmp_path / "some", tmp_path / "all") == 0
    assert contents(tmp_path / "all") == contents(tmp_path / "whole")
    assert stored_experts(tmp_path / "all" / LISTS) == stored_experts(tmp_path / "whole" / LISTS)


def test_damaged_texts_are_refused(experts: dict[str, str], lists: Path, tmp_path: Path) -> None:
    score_lists({"rank": experts["rank"]}, lists, tmp_path / "one")
    kept = contents(lists)
    file = tmp_path / "one" / QUERIES
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.unlink()
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"queries.parquet is damaged"):
        score_lists({"sts": experts["sts"]}, tmp_path / "one", tmp_path / "two")
    assert checksums_path(file).is_file()
    assert contents(lists) == kept


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words: [*words, "--model", "m"], "are for one model"),
        (lambda words: [*words, "--run", "r"], "are for one model"),
        (lambda words: [*words, "--predict", "p"], "are for one model"),
        (lambda words: [*words, "--collection", "lists:other"], "other is no folder of lists: write one with"),
        (lambda words: [*words, "--collection", "lists:absent"], "expected pairs:FOLDER"),
        (
            lambda words: [*words, "--collection", "lists"],
            "lists:FOLDER, such as `rankdistill retrieve",
        ),
        (lambda words: [*words, "--store", "s"], "a store is for a run in one file"),
        (lambda words: [*words, "--passages", "max"], "passages must be 'first', got 'max'"),
        (lambda words: [word.replace("sts=", "score=") for word in words], "'score' is no name of an expert"),
        (lambda words: [word.replace("sts=", "doc_id=") for word in words], "'doc_id' is no name of an expert"),
        (lambda words: [word.replace("sts=", "taken=") for word in words], "two experts are called 'taken'"),
        (lambda words: [*words, "--out", "lists"], "is where the parts are read from"),
        (lambda words: [*words, "--out", "other"], "other already exists and is not empty: give a new folder"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    experts: dict[str, str],
    lists: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[list[str]], list[str]],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    score_lists({"taken": experts["rank"]}, lists, "lists")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / CORPUS).write_text("keep")
    before = contents(tmp_path)
    capsys.readouterr()
    words = change(["--experts", *(f"{name}={folder}" for name, folder in experts.items())])
    given = {"--collection": "lists:lists", "--out": "out"}
    defaults = [word for option, value in given.items() if option not in words for word in (option, value)]
    assert main(["score", *words, *defaults]) in (1, 2)
    assert said in " ".join(capsys.readouterr().err.split())
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_ray_writes_the_same_bytes(experts: dict[str, str], lists: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    score_lists(experts, lists, tmp_path / "here")
    cluster = ClusterSettings("ray", workers=1, cpus=torch.get_num_threads())
    score_lists(experts, lists, tmp_path / "ray", cluster=cluster)
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")
    facts = [json.loads((tmp_path / name / LISTS / LIST).read_text()) for name in ("ray", "here")]
    assert facts[0] == facts[1]
