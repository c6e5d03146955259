"""one_lookup: the same passes and gradients, but one gradient of the whole table."""

from __future__ import annotations

import pytest
import torch
from tiny import make_model

from rankdistill.models.embeddings import one_lookup


@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "distilbert", "modernbert", "deberta-v2", "mpnet"])
def test_passes_and_gradients_are_the_same(family: str) -> None:
    model = make_model(family).eval()
    padding = int(model.config.pad_token_id)
    passes = [torch.randint(4, 40, (3, length), generator=torch.Generator().manual_seed(length)) for length in (5, 9)]
    passes[1][0, 6:] = padding

    def logits_and_gradients() -> list[torch.Tensor]:
        model.zero_grad()
        logits = torch.cat([model(input_ids=ids, attention_mask=(ids != padding).long()).logits for ids in passes])
        logits.pow(2).sum().backward()
        return [logits.detach(), *(weight.grad for weight in model.parameters() if weight.grad is not None)]

    expected = logits_and_gradients()
    with one_lookup(model, passes):
        ours = logits_and_gradients()
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_the_table_has_one_gradient_for_all_passes() -> None:
    model = make_model().eval()
    passes = [torch.full((2, 4), word) for word in (7, 8, 9)]
    with one_lookup(model, passes):
        outputs = [model(input_ids=ids).logits.sum() for ids in passes]
    ends: set[object] = set()

    def walk(node: object) -> None:
        for parent, _ in getattr(node, "next_functions", ()):
            if "Embedding" in type(parent).__name__ and any(
                getattr(end, "variable", None) is model.get_input_embeddings().weight
                for end, _ in parent.next_functions
            ):
                ends.add(parent)
            walk(parent)

    for output in outputs:
        walk(output.grad_fn)
    assert len(ends) == 1


def test_other_embeddings_are_left_alone() -> None:
    model = make_model()
    embeddings = model.get_input_embeddings()
    embeddings.max_norm = 1.0
    with one_lookup(model, [torch.ones(1, 2, dtype=torch.int64)]):
        assert "forward" not in embeddings.__dict__
