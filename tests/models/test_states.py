"""States: those of the model itself, for every family; and heads of two logits that rank as one did."""

import numpy as np
import pytest
import torch
from tiny import FAMILIES, make_model, make_tokenizer

from rankdistill.models import CrossEncoder, with_two_logits
from rankdistill.models.states import forward_with_states

PAIRS = [("a dog", "the dog wrote a book"), ("what", "sort the list"), ("first book", "a cat")]


def inputs_of(family):
    encoded = make_tokenizer()([q for q, _ in PAIRS], [d for _, d in PAIRS], padding=True, return_tensors="pt")
    if family in ("distilbert", "roberta"):
        encoded.pop("token_type_ids")
    return dict(encoded)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_that_the_model_went_through(family):
    model, inputs = make_model(family, attn_implementation="eager"), inputs_of(family)
    with torch.no_grad():
        logits, states = forward_with_states(model, inputs)
        expected = model(**inputs, output_hidden_states=True, output_attentions=True)
    torch.testing.assert_close(logits, expected.logits)
    for mine, its in zip(states.hidden, expected.hidden_states, strict=True):
        torch.testing.assert_close(mine, its)
    assert len(states.queries) == len(states.keys) == 4
    for layer, probabilities in enumerate(expected.attentions):
        masked = states.attention(layer).masked_fill(~states.tokens[:, None, None, :], -1e9)
        torch.testing.assert_close(
            masked.softmax(-1)[states.tokens[:, None].expand(-1, 4, -1)],
            probabilities[states.tokens[:, None].expand(-1, 4, -1)],
            atol=1e-5,
            rtol=1e-4,
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_two_logits_rank_as_one_did(family, tmp_path):
    one = CrossEncoder(make_model(family), make_tokenizer())
    if family in ("distilbert", "roberta"):
        one.tokenizer.model_input_names = ["input_ids", "attention_mask"]
    before = one.predict(PAIRS)
    two = with_two_logits(one)
    assert two.contract.n_logits == 2
    np.testing.assert_allclose(two.predict(PAIRS), 1 / (1 + np.exp(-before)), rtol=1e-5)
    np.testing.assert_array_equal(one.predict(PAIRS), before)
    assert with_two_logits(two) is two
    two.save(tmp_path / "two")
    np.testing.assert_allclose(
        CrossEncoder.from_pretrained(tmp_path / "two").predict(PAIRS), two.predict(PAIRS), rtol=1e-5
    )
