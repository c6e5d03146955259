"""Corpora as a whole: the same bytes whatever the processes, counts that add up, errors that help."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path

import pytest

from rankdistill.corpus import documents as reading
from rankdistill.corpus.build import REPORT, build_corpus
from rankdistill.corpus.documents import blocks
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.corpus.sources import open_source
from rankdistill.data.pair_parts import read_pairs
from rankdistill.data.parts import LIST
from rankdistill.errors import DataError, FileFormatError, UsageError

pytest.importorskip("sentencex", reason="the extra 'corpus' is not installed")
pytest.importorskip("rensa", reason="the extra 'corpus' is not installed")
NOUNS = ["cat", "dog", "book", "list", "tree", "house", "river", "stone", "letter", "garden"]


def story(number: int) -> str:
    first, second = NOUNS[number % 10], NOUNS[number // 10 % 10]
    return (
        f"The {first} of story {number} met a {second}. Nobody knew what the {second} wanted from it, not in {number}."
    )


@pytest.fixture
def text(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    with gzip.open(folder / "a.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"title": "t", "text": story(i)}) + "\n" for i in range(60))
    (folder / "b.txt").write_text("\n\n".join(story(i) for i in range(50, 90)))
    return folder


def documents(source: str | Path) -> list[str]:
    return list(open_source(source).documents())


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_half_a_surrogate_pair_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "sound"}\n{"text": "\\ud83d\\ude00"}\n{"text": "half \\ud800"}\n')
    with pytest.raises(FileFormatError, match=r"a\.jsonl:3: .*surrogate"):
        documents(tmp_path)


def test_duplicates_across_files_are_found_and_counts_add_up(text: Path, tmp_path: Path) -> None:
    counts = build_corpus([text], tmp_path / "out", CorpusSettings(similarity=1.0), processes=1)
    assert counts["documents"] == counts["pairs"] == 100
    assert (counts["duplicates"], counts["too long"]) == (10, 0)
    assert counts["kept"] == len(read_pairs(tmp_path / "out")) == 90
    assert json.loads((tmp_path / "out" / REPORT).read_text())["counts"] == counts


def test_bytes_do_not_depend_on_the_number_of_processes(text: Path, tmp_path: Path) -> None:
    for processes in (1, 2):
        settings = CorpusSettings(pairs=20, seed=3)
        build_corpus([text], tmp_path / str(processes), settings, processes=processes, pairs_per_part=16)
    assert files(tmp_path / "1") == files(tmp_path / "2")
    names = ["00000.parquet", "00001.parquet"]
    assert sorted(files(tmp_path / "1")) == [*(f".{name}.checksum" for name in names), *names, REPORT, LIST]


def test_a_sample_depends_on_the_seed_and_ids_count_the_pairs(text: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        build_corpus([text], tmp_path / str(seed), CorpusSettings(pairs=20, seed=seed), processes=1)
    one, other = (read_pairs(tmp_path / str(seed)) for seed in (0, 1))
    assert one["id"].to_pylist() == [str(i) for i in range(20)]
    assert one["first"].to_pylist() != other["first"].to_pylist()


def test_parts_hold_all_pairs_in_order(text: Path, tmp_path: Path) -> None:
    build_corpus([text], tmp_path / "one", CorpusSettings(similarity=1.0), processes=1)
    build_corpus([text], tmp_path / "many", CorpusSettings(similarity=1.0), processes=1, pairs_per_part=7)
    assert read_pairs(tmp_path / "one").equals(read_pairs(tmp_path / "many"))
    assert len(list((tmp_path / "many").glob("*.parquet"))) == 13


def test_a_collection_is_a_source(text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "collection"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text(json.dumps({"_id": "d1", "text": story(1)}))
    (folder / "queries.tsv").write_text("q1\tcat\n")
    assert documents(f"folder:{folder}") == documents(folder) == [story(1)]


def test_blocks_keep_the_order_and_lose_nothing() -> None:
    texts = [str(i) * (i % 7) for i in range(100)]
    assert [text for block in blocks(texts, 20) for text in block] == texts


def test_plain_text_is_parted_at_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n\r\n\r\nthree")
    assert documents(tmp_path / "a.txt") == ["one\ntwo", "three"]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_file_without_empty_lines_streams_and_its_pairs_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    lines = [story(number) for number in range(60)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    whole = CorpusSettings(similarity=1.0)
    build_corpus([tmp_path / "a.txt"], tmp_path / "whole", whole, processes=1)
    monkeypatch.setattr(reading, "BLOCK", 300)
    pieces = documents(tmp_path / "a.txt")
    assert "\n".join(pieces) == "\n".join(lines)
    assert len(pieces) > 10
    assert all(300 <= len(piece.replace("\n", "")) < 300 + max(map(len, lines)) for piece in pieces[:-1])
    build_corpus([tmp_path / "a.txt"], tmp_path / "cut", whole, processes=processes)
    assert read_pairs(tmp_path / "whole").equals(read_pairs(tmp_path / "cut"))


def test_a_piece_of_a_document_is_there_before_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_bytes(b"A line.\n" * 9 + b"\xff\n")
    monkeypatch.setattr(reading, "BLOCK", 20)
    pieces = reading.read_documents(tmp_path / "a.txt")
    assert [next(pieces) for _ in range(3)] == ["A line.\nA line.\nA line."] * 3
    with pytest.raises(FileFormatError, match=r"a\.txt:10"):
        next(pieces)


def test_a_wrapped_paragraph_that_is_cut_loses_one_pair_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("".join(story(number) for number in range(40)).replace(".", ".\n"))
    settings = CorpusSettings(similarity=1.0, wrapped=True, overlap=True)
    build_corpus([tmp_path / "a.txt"], tmp_path / "whole", settings, processes=1)
    monkeypatch.setattr(reading, "BLOCK", 1000)
    n_cuts = len(documents(tmp_path / "a.txt")) - 1
    build_corpus([tmp_path / "a.txt"], tmp_path / "cut", settings, processes=1)
    whole, cut = (
        {(row["first"], row["second"]) for row in read_pairs(tmp_path / name).to_pylist()} for name in ("whole", "cut")
    )
    assert cut <= whole
    assert len(whole - cut) == n_cuts > 1


def test_sentences_that_are_about_all_without_a_neighbour_name_what_helps(tmp_path: Path) -> None:
    lines = [f"The {noun} of this story met another one of its kind." for noun in NOUNS]
    text = tmp_path / "a.txt"
    text.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"10 of 10 fit sentences are without a neighbour.*--wrapped"):
        build_corpus([text], tmp_path / "out", processes=1)
    for parted in ("\n\n".join(lines), "\n\n".join([*lines, "Too short."])):
        text.write_text(parted)
        with pytest.raises(DataError, match=r"most documents are one sentence, and empty lines"):
            build_corpus([text], tmp_path / "out", processes=1)
    exact = CorpusSettings(similarity=1.0)
    text.write_text("\n".join([story(0), *lines, *lines]))
    with pytest.warns(UserWarning, match=r"20 of 22 fit sentences are without a neighbour.*--wrapped"):
        assert build_corpus([text], tmp_path / "few", exact, processes=1)["kept"] == 1
    with warnings.catch_warnings(action="error"):
        build_corpus([text], tmp_path / "wrapped", CorpusSettings(similarity=1.0, wrapped=True), processes=1)
        text.write_text("\n".join([*map(story, range(10)), *lines]))
        build_corpus([text], tmp_path / "half", exact, processes=1)


def test_the_report_has_the_similarity_that_was_taken(text: Path, tmp_path: Path) -> None:
    for similarity, taken in ((0.6, 0.5), (0.8, 0.7711), (1.0, 1.0)):
        build_corpus([text], tmp_path / f"{similarity}", CorpusSettings(similarity=similarity), processes=1)
        facts = json.loads((tmp_path / f"{similarity}" / REPORT).read_text())
        assert (facts["settings"]["similarity"], facts["near duplicates from"]) == (similarity, taken)


def test_a_language_without_rules_is_split_with_a_warning(text: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="no rules of the language 'sv'"):
        swedish = build_corpus([text], tmp_path / "sv", CorpusSettings(language="sv"), processes=1)
    with warnings.catch_warnings(action="error"):
        assert build_corpus([text], tmp_path / "en", CorpusSettings(), processes=1) == swedish
        build_corpus([text], tmp_path / "cs", CorpusSettings(language="cs"), processes=1)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"text": 3}\n', r"a.jsonl:2: .*a JSON object with a string 'text'"),
        ("a.jsonl", b'{"title": "x"}\n', r"a.jsonl:1"),
        ("a.txt", b"ok\n\xff\n", r"a.txt:2: .*text in UTF-8"),
        ("a.txt.gz", gzip.compress(b"x" * 9999, mtime=0)[:-9], r"a.txt.gz is damaged"),
        ("a.txt", b"Too short.\n", r"no pair of sentences is left of .*a.txt: 1 documents, 1 sentences, 1 too short"),
        ("a.txt", b"", r"no pair of sentences is left"),
        ("a.pdf", b"", r"a.pdf is no text file that can be read: expected text \(.txt"),
    ],
)
def test_text_that_cannot_be_used_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((DataError, FileFormatError, UsageError), match=said):
        build_corpus([tmp_path / name], tmp_path / "out", processes=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("source", ["absent", "empty"])
def test_a_source_without_text_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises((DataError, UsageError), match=r"there is no file or folder|holds no text files"):
        build_corpus([tmp_path / source], tmp_path / "out", processes=1)


def test_a_folder_that_is_not_empty_is_left_alone(text: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(UsageError, match="already exists and is not empty: give a new folder"):
        build_corpus([text], tmp_path / "out")


def modified(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_the_same_corpus_may_be_written_again_and_no_other(text: Path, tmp_path: Path) -> None:
    """A finished one is left as it is, and made anew where a part of it is damaged."""
    settings = CorpusSettings(pairs=20)
    counts = build_corpus([text], tmp_path / "out", settings, processes=1)
    before, times = files(tmp_path / "out"), modified(tmp_path / "out")
    assert build_corpus([text], tmp_path / "out", settings, processes=1) == counts
    assert (files(tmp_path / "out"), modified(tmp_path / "out")) == (before, times)
    (tmp_path / "out" / "00000.parquet").write_bytes(b"damaged")
    build_corpus([text], tmp_path / "out", settings, processes=1)
    assert files(tmp_path / "out") == before
    with pytest.raises(UsageError, match=r"holds parts that were made with other settings\.pairs: give a new folder"):
        build_corpus([text], tmp_path / "out", CorpusSettings(pairs=10), processes=1)
    (text / "b.txt").unlink()
    with pytest.raises(UsageError, match=r"made with other contents of the text"):
        build_corpus([text], tmp_path / "out", settings, processes=1)
    assert files(tmp_path / "out") == before


@pytest.mark.parametrize("harm", ["flip", "cut", "delete"])
def test_a_damaged_corpus_is_refused_by_name(text: Path, tmp_path: Path, harm: str) -> None:
    build_corpus([text], tmp_path / "out", CorpusSettings(), processes=1, pairs_per_part=20)
    file = tmp_path / "out" / "00001.parquet"
    data = file.read_bytes()
    file.write_bytes(data[:99] + bytes([data[99] ^ 1]) + data[100:] if harm == "flip" else data[:99])
    if harm == "delete":
        file.unlink()
    with pytest.raises(DataError, match=r"00001\.parquet"):
        read_pairs(tmp_path / "out")
