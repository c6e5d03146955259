"""The one forward pass, over every family: its logits and insides are transformers' own, whatever is read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from tiny import FAMILIES, lively, make_model, make_tokenizer
from transformers import AlbertConfig, AlbertForSequenceClassification, FNetConfig, FNetForSequenceClassification

from rankdistill.errors import DataError, UnknownNameError
from rankdistill.models import CrossEncoder, with_two_logits
from rankdistill.models.companions import beside, companions_of, heads
from rankdistill.models.families import FAMILIES as ROWS
from rankdistill.models.families import family_of, layers_of, n_layers_of
from rankdistill.models.outputs import OWN, READS, Outputs, forward, has_first_token_shortcut
from rankdistill.models.weights import weights_beyond

LENGTHS = torch.tensor([20, 3, 11, 20, 5, 7])
EXACT = [family for family, row in ROWS.items() if not row.attention_adds]
SHORTCUT = [family for family, row in ROWS.items() if row.layer_at_first_token is not None]


def make_inputs(model: Any) -> dict[str, torch.Tensor]:
    """Six sequences of 3 to 20 tokens, padded on the right by the model's padding token."""
    ids = torch.randint(5, 40, (6, 20), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(20) < LENGTHS[:, None]).long()
    return {"input_ids": ids.where(mask.bool(), model.config.pad_token_id), "attention_mask": mask}


def run(model: Any, *reads: str, **options: Any) -> Outputs:
    with torch.no_grad():
        return forward(model, make_inputs(model), reads or ("logits",), **options)


def test_every_row_of_the_table_has_a_tiny_model() -> None:
    assert set(ROWS) <= set(FAMILIES)


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_logits_are_those_of_transformers_whatever_else_is_read(family: str, read: str) -> None:
    if family == "gpt2" and read in ("queries", "keys", "values", "relations"):
        pytest.skip("GPT-2 has no row, and its fused projection is not guessed")
    model = lively(family)
    with torch.no_grad():
        expected = model(**make_inputs(model)).logits
    torch.testing.assert_close(run(model, "logits", read).logits[OWN], expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_a_pair_alone_has_the_logits_it_has_in_a_padded_batch(family: str) -> None:
    model = lively(family)
    together = run(model).logits[OWN]
    inputs = make_inputs(model)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = {name: values[row : row + 1, :length] for name, values in inputs.items()}
        with torch.no_grad():
            torch.testing.assert_close(forward(model, alone).logits[OWN][0], together[row], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name in ROWS and ROWS[name].pooling == "last"])
@pytest.mark.parametrize("pad_token_id", [None, 0, 7])
def test_a_decoder_reads_the_last_real_token_whatever_pads_and_on_whichever_side(
    family: str, pad_token_id: int | None
) -> None:
    model = lively(family)
    expected = run(model).logits[OWN]
    inputs = make_inputs(model)
    model.config.pad_token_id = pad_token_id
    shift = (20 - LENGTHS)[:, None]
    left = {name: values.gather(1, (torch.arange(20) - shift) % 20) for name, values in inputs.items()}
    with torch.no_grad():
        torch.testing.assert_close(forward(model, inputs).logits[OWN], expected, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(forward(model, left).logits[OWN], expected, atol=2e-5, rtol=1e-4)
    assert model.config.pad_token_id == pad_token_id


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_hidden_states_are_those_that_the_model_went_through(family: str) -> None:
    model = lively(family)
    with torch.no_grad():
        expected = model(**make_inputs(model), output_hidden_states=True).hidden_states
    outputs, before_last = run(model, "hidden"), run(model, "hidden before the last")
    assert len(outputs.hidden) == n_layers_of(model) + 1
    for ours, theirs in zip(outputs.hidden, expected, strict=True):
        torch.testing.assert_close(ours[outputs.tokens], theirs[outputs.tokens], atol=1e-5, rtol=1e-4)
    for ours, theirs in zip(before_last.hidden[:-1], expected[:-1], strict=True):
        torch.testing.assert_close(ours[outputs.tokens], theirs[outputs.tokens], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", EXACT)
def test_attention_scores_give_the_attention_of_the_model(family: str) -> None:
    model = lively(family, attn_implementation="eager")
    with torch.no_grad():
        expected = model(**make_inputs(model), output_attentions=True).attentions
    outputs = run(model, "queries", "keys")
    rows = outputs.tokens[:, None].expand(-1, 4, -1)
    for layer, probabilities in enumerate(expected):
        masked = outputs.attention(layer).masked_fill(~outputs.tokens[:, None, None, :], -1e9)
        torch.testing.assert_close(masked.softmax(-1)[rows], probabilities[rows], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", [family for family in ROWS if family not in EXACT])
def test_attention_that_is_more_than_products_is_refused_by_name(family: str) -> None:
    outputs = run(lively(family), "queries", "keys")
    with pytest.raises(DataError, match=f"attention scores of {family_of(make_model(family)).name} cannot be compared"):
        outputs.attention(0)


@pytest.mark.parametrize("kind", ["queries", "keys", "values"])
@pytest.mark.parametrize("family", ROWS)
def test_projections_are_those_of_the_layers_own_inputs(family: str, kind: str) -> None:
    """Checked by hand: the projection's weight times what goes into the attention module."""
    model = lively(family)
    row = family_of(model)
    projection = getattr(row, kind)
    seen: list[torch.Tensor] = []
    modules = [layer.get_submodule(f"{row.attention}.{projection.name}") for layer in layers_of(model)]
    hooks = [m.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0])) for m in modules]
    outputs = run(model, kind)
    for hook in hooks:
        hook.remove()
    inputs = [x for x in seen if x.shape[:2] == (6, 20)]
    assert len(getattr(outputs, kind)) == len(modules) == 4
    for module, given, recorded in zip(modules, inputs, getattr(outputs, kind), strict=True):
        bias = 0 if module.bias is None else module.bias.chunk(projection.parts)[projection.part]
        by_hand = given @ module.weight.chunk(projection.parts)[projection.part].T + bias
        torch.testing.assert_close(recorded, by_hand, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_only_families_that_know_how_leave_out_the_last_layers_other_tokens(family: str) -> None:
    model = lively(family)
    assert has_first_token_shortcut(model) == (family in SHORTCUT)
    assert run(model, "pooled").hidden[-1].shape[1] == (1 if family in SHORTCUT else 20)
    assert run(model, "pooled", "hidden").hidden[-1].shape[1] == 20


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_bfloat16_stays_near_float32_and_leaves_nothing_behind(family: str) -> None:
    model = make_model(family)
    exact, low = run(model).logits[OWN], run(model, dtype="bfloat16").logits[OWN]
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, exact, atol=0.05, rtol=0.1)
    torch.testing.assert_close(run(model).logits[OWN], exact, atol=0, rtol=0)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_a_head_beside_the_model_reads_what_its_own_head_reads_and_is_gone_afterwards(family: str) -> None:
    model = lively(family)
    names = set(model.state_dict())
    with beside(model, heads(model, {"expert": 3})):
        outputs = run(model, heads=("expert",))
        assert outputs.pooled is not None
        again = companions_of(model)["head expert"](outputs.pooled)
        torch.testing.assert_close(outputs.logits["expert"], again)
        assert outputs.logits["expert"].shape == (6, 3)
        assert outputs.logits["expert"].std(dim=0).min() > 0
    assert set(model.state_dict()) == names


def test_companions_are_gone_after_an_exception() -> None:
    model = make_model()
    names = set(model.state_dict())
    with pytest.raises(RuntimeError, match="stop"), beside(model, heads(model, {"expert": 3})):
        raise RuntimeError("stop")
    assert set(model.state_dict()) == names


def test_an_output_that_no_model_has_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="output of a model 'querys'; did you mean 'queries'"):
        run(make_model(), "querys")


def test_a_family_without_a_row_is_guessed_and_says_so() -> None:
    model = make_model("gpt2", n_layer=3)  # of a shape that no other test has, as a guess is reported once
    model.config.model_type = "unheard-of"
    with pytest.warns(UserWarning, match=r"'unheard-of' has no row .* guessed that its layers are 'transformer.h'"):
        family = family_of(model)
    assert (family.layers, family.head, family.pooling) == ("transformer.h", "score", "last")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_two_logits_rank_as_one_did(family: str) -> None:
    tokenizer = make_tokenizer()
    pairs = [("a dog", "the dog wrote a book"), ("what", "sort the list"), ("first book", "a cat")]
    model = lively(family)
    if model.config.to_dict().get("type_vocab_size", 0) < 2:
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
    one = CrossEncoder(model, tokenizer)
    before = one.predict(pairs)
    two = with_two_logits(one)
    assert two.contract.n_logits == 2
    np.testing.assert_allclose(two.predict(pairs), before, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(one.predict(pairs), before)
    assert with_two_logits(two) is two


@pytest.mark.parametrize("family", ["bert", "qwen3"])
def test_threads_that_share_a_model_get_the_logits_of_one(family: str) -> None:
    model = lively(family)
    model.config.pad_token_id = None if family == "qwen3" else 0
    ids = torch.randint(5, 40, (8, 24), generator=torch.Generator().manual_seed(1))
    batches = [
        {"input_ids": ids[:rows, :length], "attention_mask": torch.ones(rows, length, dtype=torch.long)}
        for rows, length in ((8, 24), (3, 7), (5, 15), (1, 20))
    ] * 15
    logits = torch.inference_mode()(lambda batch: forward(model, batch).logits[OWN])
    expected = [logits(batch) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        for ours, theirs in zip(threads.map(logits, batches), expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    assert model.config.pad_token_id == (None if family == "qwen3" else 0)


def test_models_whose_layers_are_shared_score_and_refuse_what_needs_a_list_of_layers() -> None:
    config = AlbertConfig(vocab_size=64, embedding_size=8, hidden_size=32, num_attention_heads=2, num_labels=1)
    model = AlbertForSequenceClassification(config).eval()
    inputs = {"input_ids": torch.randint(5, 40, (3, 9)), "attention_mask": torch.ones(3, 9, dtype=torch.long)}
    with torch.no_grad():
        torch.testing.assert_close(forward(model, inputs).logits[OWN], model(**inputs).logits)
    with pytest.raises(DataError, match=r"holds no list of its 12 layers \(are they shared\?\)"):
        layers_of(model)


def test_a_model_that_takes_no_attention_mask_scores() -> None:
    config = FNetConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, intermediate_size=64, num_labels=1)
    model = FNetForSequenceClassification(config).eval()
    inputs = {"input_ids": torch.randint(5, 40, (3, 9))}
    with torch.no_grad():
        torch.testing.assert_close(forward(model, inputs).logits[OWN], model(**inputs).logits)


@pytest.mark.parametrize("family", ROWS)
def test_states_before_the_last_layer_depend_on_no_weight_beyond(family: str) -> None:
    model = lively(family).train()
    beyond = {id(weight) for weight in weights_beyond(model, -2)}
    forward(model, make_inputs(model), ("hidden before the last",)).hidden[-2].sum().backward()
    read = {name for name, weight in model.named_parameters() if weight.grad is not None}
    unread = {name for name, weight in model.named_parameters() if weight.grad is None}
    assert {name for name, weight in model.named_parameters() if id(weight) in beyond} == unread
    assert read
