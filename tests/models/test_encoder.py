"""The encoder gives unit vectors, the mean of a text's token vectors, whatever the batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rankdistill.errors import DataError, UsageError
from rankdistill.models import Encoder

TEXTS = ["a dog", "", "the cat wrote a long book about a dog", "sort " * 100, "list"]


@pytest.fixture
def folder(tmp_path: Path, tiny_model: Callable[..., Any], tiny_tokenizer: Any) -> Path:
    tiny_model().bert.save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_vectors_are_the_normalised_means_of_the_tokens(folder: Path) -> None:
    encoder = Encoder.from_pretrained(folder)
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    for text, vector in zip(TEXTS, vectors, strict=True):
        inputs = encoder.tokenizer(text, truncation=True, max_length=64, return_tensors="pt")
        with torch.no_grad():
            mean = encoder.model(**inputs).last_hidden_state[0].mean(0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


def test_vectors_do_not_depend_on_the_batch_size(folder: Path) -> None:
    encoder = Encoder.from_pretrained(folder)
    np.testing.assert_allclose(encoder.encode(TEXTS, batch_tokens=1), encoder.encode(TEXTS), atol=1e-6)
    assert encoder.encode([]).shape == (0, 32)


def test_vectors_do_not_depend_on_how_the_tokenizer_pads(folder: Path) -> None:
    encoder = Encoder.from_pretrained(folder)
    expected = encoder.encode(TEXTS)
    encoder.tokenizer.padding_side = "left"
    encoder.tokenizer.pad_token = None
    np.testing.assert_array_equal(Encoder(encoder.model, encoder.tokenizer, 64).encode(TEXTS), expected)


def test_batches_done_are_reported(folder: Path) -> None:
    done: list[int] = []
    Encoder.from_pretrained(folder).encode(TEXTS, batch_tokens=1, advance=done.append)
    assert done == [1] * len(TEXTS)


def test_length_is_the_folders_own_unless_given(folder: Path) -> None:
    assert Encoder.from_pretrained(folder).max_length == 64
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    assert Encoder.from_pretrained(folder).max_length == 16
    assert Encoder.from_pretrained(folder, max_length=24).max_length == 24


def test_a_pooling_that_is_stated_without_a_list_of_modules_is_done(folder: Path) -> None:
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    encoder = Encoder.from_pretrained(folder)
    with torch.no_grad():
        first = encoder.model(**encoder.tokenizer("a dog", return_tensors="pt")).last_hidden_state[0, 0].numpy()
    np.testing.assert_allclose(encoder.encode(["a dog"])[0], first / np.linalg.norm(first), atol=1e-6)


def test_single_strings_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="list of texts"):
        Encoder.from_pretrained(folder).encode("a dog")


def test_prompts_can_be_given(folder: Path) -> None:
    encoder = Encoder.from_pretrained(folder, query_prompt="how to ", document_prompt="the book ")
    np.testing.assert_array_equal(encoder.encode_queries(["a cat"]), encoder.encode(["how to a cat"]))
    np.testing.assert_array_equal(encoder.encode_documents(["a cat"]), encoder.encode(["the book a cat"]))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("change", [b"", b"{", None], ids=["empty", "cut", "gone"])
def test_a_damaged_folder_is_named(folder: Path, name: str, change: bytes | None) -> None:
    (folder / name).unlink() if change is None else (folder / name).write_bytes(change)
    with pytest.raises(DataError, match=str(folder)):
        Encoder.from_pretrained(folder)


def test_an_encoder_with_a_decoder_that_is_not_known_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bart"}')
    with pytest.raises(DataError, match=r"'bart', an encoder with a decoder; of these t5, mt5, umt5"):
        Encoder.from_pretrained(folder)
