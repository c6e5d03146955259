"""Files of word vectors: three forms are read, and what is damaged is named by file and line."""

from __future__ import annotations

import gzip
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from rankdistill.augment.pieces import is_word, split
from rankdistill.errors import DataError, FileFormatError
from rankdistill.models.recurrent.start import embeddings_by_words, projected
from rankdistill.models.recurrent.vectors import read_vectors
from rankdistill.models.recurrent.vocabulary import (
    count_compounds,
    count_runs,
    count_words,
    with_segments,
    word_tokenizer,
)

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


@pytest.mark.parametrize("header", ["", "2 3\n"])
@pytest.mark.parametrize("blank", ["  ", "\t", " \t "])
def test_any_number_of_blanks_parts_a_word_from_its_numbers(blank: str, header: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(f"{header} good{blank}1{blank}2  3 \n. .{blank}4 5{blank}6\n")
    read = read_vectors(path)
    assert read.words == ["good", ". ."]
    assert read.vectors.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_only_the_first_words_and_the_wanted_ones_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text_of())
    assert read_vectors(path, first=1, wanted={"null"}).words == ["the", "null"]


@pytest.mark.parametrize(
    ("text", "line", "got"),
    [
        ("the 1 2 3\na 1 2\n", 2, "2 numbers"),
        ("the 1 2 3\na 1 2 3.5 4\nb 1 2 3\n", 2, "4 numbers"),
        ("the 1 2 3\na 1e-05 2 3 4\n", 2, "4 numbers"),
        ("the 1 2 3\na -1 2 3 4\n", 2, "4 numbers"),
        ("the 1 2 3\na 0 2 3 4\n", 2, "4 numbers"),
        ("3 2\nthe 1 2\na .5 1 2\nb 1 2\n", 3, "3 numbers"),
        ("the 1 2 3\na 0.1 0.2 0.3 0.4\n", 2, "4 numbers"),
        ("the 1 2 3\na 1 x 3\n", 2, "'x'"),
        ("the 1 2 3\na 1 nan 3\n", 2, "infinite or undefined"),
        ("the 1 2 3\n\na 1 2 3\n", 2, "an empty line"),
        ("3 2\nthe 1 2\na 1 2\n", 3, "2 words"),
        ("", 1, "nothing"),
    ],
)
def test_a_damaged_line_is_named_by_file_and_line(text: str, line: int, got: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=f"vectors.txt:{line}: .*{got}"):
        read_vectors(path)


def test_a_binary_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = binary(tmp_path / "vectors.bin")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FileFormatError, match="the end of the file in word 5 of 5"):
        read_vectors(path)


@pytest.mark.parametrize("zipped", [False, True])
def test_what_is_not_kept_takes_no_memory(zipped: bool, tmp_path: Path) -> None:
    """Neither the rows of other words, nor the file decompressed."""
    n_words, width = 20_000, 100
    rows = np.zeros((n_words, width), np.float32)
    data = b"".join(b"w%d " % number + row.tobytes() for number, row in enumerate(rows))
    path = tmp_path / ("vectors.bin.gz" if zipped else "vectors.bin")
    data = f"{n_words} {width}\n".encode() + data
    path.write_bytes(gzip.compress(data, 1) if zipped else data)
    size = len(data)
    del data, rows
    tracemalloc.start()
    read = read_vectors(path, first=0, wanted={"w7", "w19999"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read.words == ["w7", "w19999"]
    assert peak < size / 2


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", [0, 1, 7])
@pytest.mark.parametrize("byte", [b"\n", b" ", b"0", b"\r"])
def test_a_binary_file_is_told_whatever_bytes_its_first_vector_has(
    byte: bytes, place: int, zipped: bool, tmp_path: Path
) -> None:
    first = np.array([0.3, 1.7, -0.9], "<f4")
    data = bytearray(first.tobytes())
    data[place : place + 1] = byte
    values = np.stack([np.frombuffer(bytes(data), "<f4"), *VALUES[1:]])
    path = binary(tmp_path / "vectors.bin", values)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    read = read_vectors(path)
    assert read.words == WORDS
    np.testing.assert_array_equal(read.vectors, values)


@pytest.mark.parametrize("form", ["text", "binary"])
def test_words_that_are_not_utf8_are_left_out_and_counted(form: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    if form == "text":
        path.write_bytes(b"the 1 2 3\ncaf\xe9 4 5 6\ndog 7 8 9\n")
    else:
        rows = [b"the ", b"caf\xe9 ", b"dog "]
        path.write_bytes(b"3 3\n" + b"".join(word + row.tobytes() for word, row in zip(rows, VALUES, strict=False)))
    read = read_vectors(path)
    assert (read.words, read.n_undecoded) == (["the", "dog"], 1)


def test_a_damaged_gzip_file_and_files_of_other_kinds_are_named(tmp_path: Path) -> None:
    whole = gzip.compress(text_of().encode() * 1000)
    for data, got in ((whole[:-20], "intact gzip data"), (b"", "intact gzip data"), (b"PK\3\4zip", "intact gzip data")):
        (tmp_path / "vectors.gz").write_bytes(data)
        with pytest.raises(FileFormatError, match=got):
            read_vectors(tmp_path / "vectors.gz")
    (tmp_path / "vectors.txt").write_bytes(b"PK\3\4zip")
    with pytest.raises(FileFormatError, match="a zip archive"):
        read_vectors(tmp_path / "vectors.txt")
    with pytest.raises(DataError, match="there is no file"):
        read_vectors(tmp_path / "none")
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbf" + text_of().encode())
    assert read_vectors(tmp_path / "bom.txt").words == WORDS


def test_words_are_split_as_published_vectors_have_them() -> None:
    runs = count_runs([["Don't say it's 3.14,", "naïve half-truths DON\u2019T [MASK] [CLS] say"]])
    counts = count_words(runs, lower_case=True)
    expected = ["do", "n't", "say", "it", "'s", "3.14", ",", "naïve", "half", "-", "truths"]
    assert counts == Counter(dict.fromkeys(expected, 1)) + Counter(["do", "n't", "say"])
    assert count_words(runs, lower_case=False)["DO"] == 1
    assert count_compounds(runs, lower_case=True) == {"don't": 2, "it's": 1, "half-truths": 1, "3.14,": 1}


@pytest.mark.parametrize("lower_case", [True, False])
def test_a_word_of_the_vocabulary_is_found_whole_and_what_is_none_is_split(lower_case: bool) -> None:
    words = [
        "long-term",
        "long",
        "-",
        "term",
        "u.s.",
        "mr.",
        "--",
        "...",
        "``",
        "''",
        "e-mail",
        "'s",
        "o'brien",
        "o",
        "s",
    ]
    tokenizer = word_tokenizer(words, lower_case, max_length=32)

    def tokens(text: str) -> list[str]:
        return tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False)["input_ids"])

    for word in words:
        assert tokens(word) == [word]
        assert tokens(f"long {word} long") == ["long", word, "long"]
    assert tokens("(long-term), u.s. -- mr. o'brien's e-mail ...") == [
        "[UNK]", "long-term", "[UNK]", "[UNK]", "u.s.", "--", "mr.", "o'brien", "'s", "e-mail", "..."
    ]  # fmt: skip
    assert tokens("term-long long-terms") == ["term", "-", "long", "long", "-", "[UNK]"]
    assert tokens("o\u2019brien\u2019s") == ["o'brien", "'s"]
    assert tokens("LONG-term") == (["long-term"] if lower_case else ["[UNK]", "-", "term"])


def test_a_saved_tokenizer_of_words_reads_the_same_tokens(tmp_path: Path) -> None:
    tokenizer = word_tokenizer(["long-term", "u.s.", "plan", "'s"], lower_case=True, max_length=32)
    tokenizer.save_pretrained(tmp_path)
    texts = ["The U.S.'s long-term plan", "[MASK] plan-u.s."]
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    assert tokenizer.mask_token_id in tokenizer(texts)["input_ids"][1]


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


def test_a_base_without_a_special_token_between_the_texts_is_refused() -> None:
    from tiny import make_tokenizer
    from tokenizers import processors

    base = make_tokenizer()
    base.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A [SEP]", pair="$A $B [SEP]", special_tokens=[("[SEP]", 3)]
    )
    with pytest.raises(DataError, match="no special token between the texts"):
        with_segments(base)


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


def byte_level() -> Tokenizer:
    tokens = ["[PAD]", "[UNK]", *"godx,", "\u0120", "go", "od", "good", "\u0120good", "\u0120,"]
    merges = [("g", "o"), ("o", "d"), ("go", "od"), ("\u0120", "good"), ("\u0120", ",")]
    tokenizer = Tokenizer(models.BPE({token: at for at, token in enumerate(tokens)}, merges, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def sentencepiece() -> Tokenizer:
    pieces = ["\u2581good", "good", "\u2581", "\u2581,", ",", "\u65e5\u672c", *"godx"]
    scores = [("[PAD]", 0.0), ("[UNK]", 0.0), *((piece, -1.0 - at) for at, piece in enumerate(pieces))]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=1))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return tokenizer


def wordpiece() -> Tokenizer:
    tokens = ["[PAD]", "[UNK]", "good", "##good", "x", ",", "\u65e5\u672c"]
    tokenizer = Tokenizer(models.WordPiece({token: at for at, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    return tokenizer


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (byte_level, {"\u0120good": "good", "\u0120,": ",", ",": ","}),
        (sentencepiece, {"\u2581good": "good", "\u2581,": ",", ",": ",", "\u65e5\u672c": "\u65e5\u672c"}),
        (wordpiece, {"good": "good", ",": ",", "\u65e5\u672c": "\u65e5\u672c"}),
    ],
)
def test_a_piece_gets_the_vector_of_its_word_and_a_piece_inside_words_none(
    make: Callable[[], Tokenizer], words: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("good 1 2 3\n, 4 5 6\n\u65e5\u672c 7 8 9\n\ufffd 1 1 1\n")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=make(), pad_token="[PAD]", unk_token="[UNK]")
    vectors = read_vectors(path)
    known = dict(zip(vectors.words, vectors.vectors.tolist(), strict=True))
    matrix, n_found = embeddings_by_words(tokenizer, vectors, seed=0)
    rows = tokenizer.get_vocab()
    found = {token: matrix[row].tolist() for token, row in rows.items() if abs(matrix[row]).max() > 0.25}
    assert found == {token: known[word] for token, word in words.items()}
    assert n_found == len(words)


JAPANESE = [*"\u30e9\u30fc\u30e1\u30f3\u3092\u98df\u3079\u308b", "\u304b\u3099", "\U00020bb7", "\u91ce"]


def test_words_of_kana_and_chinese_characters_are_those_of_augment() -> None:
    text = "".join(JAPANESE) + " hot" + "\u30e9" * 2
    counts = count_words(count_runs([[text]]), lower_case=True)
    assert counts == Counter([*JAPANESE, "hot", "\u30e9", "\u30e9"])
    assert counts == Counter(piece for piece in split(text, "[MASK]") if is_word(piece, "[MASK]"))


def test_words_of_the_vectors_are_found_where_blanks_part_kana_or_chinese_characters() -> None:
    tokyo, desu = "\u6771\u4eac", "\u3067\u3059"
    tokenizer = word_tokenizer([tokyo, desu, *tokyo, *desu], lower_case=True, max_length=32)

    def tokens(text: str) -> list[str]:
        return tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False)["input_ids"])

    assert tokens(f"{tokyo} {desu}") == [tokyo, desu]
    assert tokens(tokyo + desu) == [*tokyo, *desu]


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


def test_every_word_of_the_shared_glove_file_can_be_reached(shared_data: Path) -> None:
    """But for those with a curly apostrophe, which is read as the straight one."""
    [path] = (shared_data / "glove-6b-50d-subset").glob("*.txt.gz")
    words = read_vectors(path).words
    tokenizer = word_tokenizer(words, lower_case=True, max_length=32)
    ids = tokenizer(words, add_special_tokens=False)["input_ids"]
    lost = [word for word, found in zip(words, ids, strict=True) if tokenizer.convert_ids_to_tokens(found) != [word]]
    assert lost == ["\u2019s", "\u2019"]
