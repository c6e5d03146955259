"""A packed LSTM gives the states and gradients that torch's own gives for each text alone, in float64."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rankdistill.models.recurrent.biattentive import BiAttentiveForSequenceClassification
from rankdistill.models.recurrent.bilstm import BiLSTMForSequenceClassification
from rankdistill.models.recurrent.config import BiAttentiveConfig, BiLSTMConfig
from rankdistill.models.recurrent.folded import FoldedLSTM
from rankdistill.models.recurrent.lstm import BiLSTM
from rankdistill.models.recurrent.packed import PackedTexts
from rankdistill.models.recurrent.texts import Text, texts_of

WORDS = 11


def texts(lengths: list[tuple[int, int]], padding: int) -> list[Text]:
    """The two texts of pairs of so many tokens each."""
    width = max(1, *(sum(each) for each in lengths)) + padding
    mask, segments = (torch.zeros(len(lengths), width, dtype=torch.int64) for _ in range(2))
    for row, (first, second) in enumerate(lengths):
        mask[row, : first + second] = 1
        segments[row, first : first + second] = 1
    return texts_of(mask, mask, segments, 2)


def naive(lstm: BiLSTM, vectors: Tensor, words: Tensor) -> Tensor:
    """States (n, 2·H) of one text, by torch's LSTM over it alone from either end."""
    inputs = vectors[words][None]
    onwards, backwards = lstm.onwards(inputs)[0][0], lstm.backwards(inputs.flip(1))[0][0]
    return torch.cat([onwards, backwards.flip(0)], dim=-1)


def gradients(modules: Any, vectors: Tensor) -> list[Tensor]:
    return [vectors.grad, *(weight.grad for weight in modules.parameters())]


LENGTHS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=7)


@given(LENGTHS, st.integers(0, 3), st.sampled_from([1, 5, 8, 17]))
def test_states_and_gradients_are_torchs_own_of_each_text_alone(
    lengths: list[tuple[int, int]], padding: int, size: int
) -> None:
    torch.manual_seed(size)
    lstm, packed = BiLSTM(6, size), PackedTexts.of(texts(lengths, padding))
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.normal_()
    exact = copy.deepcopy(lstm).double()
    vectors = torch.randn(WORDS, 6, requires_grad=True)
    exact_vectors = vectors.detach().double().requires_grad_()
    n_tokens = sum(first + second for first, second in lengths)
    words = torch.randint(0, WORDS, (n_tokens,))
    weights = torch.randn(n_tokens, 2 * size)
    ordered = [first for first, _ in lengths], [second for _, second in lengths]
    counts = [n for part in ordered for n in part]

    states = lstm.packed(vectors, words, packed)
    padded, last = packed.padded(states), torch.cat(packed.last(states))
    flat = packed.flat(padded)
    (flat * weights).sum().backward(retain_graph=True)
    last.sum().backward()

    each = [naive(exact, exact_vectors, part) if len(part) else None for part in words.split(counts)]
    expected = torch.cat([part for part in each if part is not None] or [flat.double()])
    ends = [
        torch.zeros(2 * size).double() if part is None else torch.cat([part[-1, :size], part[0, size:]])
        for part in each
    ]
    torch.testing.assert_close(flat, expected.float(), atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(last, torch.stack(ends).float(), atol=2e-6, rtol=1e-5)
    if not n_tokens:
        assert not any(each.any() for each in gradients(lstm, vectors))
        return
    ((expected * weights).sum() + torch.stack(ends).sum()).backward()
    for given_, right in zip(gradients(lstm, vectors), gradients(exact, exact_vectors), strict=True):
        torch.testing.assert_close(given_, right.float(), atol=1e-4, rtol=1e-4)
    for text, rows in zip(packed.texts, padded, strict=True):
        assert not rows[~text.known].any(), "states beyond a text's end are 0"


SHAPE: dict[str, Any] = {"vocab_size": 40, "embedding_size": 5, "lstm_size": 4, "dense_size": 6, "num_labels": 2}
NETWORKS = {
    "bilstm": (BiLSTMForSequenceClassification, BiLSTMConfig),
    "biattentive": (BiAttentiveForSequenceClassification, BiAttentiveConfig),
}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("n_texts", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_the_same_from_packed_texts_as_from_padded_ones(
    name: str, n_texts: int, channels: int
) -> None:
    network, config = NETWORKS[name]
    torch.manual_seed(0)
    packed = network(config(**SHAPE, n_texts=n_texts, channels=channels)).eval()
    exact = copy.deepcopy(packed).double()  # packed in float32 alone
    assert packed.can_pack
    assert not exact.can_pack
    ids = torch.randint(0, 40, (5, 12))
    ids[3] = ids[0]
    ids[4, :3] = ids[0, :3]  # a query that three pairs share
    mask, segments = torch.ones_like(ids), torch.zeros_like(ids)
    for row, (first, second) in enumerate([(3, 9), (12, 0), (0, 0), (3, 9), (3, 2)]):
        segments[row, first : first + second] = 1
        mask[row, first + second :] = 0
    logits = [model(ids, mask, segments).logits for model in (packed, exact)]
    torch.testing.assert_close(logits[0], logits[1].float(), atol=1e-6, rtol=1e-5)
    for each in logits:
        (each * torch.arange(10).view(5, 2)).sum().backward()
    for (weight, one), (_, other) in zip(packed.named_parameters(), exact.named_parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None), weight
        if one.grad is not None:
            torch.testing.assert_close(one.grad, other.grad.float(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("changed", ["embeddings.weight", "weight_hh_l0", "bias_ih_l0"])
@pytest.mark.parametrize("name", NETWORKS)
def test_weights_that_diverged_are_seen_in_the_logits(name: str, changed: str) -> None:
    network, config = NETWORKS[name]
    model = network(config(**SHAPE)).eval()
    with torch.no_grad():
        for weight, values in model.named_parameters():
            if weight.endswith(changed):
                values.fill_(torch.nan)
    ids = torch.randint(0, 40, (5, 12))
    inputs = {"input_ids": ids, "token_type_ids": (torch.arange(12) > 5).long().expand(5, -1)}
    assert model(**inputs).logits.isnan().all()
    with torch.inference_mode():
        folded = FoldedLSTM(model).logits(inputs, "float32")
    assert name != "bilstm" or (folded is not None and folded.isnan().all())


class Replaced(torch.nn.Module):
    """What a tool puts in the place of an LSTM, such as a quantized one: it has no weights of torch's names."""

    def __init__(self, inner: torch.nn.LSTM) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Any:
        return self.inner(inputs)


def test_an_lstm_that_a_tool_replaced_is_run_by_its_own_forward_pass() -> None:
    torch.manual_seed(0)
    model = BiLSTMForSequenceClassification(BiLSTMConfig(**SHAPE)).eval()
    ids = torch.randint(0, 40, (5, 12))
    expected = model(ids).logits
    assert model.can_pack
    model.lstm.onwards = Replaced(model.lstm.onwards)
    assert not model.can_pack
    torch.testing.assert_close(model(ids).logits, expected)
    with torch.inference_mode():
        assert FoldedLSTM(model).logits({"input_ids": ids}, "float32") is None


def test_the_same_gradient_can_be_computed_twice() -> None:
    lstm, packed = BiLSTM(3, 4), PackedTexts.of(texts([(2, 3), (4, 1)], 0))
    states = lstm.packed(torch.randn(WORDS, 3), torch.arange(10), packed)
    one, other = (torch.autograd.grad(states.sum(), list(lstm.parameters()), retain_graph=True) for _ in range(2))
    assert all(torch.equal(*both) for both in zip(one, other, strict=True))


def test_under_autocast_the_steps_stay_in_float32() -> None:
    lstm, packed = BiLSTM(3, 4), PackedTexts.of(texts([(2, 3), (4, 1)], 0))
    vectors, places = torch.randn(WORDS, 3), torch.arange(10)
    exact = lstm.packed(vectors, places, packed)
    with torch.autocast("cpu", torch.bfloat16):
        cast = lstm.packed(vectors, places, packed)
        cast.sum().backward()
    inside = lstm.onwards.weight_hh_l0.grad.clone()
    lstm.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        again = lstm.packed(vectors, places, packed)
    again.sum().backward()
    assert torch.equal(lstm.onwards.weight_hh_l0.grad, inside), "products of the backward pass are float32, too"
    assert cast.dtype == torch.float32
    torch.testing.assert_close(cast, exact, atol=0.02, rtol=0)
    assert not torch.equal(cast, exact), "what tokens add to the gates is computed in bfloat16"


def test_a_query_of_many_pairs_has_the_same_gradient_every_time() -> None:
    """By several threads, too: a training that is resumed must end as one that was not."""
    torch.manual_seed(0)
    shape = {**SHAPE, "lstm_size": 200}  # enough that threads share the rows
    model = BiLSTMForSequenceClassification(BiLSTMConfig(**shape)).eval()
    ids = torch.cat([torch.full((400, 3), 7), torch.randint(0, 40, (400, 9))], dim=1)
    segments = (torch.arange(12) >= 3).long().expand(400, -1)
    weights = torch.randn(400, 2)

    def gradient() -> Tensor:
        model.zero_grad()
        (model(ids, torch.ones_like(ids), segments).logits * weights).sum().backward()
        return torch.cat([weight.grad.flatten() for weight in model.parameters()])

    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        first = gradient()
        assert all(torch.equal(gradient(), first) for _ in range(20))
    finally:
        torch.set_num_threads(before)
