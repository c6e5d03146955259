"""FoldedLSTM: the logits of the BiLSTM's own forward pass, with less work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from tiny import make_tokenizer

from rankdistill.models import CrossEncoder
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.threads import THREAD_BATCH_TOKENS
from rankdistill.models.recurrent import folded
from rankdistill.models.recurrent.bilstm import BiLSTMForSequenceClassification
from rankdistill.models.recurrent.config import BiLSTMConfig
from rankdistill.models.recurrent.folded import FoldedLSTM

N_WORDS = 1300


def student(n_texts: int = 2, channels: int = 1, size: int = 7) -> BiLSTMForSequenceClassification:
    """A student of random weights, some of them large enough that its gates close."""
    torch.manual_seed(0)
    shape = {"vocab_size": N_WORDS, "embedding_size": 5, "lstm_size": size, "dense_size": 6, "num_labels": 2}
    model = BiLSTMForSequenceClassification(BiLSTMConfig(n_texts=n_texts, channels=channels, **shape)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight))
    return model


def batch(lengths: list[tuple[int, int]], n_texts: int, padding: int = 0) -> dict[str, torch.Tensor]:
    """Random words of texts of so many tokens, and padding beyond the longest row."""
    width = max(1, *(first + second for first, second in lengths)) + padding
    ids = torch.randint(0, N_WORDS, (len(lengths), width), generator=torch.Generator().manual_seed(width))
    mask, segments = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, (first, second) in enumerate(lengths):
        mask[row, : first + second] = 1
        segments[row, first : first + second] = 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    return inputs | ({"token_type_ids": segments} if n_texts == 2 else {})


LENGTHS = [(3, 9), (12, 1), (0, 4), (5, 0), (0, 0), (1, 1), (7, 30)]


@pytest.mark.parametrize("n_texts", [1, 2])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("size", [1, 7, 16])
def test_logits_are_those_of_the_forward_pass(n_texts: int, channels: int, size: int) -> None:
    model = student(n_texts, channels, size)
    inputs = batch(LENGTHS, n_texts, padding=3)
    with torch.inference_mode():
        given = FoldedLSTM(model).logits(inputs, "float32")
        expected = model(**inputs).logits
    assert given is not None
    torch.testing.assert_close(given, expected, atol=2e-6, rtol=1e-5)


def test_what_was_read_before_changes_no_bit() -> None:
    model, inputs = student(), batch(LENGTHS, 2)
    with torch.inference_mode():
        alone, later = FoldedLSTM(model), FoldedLSTM(model)
        for words in (batch([(40, 40)], 2), batch([(2, 1)] * 9, 2)):
            later.logits(words, "float32")
        one, other = (each.logits(inputs, "float32") for each in (alone, later))
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


@pytest.mark.parametrize("change", ["embeddings", "frozen", "lstm", "dense"])
@pytest.mark.parametrize("kept_texts", [0, 100])
def test_changed_weights_are_seen(change: str, kept_texts: int) -> None:
    model, inputs = student(channels=2), batch(LENGTHS, 2)
    short = FoldedLSTM(model, kept_texts)
    with torch.inference_mode():
        before = short.logits(inputs, "float32")
    with torch.no_grad():
        for weight in getattr(model, change).parameters():
            weight.mul_(0.5)
    with torch.inference_mode():
        after, expected = short.logits(inputs, "float32"), model(**inputs).logits
    assert before is not None
    assert after is not None
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, expected, atol=2e-6, rtol=1e-5)


def test_padding_and_the_other_rows_change_float_noise_alone() -> None:
    model = student()
    short = FoldedLSTM(model)
    with torch.inference_mode():
        together = short.logits(batch(LENGTHS, 2), "float32")
        assert together is not None
        for row in range(len(LENGTHS)):
            inputs = {name: values[row : row + 1] for name, values in batch(LENGTHS, 2).items()}
            alone = short.logits(inputs, "float32")
            assert alone is not None
            torch.testing.assert_close(alone[0], together[row], atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "dtype"),
    [
        (lambda: student(), "bfloat16"),
        (lambda: student().double(), "float32"),
        (lambda: torch.nn.Linear(2, 2), "float32"),
    ],
    ids=["bfloat16", "double", "another model"],
)
def test_what_it_does_not_compute_is_left_to_the_model(make: Callable[[], torch.nn.Module], dtype: str) -> None:
    assert FoldedLSTM(make()).logits(batch([(2, 2)], 2), dtype) is None


def test_a_vocabulary_that_would_take_too_much_memory_is_not_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folded, "MOST_BYTES", 1000)
    assert FoldedLSTM(student()).logits(batch([(2, 2)], 2), "float32") is None


@pytest.mark.parametrize("n_words", [119_547, 250_002])
def test_the_vocabularies_of_multilingual_bases_are_folded(n_words: int) -> None:
    """mBERT's and XLM-R's, at the size that a BiLSTM has unless told."""
    shape = {"vocab_size": n_words, "embedding_size": 1, "num_labels": 1}
    assert FoldedLSTM(BiLSTMForSequenceClassification(BiLSTMConfig(**shape))).can


# -- kept texts --------------------------------------------------------------------------------------------------------


def of_rows(inputs: dict[str, torch.Tensor], rows: list[int]) -> dict[str, torch.Tensor]:
    return {name: values[rows] for name, values in inputs.items()}


@pytest.mark.parametrize("n_texts", [1, 2])
@pytest.mark.parametrize("kept_texts", [1, 3, 100])
def test_scores_with_kept_texts_are_those_without(n_texts: int, kept_texts: int) -> None:
    model, inputs = student(n_texts), batch(LENGTHS, n_texts)
    keeping = FoldedLSTM(model, kept_texts)
    with torch.inference_mode():
        expected = FoldedLSTM(model).logits(inputs, "float32")
        assert expected is not None
        for rows in ([0, 1], [4], [5, 0, 6, 0], list(range(len(LENGTHS)))[::-1], list(range(len(LENGTHS)))):
            given = keeping.logits(of_rows(inputs, rows), "float32")
            torch.testing.assert_close(given, expected[rows], atol=2e-6, rtol=1e-5)


def test_a_kept_text_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    steps = folded.lstm_cell

    def counted(step, hidden, cell, n_active):
        read.append(n_active)
        steps(step, hidden, cell, n_active)

    monkeypatch.setattr(folded, "lstm_cell", counted)
    keeping, inputs = FoldedLSTM(student(), 100), batch([(2, 5), (3, 4), (4, 6)], 2)
    with torch.inference_mode():
        keeping.logits(of_rows(inputs, [0, 1]), "float32")
        assert sum(read) == 14
        keeping.logits(of_rows(inputs, [1, 0]), "float32")
        assert sum(read) == 14
        keeping.logits(inputs, "float32")
        assert sum(read) == 24


def test_threads_share_kept_texts() -> None:
    model, inputs = student(), batch(LENGTHS * 4, 2)
    keeping = FoldedLSTM(model, 5)
    with torch.inference_mode():
        expected = FoldedLSTM(model).logits(inputs, "float32")
    assert expected is not None

    def score(seed: int) -> tuple[list[int], torch.Tensor | None]:
        rows = np.random.default_rng(seed).integers(0, 4 * len(LENGTHS), 6).tolist()
        with torch.inference_mode():
            return rows, keeping.logits(of_rows(inputs, rows), "float32")

    with ThreadPoolExecutor(4) as pool:
        for rows, given in pool.map(score, range(60)):
            torch.testing.assert_close(given, expected[rows], atol=2e-6, rtol=1e-5)


def test_the_engine_computes_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs = student(), batch(LENGTHS, 2)
    with torch.inference_mode():
        expected = model(**inputs).logits.numpy()
    monkeypatch.setattr(model, "forward", None)
    given = TorchEngine(model).logits({name: values.numpy() for name, values in inputs.items()})
    np.testing.assert_allclose(given, expected, atol=2e-6, rtol=1e-5)


def test_auto_that_is_torch_reads_as_large_batches_as_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = {"embedding_size": 5, "lstm_size": 4, "dense_size": 6, "num_labels": 1}
    tokenizer = make_tokenizer()
    network = BiLSTMForSequenceClassification(BiLSTMConfig(vocab_size=len(tokenizer), **shape)).eval()
    model = CrossEncoder(network, tokenizer, engine="auto")
    monkeypatch.setattr("rankdistill.models.engines.fastest.importlib.util.find_spec", lambda name: name == "torch")
    assert isinstance(model.engine, TorchEngine)
    assert model.batch_tokens == model.with_engine("torch").batch_tokens > THREAD_BATCH_TOKENS
