"""Batches: pairs of many lengths in parts, which change nothing but the padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import make_candidates, make_collection, make_model, make_tokenizer

from rankdistill.models import CrossEncoder
from rankdistill.models.recurrent.bilstm import BiLSTMForSequenceClassification
from rankdistill.models.recurrent.config import BiLSTMConfig
from rankdistill.scoring import score
from rankdistill.training import batches
from rankdistill.training.batches import PART_TOKENS, PARTS, in_lists, length_parts, part_limits
from rankdistill.training.draw import plan_lists
from rankdistill.training.list_source import ListSource


@given(st.lists(st.integers(1, 512), min_size=1, max_size=70), st.integers(1, 6))
def test_parts_hold_every_pair_once_longest_first_and_pay_for_themselves(lengths: list[int], most: int) -> None:
    known = np.array(lengths)
    parts = length_parts(known, most, PART_TOKENS)
    order = np.concatenate(parts)
    assert sorted(order) == list(range(len(known)))
    assert (np.diff(known[order]) <= 0).all()
    assert 1 <= len(parts) <= most
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    padded = sum(len(part) * known[part].max() for part in parts)
    assert padded + PART_TOKENS * len(parts) <= len(known) * known.max() + PART_TOKENS


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_recurrent_student_leaves_padding_out_by_itself_on_a_cpu_in_float32(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "default_device", lambda: torch.device(device))
    model = BiLSTMForSequenceClassification(BiLSTMConfig(vocab_size=9, embedding_size=2, lstm_size=2, dense_size=2))
    usual = PARTS[device], PART_TOKENS
    assert part_limits(model, alone=True) == ((1, 0) if device == "cpu" else usual)
    assert part_limits(model, alone=False) == usual
    assert part_limits(model.double(), alone=True) == usual


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("PART_TOKENS", "PACKED_PART_TOKENS"):
        monkeypatch.setattr(batches, name, 1)
    collection = make_collection(8)
    candidates = make_candidates(collection, 10)
    candidates = candidates.with_columns(label=np.arange(len(candidates)))
    model = CrossEncoder(make_model(), make_tokenizer())
    plan = plan_lists(candidates, 4, 1, 0, labels=None)

    def made(max_parts: int) -> ListSource:
        return ListSource(model, candidates, collection, plan, ["label"], len(plan), max_parts=max_parts)

    return made, model, score(model, candidates, collection)


@pytest.mark.parametrize("max_parts", [1, 3])
def test_places_bring_every_score_back_to_its_pair(lists: Any, max_parts: int) -> None:
    made, model, expected = lists
    batch = made(max_parts)[0]
    assert len(batch["inputs"]) == max_parts
    with torch.no_grad():
        logits = torch.cat([model.model(**part).logits[:, 0] for part in batch["inputs"]])
    scores, rows = in_lists(logits[batch["places"]], batch["mask"]), batch["columns"]["label"]
    mask = batch["mask"].numpy()
    np.testing.assert_allclose(scores.numpy()[mask], expected[rows.numpy()[mask].astype(int)], atol=1e-5)


def test_parts_are_less_padded_and_gradients_are_the_same(lists: Any) -> None:
    made, model, _ = lists
    gradients, padded = [], []
    for max_parts in (1, 4):
        batch = made(max_parts)[0]
        padded.append(sum(part["input_ids"].size for part in map(_as_numpy, batch["inputs"])))
        model.model.zero_grad()
        logits = torch.cat([model.model(**part).logits for part in batch["inputs"]])[batch["places"]]
        (in_lists(logits, batch["mask"])[..., 0] * torch.nan_to_num(batch["columns"]["label"])).sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.model.parameters() if p.grad is not None]))
    assert padded[1] < 0.8 * padded[0]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-4)


def _as_numpy(part: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in part.items()}
