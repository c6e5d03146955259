"""Variations as a whole: rates, tags, determinism, duplicates, labels, and errors that help."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pair_tasks import write_glue
from tiny import judged_collection

from rankdistill.augment import AugmentSettings, augment, variations
from rankdistill.augment.build import QUERIES, REPORT
from rankdistill.augment.forms import tag_by_form
from rankdistill.augment.pieces import Pieces, encode, is_word, split
from rankdistill.augment.tagged import _tag_block
from rankdistill.augment.variations import Varied, load
from rankdistill.data.pair_parts import read_pairs
from rankdistill.data.parts import LIST
from rankdistill.data.sources import load_collection
from rankdistill.data.sources.query_file import read_queries
from rankdistill.errors import DataError, UnknownNameError, UsageError

FORMS = AugmentSettings(tagger="forms")
MASK = "[MASK]"


@pytest.fixture(scope="module")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_glue(tmp_path_factory.mktemp("glue"))


@pytest.fixture(scope="module")
def long_task(tmp_path_factory: pytest.TempPathFactory) -> str:
    """3,000 texts of thirty words each, more than one block."""
    folder = tmp_path_factory.mktemp("long")
    words = [
        "the",
        "a",
        "dog",
        "cat",
        "runs",
        "slowly",
        "quickly",
        "of",
        "in",
        "movie",
        "film",
        "good-looking",
        "house",
        ",",
        ".",
        "!",
        "is",
        "was",
        "singing",
    ]
    lines = [" ".join(words[(i * 7 + j * j + i // 19) % 19] for j in range(30)) + f" n{i}\t0" for i in range(3000)]
    (folder / "train.tsv").write_text("\n".join(["text\ty", *lines, "one more\t1", ""]))
    (folder / "task.yaml").write_text("kind: classification\ntexts: [text]\nlabel: y\nclasses: [no, yes]\n")
    return f"task:{folder}"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def made(source: str, out: Path, settings: AugmentSettings = FORMS, **options: object) -> list[dict[str, str]]:
    augment(load_collection(source), out, settings, processes=1, **options)  # type: ignore[arg-type]
    return pq.read_table(out / "00000.parquet").to_pylist()


def changes(row: dict[str, str], originals: dict[str, str]) -> list[tuple[str, str]]:
    """The pieces of a variation beside those of its text, which are as many."""
    before, after = split(originals[row["id"].partition("~")[0]], MASK), split(row["first"], MASK)
    assert len(before) == len(after)
    return list(zip(before, after, strict=True))


def test_rates_are_those_asked_for_and_nothing_but_words_changes(long_task: str, tmp_path: Path) -> None:
    settings = AugmentSettings(tagger="forms", n_iter=3, p_mask=0.2, p_pos=0.1)
    rows = made(long_task, tmp_path / "out", settings)
    originals = dict(load_collection(long_task).queries)
    tags = defaultdict(set)
    pairs = [pair for row in rows for pair in changes(row, originals)]
    for text in originals.values():
        for piece in split(text, MASK):
            tags[tag_by_form(piece)].add(piece)
    words = [(old, new) for old, new in pairs if is_word(old, MASK)]
    assert all(old == new for old, new in pairs if not is_word(old, MASK))
    masked = sum(new == MASK for _, new in words) / len(words)
    replaced = [(old, new) for old, new in words if new not in (old, MASK)]
    assert abs(masked - 0.2) < 0.01
    assert abs(len(replaced) / len(words) - 0.1) < 0.01
    assert all(new in tags[tag_by_form(old)] for old, new in replaced)


def test_bytes_do_not_depend_on_the_number_of_processes(long_task: str, tmp_path: Path) -> None:
    for processes in (1, 2):
        augment(load_collection(long_task), tmp_path / str(processes), FORMS, processes=processes, pairs_per_part=9_000)
    assert files(tmp_path / "1") == files(tmp_path / "2")
    assert {"00000.parquet", "00003.parquet", REPORT, LIST} < set(files(tmp_path / "1"))


def varied_texts(n: int, words: int, rounds: int) -> Varied:
    """Texts of so many words, each varied in so many rounds of seed 5."""
    texts = [split(" ".join(f"w{(text + at) % 50}" for at in range(words)), MASK) for text in range(n)]
    vocabulary, ids, offsets = encode(texts)
    pieces = Pieces(vocabulary, ids, offsets, np.zeros(len(ids), np.int32), (), np.ones(len(vocabulary), bool))
    settings = AugmentSettings(n_iter=rounds, p_pos=0, seed=5)
    names, none = pa.array([str(text) for text in range(n)], pa.large_string()), np.zeros(0, np.int64)
    return Varied(pieces, (np.arange(n),), names, 0, settings, None, none, np.zeros((0, 1), np.int32))


@pytest.mark.parametrize("most", [1, 30, 1 << 40])
def test_draws_are_one_sequence_however_many_pieces_are_in_memory(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variations, "PIECES", most)
    varied = varied_texts(7, 6, 3)
    parts = [drawn for [drawn] in varied.drawn(0)]
    assert (len(parts) > 1) == (most < 1 << 40)
    places = np.concatenate([part.places for part in parts])
    np.testing.assert_array_equal(places, varied.pieces.places(np.repeat(np.arange(7), 3))[0])
    draws, uniform = np.random.default_rng([5, 0, 0]).random((2, len(places)))
    np.testing.assert_array_equal(np.concatenate([part.uniform for part in parts]), uniform)
    masked = np.concatenate([part.operation for part in parts]) == variations.MASK
    np.testing.assert_array_equal(masked, draws < 0.1)


@pytest.mark.parametrize("task", ["rte", "sst2"])
def test_bytes_do_not_depend_on_the_pieces_in_memory(
    task: str, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(f"glue:{task}@{glue}", tmp_path / "whole")
    monkeypatch.setattr(variations, "PIECES", 100)
    made(f"glue:{task}@{glue}", tmp_path / "parts")
    assert files(tmp_path / "whole") == files(tmp_path / "parts")


def test_memory_does_not_grow_with_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variations, "PIECES", 10_000)
    peaks = []
    for rounds in (5, 40):
        varied = varied_texts(200, 50, rounds)
        tracemalloc.start()
        for [drawn] in varied.drawn(0):
            varied.applied(drawn, Counter())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def test_another_seed_gives_others_and_the_same_seed_the_same(glue: Path, tmp_path: Path) -> None:
    one, again = (made(f"glue:rte@{glue}", tmp_path / name) for name in "ab")
    other = made(f"glue:rte@{glue}", tmp_path / "c", AugmentSettings(tagger="forms", seed=1))
    assert one == again != other


def test_pairs_change_the_first_the_second_and_both_in_turn(glue: Path, tmp_path: Path) -> None:
    source = f"glue:rte@{glue}"
    rows = made(source, tmp_path / "out", AugmentSettings(tagger="forms", n_iter=6, p_mask=0.5))
    collection = load_collection(source)
    seen = set()
    for row in rows:
        example, _, turn = row["id"].partition("~")
        own = row["first"] == collection.queries[example], row["second"] == collection.documents[example]
        seen.add(own)
        assert (
            own
            in {0: [(False, True)], 1: [(True, False)], 2: [(False, True), (True, False), (False, False)]}[
                (int(turn) - 1) % 3
            ]
        )
    assert len(seen) == 3


def test_duplicates_and_unchanged_texts_are_left_out_and_counts_add_up(glue: Path, tmp_path: Path) -> None:
    collection = load_collection(f"glue:sst2@{glue}")
    counts = augment(collection, tmp_path / "out", FORMS, processes=1)
    texts = read_pairs(tmp_path / "out")["first"].to_pylist()
    assert len(set(texts)) == len(texts) == counts["kept"]
    assert not set(texts) & {collection.queries[each] for each in collection.split("train")}
    assert counts["variations"] == 600 == counts["kept"] + counts["duplicates"] + counts["unchanged"]
    assert json.loads((tmp_path / "out" / REPORT).read_text())["counts"] == counts


def test_the_label_of_the_original_stands_beside_each_variation(glue: Path, tmp_path: Path) -> None:
    collection = load_collection(f"glue:sst2@{glue}")
    rows = made(f"glue:sst2@{glue}", tmp_path / "out")
    labels = dict(zip(collection.qrels.row_query_ids.to_pylist(), collection.qrels["label"], strict=True))  # type: ignore[union-attr]
    assert all(row["label"] == labels[row["id"].partition("~")[0]] for row in rows)
    assert all(row["second"] == "" for row in rows)
    assert "label" not in made(f"glue:sst2@{glue}", tmp_path / "test", split="test")[0]


def test_a_sample_is_of_the_size_asked_for(glue: Path, tmp_path: Path) -> None:
    settings = AugmentSettings(tagger="forms", pairs=20)
    assert len(made(f"glue:rte@{glue}", tmp_path / "out", settings)) == 20


def test_queries_of_a_ranking_are_varied_for_retrieve(tmp_path: Path) -> None:
    collection = judged_collection()
    augment(collection, tmp_path / "out", FORMS, processes=1)
    queries = read_queries(tmp_path / "out" / QUERIES)
    table = read_pairs(tmp_path / "out")
    assert queries.ids.to_pylist() == table["id"].to_pylist()
    assert queries.texts.to_pylist() == table["first"].to_pylist()
    assert {each.partition("~")[0] for each in queries.ids.to_pylist()} <= set(collection.split("train"))


@pytest.mark.parametrize("p_mask", [0, 0.1])
def test_masked_words_of_queries_are_said_as_lists_do_not_say_them(
    p_mask: float, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = AugmentSettings(tagger="forms", p_mask=p_mask, mask_token="<m>")
    augment(judged_collection(), tmp_path / "out", settings, processes=1)
    told = "masked words of the queries are written <m>, and lists that are retrieved"
    assert (told in capsys.readouterr().err) == (p_mask > 0)
    made(f"glue:sst2@{glue}", tmp_path / "task", settings)
    assert "masked words" not in capsys.readouterr().err


def test_parts_of_variations_can_be_varied_again(glue: Path, tmp_path: Path) -> None:
    made(f"glue:rte@{glue}", tmp_path / "once")
    again = made(f"pairs:{tmp_path / 'once'}", tmp_path / "twice")
    assert again[0]["id"].count("~") == 2


def test_single_texts_varied_again_are_no_pairs(glue: Path, tmp_path: Path) -> None:
    made(f"glue:sst2@{glue}", tmp_path / "once")
    counts = augment(load_collection(f"pairs:{tmp_path / 'once'}"), tmp_path / "twice", FORMS, processes=1)
    assert not any("changed" in what and "kept" in what for what in counts)
    assert {int(each.rpartition("~")[2]) for each in read_pairs(tmp_path / "twice")["id"].to_pylist()} == set(
        range(1, 11)
    )


def test_parts_say_what_is_written_for_masked_words(glue: Path, tmp_path: Path) -> None:
    made(f"glue:sst2@{glue}", tmp_path / "masked", AugmentSettings(tagger="forms", mask_token="<mask>"))
    made(f"glue:sst2@{glue}", tmp_path / "plain", AugmentSettings(tagger="forms", p_mask=0))
    assert load_collection(f"pairs:{tmp_path / 'masked'}").mask_token == "<mask>"
    assert load_collection(f"pairs:{tmp_path / 'plain'}").mask_token is None
    again = made(f"pairs:{tmp_path / 'masked'}", tmp_path / "again", AugmentSettings(tagger="forms", p_mask=0))
    assert any("[MASK]" in row["first"] for row in again)
    assert not any("<mask>" in row["first"] for row in again)
    assert load_collection(f"pairs:{tmp_path / 'again'}").mask_token == "[MASK]"


def test_no_maps_of_deleted_files_are_kept(glue: Path, tmp_path: Path) -> None:
    made(f"glue:sst2@{glue}", tmp_path / "out")
    assert load.cache_info().currsize == 0


BLANKS = [chr(code) for code in range(0x3001) if chr(code).isspace()]


@pytest.mark.parametrize("tagger", ["forms", None])
def test_every_blank_parts_words_and_has_no_tag(tagger: str | None) -> None:
    texts = pa.array([f"a good{blank}film{blank}{blank}." for blank in BLANKS])
    block = _tag_block(texts, MASK, tagger)
    vocabulary = block.vocabulary.to_pylist()
    pieces = [vocabulary[each] for each in block.ids]
    assert "".join(pieces) == "".join(texts.to_pylist())
    if tagger:
        assert [tag < 0 for tag in block.tags] == [piece.isspace() for piece in pieces]


def test_the_same_command_may_run_again_and_another_is_refused(glue: Path, tmp_path: Path) -> None:
    first = made(f"glue:rte@{glue}", tmp_path / "out")
    assert made(f"glue:rte@{glue}", tmp_path / "out") == first
    with pytest.raises(UsageError, match=r"made with other settings.p_mask: give a new folder"):
        made(f"glue:rte@{glue}", tmp_path / "out", AugmentSettings(tagger="forms", p_mask=0.3))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_iter": 0}, "n_iter must be at least 1"),
        ({"p_mask": -0.1}, "p_mask is a probability"),
        ({"p_mask": float("nan")}, "p_mask is a probability"),
        ({"p_mask": 0.6, "p_pos": 0.6}, "add up to 1"),
        ({"p_mask": 0, "p_pos": 0}, "nothing would change"),
        ({"mask_token": "a b"}, "mask_token must be one word"),
        ({"context_words": 0}, "context_words must be at least 1"),
        ({"pairs": 0}, "pairs must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        AugmentSettings(**settings)  # type: ignore[arg-type]


def test_what_cannot_be_done_is_refused(glue: Path, tmp_path: Path) -> None:
    source = f"glue:sst2@{glue}"
    with pytest.raises(UsageError, match="p_context and base belong together"):
        made(source, tmp_path / "out", AugmentSettings(p_context=0.4))
    with pytest.raises(UnknownNameError, match="split of"):
        made(source, tmp_path / "out", split="trane")
    with pytest.raises(UsageError, match="unknown tagger 'nltk': expected auto, spacy"):
        made(source, tmp_path / "out", AugmentSettings(tagger="nltk"))
    with pytest.raises(DataError, match=r"no variation of glue:sst2 is left: .*unchanged.*raise p_mask"):
        made(source, tmp_path / "out", AugmentSettings(p_mask=1e-12, p_pos=0))
    assert not (tmp_path / "out").exists()
