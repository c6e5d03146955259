"""A model that does not compute in bfloat16, or that reads padding, is found by one batch, and scored rightly."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tiny import FAMILIES, SHAPE
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder, probe
from rankdistill.models.probe import reads_padding, usable_dtype
from rankdistill.scoring import score

Pairs = list[tuple[str, str]]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let "auto" be bfloat16 on whatever processor the tests run; autocast computes in it on all."""
    resolve = probe.resolve_dtype
    monkeypatch.setattr(
        probe, "resolve_dtype", lambda dtype, device: "bfloat16" if dtype == "auto" else resolve(dtype, device)
    )


class OtherUnderAutocast(nn.Module):
    """A layer that multiplies what it is given, but only under autocast."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden * self.factor if torch.is_autocast_enabled("cpu") else hidden


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_families_that_compute_in_bfloat16_do(family: str, trains: bool, tiny_model: Callable[..., Any]) -> None:
    model = tiny_model(family)
    random = torch.random.get_rng_state()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*does not compute in")
        assert usable_dtype(model, "auto", CPU, trains=trains) == "bfloat16"
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(weight.grad is None for weight in model.parameters())


def test_a_family_without_an_operation_is_computed_in_float32(
    tiny_model: Callable[..., Any], tiny_tokenizer: Any, pairs: Pairs
) -> None:
    model = tiny_model("deberta", type_vocab_size=2)
    with pytest.warns(UserWarning, match=r"does not compute in bfloat16 \(.*overflow\): computed in float32"):
        scores = CrossEncoder(model, tiny_tokenizer, dtype="auto").predict(pairs)
    np.testing.assert_array_equal(scores, CrossEncoder(model, tiny_tokenizer).predict(pairs))
    with pytest.raises(DataError, match=r"does not compute in bfloat16 .*: use float32"):
        CrossEncoder(model, tiny_tokenizer, dtype="bfloat16").predict(pairs)


def test_a_model_that_overflows_is_computed_in_float32(tiny_model: Callable[..., Any]) -> None:
    model = tiny_model()
    model.dropout = OtherUnderAutocast(float("inf"))
    with pytest.warns(UserWarning, match="its numbers overflow"):
        assert usable_dtype(model, "auto", CPU) == "float32"


def test_a_model_that_is_far_from_float32_is_computed_in_it(tiny_model: Callable[..., Any]) -> None:
    model = tiny_model()
    model.dropout = OtherUnderAutocast(1e4)
    with pytest.warns(UserWarning, match=r"logits differ by .* from float32's"):
        assert usable_dtype(model, "auto", CPU) == "float32"


def test_a_model_that_fails_in_float32_too_is_not_judged(tiny_model: Callable[..., Any]) -> None:
    model = tiny_model()
    model.config.eos_token_id = 10_000  # no token of it
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert usable_dtype(model, "auto", CPU) == "bfloat16"


OTHERS: dict[str, dict[str, Any]] = {
    "fnet": {},
    "convbert": {"embedding_size": 32},
    "bart": {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "decoder_start_token_id": 3,
    },
    "t5": {
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 4,
        "decoder_start_token_id": 0,
    },
}
"""Model type -> settings of a tiny model of a family without a row."""


def other(family: str) -> Any:
    config = type(AutoConfig.for_model(family))
    names = {"vocab_size", "pad_token_id", "num_labels", "max_position_embeddings"}
    if family in ("fnet", "convbert"):
        names |= {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"}
    shape = {name: SHAPE[name] for name in names}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = config(**{**shape, "eos_token_id": 3, "bos_token_id": 2, **OTHERS[family]})
        model = AutoModelForSequenceClassification.from_config(made).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and "embed" not in name:
                weight.mul_(5)
    return model


@pytest.mark.parametrize(("family", "reads"), [("fnet", True), ("convbert", True), ("bart", False), ("t5", False)])
@pytest.mark.filterwarnings("ignore:model type")
def test_families_without_a_row_score_as_transformers_does_one_pair_at_a_time(
    family: str, reads: bool, tiny_tokenizer: Any, pairs: Pairs, candidates: Any, collection: Any
) -> None:
    model = CrossEncoder(other(family), tiny_tokenizer)
    if reads:
        with pytest.warns(UserWarning, match="reads padding.*its batches hold pairs of one length"):
            assert model.reads_padding
    assert model.reads_padding == reads
    expected = []
    takes = {"input_ids", "attention_mask"} & set(inspect.signature(model.model.forward).parameters)
    takes |= {"token_type_ids"} if model.model.config.model_type in ("fnet", "convbert") else set()
    for query, document in pairs:
        encoded = tiny_tokenizer(
            [query], [document], truncation="longest_first", max_length=model.max_length, return_tensors="pt"
        )
        with torch.no_grad():
            expected.append(model.model(**{name: encoded[name] for name in takes}).logits.item())
    np.testing.assert_allclose(model.predict(pairs), expected, atol=2e-5 * max(1, np.ptp(expected)))
    alone = CrossEncoder(model.model, tiny_tokenizer)
    rows = [0, 7, 31]
    queries = collection.queries.take(candidates.query_ids.take(candidates.query_of_row))
    documents = collection.documents.take(candidates.doc_ids)
    singles = [alone.predict([(queries[row], documents[row])])[0] for row in rows]
    scores = score(model, candidates, collection)
    np.testing.assert_allclose(scores[rows], singles, atol=2e-5 * max(1, np.ptp(scores)))


def test_families_of_the_table_do_not_read_padding(tiny_model: Callable[..., Any]) -> None:
    assert not reads_padding(tiny_model())


@pytest.mark.filterwarnings("ignore:model type")
def test_a_model_that_cannot_be_run_is_refused_by_name(tiny_tokenizer: Any, pairs: Pairs) -> None:
    network = other("t5")
    network.config.decoder_start_token_id = None
    network.transformer.decoder.config.decoder_start_token_id = None
    with pytest.raises(DataError, match="T5ForSequenceClassification of transformers does not run as"):
        CrossEncoder(network, tiny_tokenizer).predict(pairs)
