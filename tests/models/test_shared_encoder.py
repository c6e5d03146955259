"""Models of several tasks that share an encoder: one encoder, a head each, and ordinary folders at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import make_model, make_tokenizer
from tokenizers import AddedToken

from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.causal.contract import PromptContract
from rankdistill.models.recurrent.config import BiAttentiveConfig, BiLSTMConfig, LayerMeanConfig
from rankdistill.models.recurrent.register import NETWORKS
from rankdistill.models.shared_encoder import head_parts, heads_beside, share_encoder, speaking_as, with_new_head

LSTM: dict[str, Any] = {"vocab_size": 64, "dense_size": 6, "embedding_size": 5, "lstm_size": 4, "channels": 2}
BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
CONFIGS = {
    "bilstm": BiLSTMConfig(**LSTM, num_labels=1),
    "biattentive": BiAttentiveConfig(**LSTM, num_labels=1),
    "transformer": LayerMeanConfig(vocab_size=64, dense_size=6, num_labels=1, **BERT, max_position_embeddings=66),
}
PAIRS = [("how to sort a list", "the cat is a dog"), ("what is the first book", "a book of the dog")]
FAMILIES = ["bert", "roberta", "distilbert", "deberta-v2", "modernbert", "qwen3"]


def model_of(kind: str, seed: int = 0) -> CrossEncoder:
    torch.manual_seed(seed)
    if kind in CONFIGS:
        config = CONFIGS[kind]
        network = next(each for each in NETWORKS if each.config_class is type(config))(config).eval()
    else:
        network = make_model(kind, num_hidden_layers=2)
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(std=0.3)
    return CrossEncoder(network, make_tokenizer(), max_length=32)


def classes_of(model: CrossEncoder, n_texts: int = 2) -> CrossEncoder:
    return with_new_head(model, ScoreContract("classes", n_classes=3), ("x", "y", "z"), n_texts)


def test_another_task_of_pairs_reads_the_same_prompt_and_one_of_single_texts_none() -> None:
    model = model_of("qwen3")
    model.asked = PromptContract(prompt="Query: {query}\nDocument: {document}\nAnswer:")
    assert [classes_of(model, n_texts).asked for n_texts in (2, 1)] == [model.asked, None]


@pytest.mark.parametrize("kind", [*FAMILIES, *CONFIGS])
def test_an_update_of_one_models_encoder_is_one_of_all_and_a_heads_is_its_own(kind: str, tmp_path: Path) -> None:
    one = model_of(kind)
    other = classes_of(one)
    before = one.logits(PAIRS), other.logits(PAIRS)
    assert (before[0].shape, before[1].shape) == ((2, 1), (2, 3))
    with torch.no_grad():
        for name in head_parts(other.model):
            for weight in getattr(other.model, name).parameters():
                weight.mul_(1.5)
    assert np.array_equal(one.logits(PAIRS), before[0])
    changed = other.logits(PAIRS)
    assert not np.allclose(changed, before[1])
    with torch.no_grad():
        one.model.get_input_embeddings().weight.normal_()
    assert not np.allclose(one.logits(PAIRS), before[0])
    assert not np.allclose(other.logits(PAIRS), changed)
    again = CrossEncoder.from_pretrained(other.save(tmp_path / "other"))
    np.testing.assert_allclose(again.logits(PAIRS), other.logits(PAIRS), atol=1e-6)


def test_a_bilstm_of_one_text_and_one_of_two_share_their_lstm() -> None:
    pairs = model_of("bilstm")
    single = classes_of(pairs, n_texts=1)
    assert single.model.lstm is pairs.model.lstm
    assert single.model.embeddings is pairs.model.embeddings
    assert (single.model.dense.in_features, pairs.model.dense.in_features) == (8, 32)
    assert single.logits([first for first, _ in PAIRS]).shape == (2, 3)


@pytest.mark.parametrize("kind", ["bert", "bilstm"])
def test_a_network_speaks_as_another_inside_the_block_alone(kind: str) -> None:
    one = model_of(kind)
    other = classes_of(one)
    inputs = one.tokenizer(*map(list, zip(*PAIRS, strict=True)), return_tensors="pt", padding=True)
    own = one.model(**inputs).logits
    with speaking_as(one.model, other.model):
        assert torch.equal(one.model(**inputs).logits, other.model(**inputs).logits)
    with pytest.raises(KeyError), speaking_as(one.model, other.model):
        raise KeyError
    assert torch.equal(one.model(**inputs).logits, own)


def test_the_heads_beside_the_first_network_are_the_others_own() -> None:
    one = model_of("bert")
    models = {"a.b": one, "c": classes_of(one), "d": classes_of(one)}
    heads = heads_beside(models)
    assert list(heads) == ["task 1", "task 2"]
    assert heads["task 1"].get_submodule("classifier") is models["c"].model.classifier


def test_models_that_cannot_share_an_encoder_are_refused() -> None:
    one = model_of("bert")
    with pytest.raises(UsageError, match=r"'a' and 'b' are networks of two kinds, Bert.* and DistilBert"):
        share_encoder({"a": one, "b": model_of("distilbert")})
    wide = CrossEncoder(make_model(num_hidden_layers=3), make_tokenizer(), max_length=32)
    with pytest.raises(UsageError, match=r"of two shapes: their bert.encoder.layer.2.* is none and \("):
        share_encoder({"a": one, "b": wide})
    tokenizer = make_tokenizer()
    tokenizer.add_tokens([AddedToken("strange")])
    foreign = CrossEncoder(make_model(num_hidden_layers=2), tokenizer, max_length=32)
    with pytest.raises(UsageError, match="'a' and 'b' do not share a vocabulary"):
        share_encoder({"a": one, "b": foreign})
