"""first_token_only: the same logits and gradients from less work, and all as before afterwards."""

from __future__ import annotations

import inspect

import pytest
import torch
from tiny import make_model
from torch.utils.flop_counter import FlopCounterMode

from rankdistill.models.first_token import _attend_by_modules, _attend_by_weights
from rankdistill.models.outputs import OWN, first_token_only, forward, has_first_token_shortcut


@pytest.fixture
def inputs() -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 40, (6, 20), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(20) < torch.tensor([[20], [3], [11], [20], [1], [7]])).long()
    return {"input_ids": ids, "attention_mask": mask}


def gradients(model, inputs) -> torch.Tensor:
    model.zero_grad()
    model(**inputs).logits.pow(2).sum().backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(
    "family", ["bert", "roberta", "xlm-roberta", "camembert", "electra", "modernbert", "rankdistill-layer-mean"]
)
def test_logits_and_gradients_are_the_same(family: str, attention: str, inputs) -> None:
    model = make_model(family, initializer_range=0.3, num_labels=2)
    model.set_attn_implementation(attention)
    assert has_first_token_shortcut(model)
    taken = inspect.signature(model.forward).parameters
    inputs = {name: values for name, values in inputs.items() if name in taken}
    expected, slope = model(**inputs).logits.detach(), gradients(model, inputs)
    with first_token_only(model):
        torch.testing.assert_close(model(**inputs).logits.detach(), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(gradients(model, inputs), slope, atol=1e-4, rtol=1e-4)
        whole = {**inputs, "attention_mask": torch.ones_like(inputs["attention_mask"])}
        short = model(**whole).logits.detach()
    torch.testing.assert_close(model(**whole).logits.detach(), short, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_another_precision_give_the_same_logits(dtype: torch.dtype, attention: str, inputs) -> None:
    model = make_model(initializer_range=0.3).to(dtype)
    model.set_attn_implementation(attention)
    expected = model(**inputs).logits
    with first_token_only(model):
        logits = model(**inputs).logits
    assert logits.dtype == dtype
    close = 1e-10 if dtype == torch.float64 else 16 * torch.finfo(dtype).eps
    torch.testing.assert_close(logits, expected, atol=close, rtol=close)


def test_gradients_under_autocast_are_those_of_all_tokens(inputs) -> None:
    model = make_model(initializer_range=0.3, num_labels=2)
    expected = gradients(model, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        slope = gradients(model, inputs)
        with first_token_only(model):
            short = gradients(model, inputs)
    error = (slope - expected).norm()
    assert 0 < (short - expected).norm() < 1.5 * error, "as near to those in float32"


def test_it_is_nearly_a_layer_less_work(inputs) -> None:
    model = make_model(hidden_size=48, intermediate_size=192, num_attention_heads=4)
    inputs = {name: values.repeat(1, 3) for name, values in inputs.items()}

    def flops() -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(**inputs)
        return counter.get_total_flops()

    whole = flops()
    with first_token_only(model):
        assert flops() / whole == pytest.approx(1 - 1 / 4, abs=0.03)


def test_projections_that_are_no_plain_linear_maps_are_called(inputs) -> None:
    class Doubled(torch.nn.Linear):
        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(states)

    model = make_model(initializer_range=0.3)
    attention = model.bert.encoder.layer[-1].attention.self
    doubled = Doubled(*attention.key.weight.shape)
    doubled.load_state_dict(attention.key.state_dict())
    attention.key = doubled
    attention.value.register_forward_hook(lambda _module, _inputs, output: 3 * output)
    expected = model(**inputs).logits
    with first_token_only(model):
        torch.testing.assert_close(model(**inputs).logits, expected, atol=1e-5, rtol=1e-5)


def test_attention_is_dropped_as_by_keys_and_values_of_all_tokens(inputs) -> None:
    model = make_model(initializer_range=0.3, attention_probs_dropout_prob=0.4).train()
    model.set_attn_implementation("eager")
    attention = model.bert.encoder.layer[-1].attention.self
    hidden = torch.randn(6, 20, 32, generator=torch.Generator().manual_seed(2))
    seen = inputs["attention_mask"].bool()
    mask = torch.zeros(6, 1, 20).masked_fill(~seen[:, None], torch.finfo(torch.float32).min)
    outputs = []
    for attend, its in ((_attend_by_weights, mask), (_attend_by_modules, mask), (_attend_by_weights, seen.long())):
        torch.manual_seed(0)  # the same numbers are dropped
        outputs.append(attend(attention, attention.query(hidden[:, :1]), hidden, its))
    for other in outputs[1:]:
        torch.testing.assert_close(outputs[0], other, atol=1e-5, rtol=1e-5)


def test_all_is_as_before_afterwards_also_after_an_error(inputs) -> None:
    model = make_model()
    with pytest.raises(RuntimeError, match="stop"), first_token_only(model):
        raise RuntimeError("stop")
    assert all(state.shape == (6, 20, 32) for state in forward(model, inputs, ("hidden",)).hidden)


def test_other_models_are_left_alone(inputs) -> None:
    model = make_model("distilbert")
    assert not has_first_token_shortcut(model)
    with first_token_only(model):
        assert model(**inputs).logits.shape == (6, 1)
    assert not has_first_token_shortcut(make_model().bert)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "distilbert"])
def test_states_at_chosen_tokens_and_their_gradients_are_the_same(family: str, attention: str, inputs) -> None:
    model = make_model(family, initializer_range=0.3, num_labels=2).eval()
    model.set_attn_implementation(attention)
    chosen = (torch.rand(6, 20, generator=torch.Generator().manual_seed(1)) < 0.3) & inputs["attention_mask"].bool()
    chosen[4] = False

    def states_and_slope(at: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        model.zero_grad()
        outputs = forward(model, inputs, ("hidden", "pooled"), at=at)
        states = outputs.hidden[-1][chosen]
        (states.pow(2).sum() + outputs.logits[OWN].pow(2).sum()).backward()
        slope = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        return states.detach(), outputs.logits[OWN].detach(), slope

    for one, other in zip(states_and_slope(None), states_and_slope(chosen), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_the_last_layer_is_computed_at_chosen_tokens_alone(inputs) -> None:
    model = make_model()
    chosen = torch.zeros(6, 20, dtype=torch.bool)
    chosen[0, 3] = chosen[2, 5] = True
    seen: list[torch.Size] = []
    model.bert.encoder.layer[-1].output.register_forward_hook(
        lambda _module, _inputs, output: seen.append(output.shape)
    )
    forward(model, inputs, ("hidden",), at=chosen)
    assert seen == [(8, 32)], "two chosen tokens, and the first token of each of six texts"
