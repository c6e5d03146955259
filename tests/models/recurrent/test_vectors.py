"""Files of word vectors: three forms are read, and what is damaged is named by file and line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from rankdistill.errors import FileFormatError
from rankdistill.models.recurrent.start import embeddings_by_words, projected
from rankdistill.models.recurrent.vectors import read_vectors
from rankdistill.models.recurrent.vocabulary import count_words, with_segments, word_tokenizer

WORDS = ["the", "#", "null", '"', "é"]
VALUES = np.arange(15, dtype=np.float32).reshape(5, 3) / 8 - 1


def text_of(words: list[str] = WORDS) -> str:
    return "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, VALUES, strict=True))


def binary(path: Path, values: np.ndarray = VALUES, end: bytes = b"\n") -> Path:
    rows = b"".join(word.encode() + b" " + row.tobytes() + end for word, row in zip(WORDS, values, strict=True))
    path.write_bytes(b"5 3\n" + rows)
    return path


@pytest.mark.parametrize("form", ["glove", "glove.gz", "word2vec text", "word2vec binary", "binary without line ends"])
def test_every_form_of_file_gives_the_same_words_and_vectors(form: str, tmp_path: Path) -> None:
    path = tmp_path / ("vectors.txt.gz" if form == "glove.gz" else "vectors.bin")
    if form == "glove.gz":
        path.write_bytes(gzip.compress(text_of().encode()))
    elif "binary" in form:
        binary(path, end=b"" if "without" in form else b"\n")
    else:
        path.write_text(("5 3\n" if "word2vec" in form else "") + text_of())
    read = read_vectors(path)
    assert read.words == WORDS
    np.testing.assert_array_equal(read.vectors, VALUES)


def test_a_word_may_hold_blanks_and_the_first_of_a_repeated_word_counts(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("the 1 2 3\n. . . 4 5 6\nthe 7 8 9\n")
    read = read_vectors(path)
    assert (read.words, read.n_repeated) == (["the", ". . ."], 1)
    assert read.vectors.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_only_the_first_words_and_the_wanted_ones_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text_of())
    assert read_vectors(path, first=1, wanted={"null"}).words == ["the", "null"]


@pytest.mark.parametrize(
    ("text", "line", "got"),
    [
        ("the 1 2 3\na 1 2\n", 2, "2 numbers"),
        ("the 1 2 3\na 1 2 3.5 4\nb 1 2 3\n", 2, None),
        ("the 1 2 3\na 0.1 0.2 0.3 0.4\n", 2, "4 numbers"),
        ("the 1 2 3\na 1 x 3\n", 2, "'x'"),
        ("the 1 2 3\na 1 nan 3\n", 2, "infinite or undefined"),
        ("the 1 2 3\n\na 1 2 3\n", 2, "an empty line"),
        ("3 2\nthe 1 2\na 1 2\n", 3, "2 words"),
        ("", 1, "nothing"),
    ],
)
def test_a_damaged_line_is_named_by_file_and_line(text: str, line: int, got: str | None, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text)
    if got is None:  # a word with a blank whose last part is a whole number is a word
        assert read_vectors(path).words == ["the", "a 1", "b"]
        return
    with pytest.raises(FileFormatError, match=f"vectors.txt:{line}: .*{got}"):
        read_vectors(path)


def test_a_binary_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = binary(tmp_path / "vectors.bin")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FileFormatError, match="the end of the file in word 5 of 5"):
        read_vectors(path)


def test_words_are_split_as_published_vectors_have_them() -> None:
    counts = count_words([["Don't say it's 3.14, naïve half-truths"]], lower_case=True)
    assert list(counts) == ["do", "n't", "say", "it", "'s", "3.14", ",", "naïve", "half", "-", "truths"]


def test_tokenizers_of_words_number_the_texts_of_a_pair() -> None:
    tokenizer = word_tokenizer(["cat", "dog"], lower_case=True, max_length=32)
    encoded = tokenizer("Cat", "dog bird")
    assert tokenizer.convert_ids_to_tokens(encoded["input_ids"]) == ["[CLS]", "cat", "[SEP]", "dog", "[UNK]", "[SEP]"]
    assert encoded["token_type_ids"] == [0, 0, 0, 1, 1, 1]


def test_a_base_whose_tokenizer_numbers_no_texts_gets_segments_and_keeps_its_ids() -> None:
    from tiny import make_tokenizer
    from tokenizers import processors

    base = make_tokenizer()
    base.backend_tokenizer.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))
    ours = with_segments(base)
    expected = base("a cat", "the dog")["input_ids"]
    assert ours("a cat", "the dog")["input_ids"] == expected
    segments = ours("a cat", "the dog")["token_type_ids"]
    assert segments == sorted(segments)
    assert segments[-1] == 1
    assert ours("a cat")["input_ids"] == base("a cat")["input_ids"]


def test_words_of_the_vocabulary_get_their_vectors_and_padding_gets_none(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text_of())
    vectors = read_vectors(path)
    tokenizer = word_tokenizer(["the", "unseen"], lower_case=True, max_length=32)
    matrix, n_found = embeddings_by_words(tokenizer, vectors, seed=0)
    rows = tokenizer.get_vocab()
    assert n_found == 1
    assert matrix[rows["the"]].tolist() == VALUES[0].tolist()
    assert not matrix[tokenizer.pad_token_id].any()
    assert 0 < abs(matrix[rows["unseen"]]).max() <= 0.25


def test_projection_keeps_the_directions_in_which_embeddings_differ_most() -> None:
    random = np.random.default_rng(0)
    wide = (random.normal(size=(200, 3)) @ random.normal(size=(3, 12))).astype(np.float32)
    narrow = projected(wide, 3)
    apart = [np.linalg.norm(each[:50, None] - each[None, :50], axis=-1) for each in (wide, narrow)]
    np.testing.assert_allclose(apart[0] / apart[0].max(), apart[1] / apart[1].max(), atol=1e-4)


def test_the_shared_glove_file_is_read_whole(shared_data: Path) -> None:
    [path] = (shared_data / "glove-6b-50d-subset").glob("*.txt.gz")
    read = read_vectors(path)
    assert (len(read.words), read.vectors.shape[1]) == (10_000, 50)
