"""A student's folder as a base: whole or refused by the weight it lacks, and read as the next task reads texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import make_tokenizer

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.models.encoder_parts import encoder_parts
from rankdistill.models.recurrent.config import BiAttentiveConfig, BiLSTMConfig, LayerMeanConfig
from rankdistill.models.recurrent.register import NETWORKS
from rankdistill.recipes.guided import reading

SIZES: dict[str, Any] = {"vocab_size": 64, "num_labels": 1, "dense_size": 6}
LSTM: dict[str, Any] = {**SIZES, "embedding_size": 5, "lstm_size": 4, "channels": 2}
BERT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
CONFIGS: dict[str, Any] = {"bilstm": BiLSTMConfig, "biattentive": BiAttentiveConfig}
RECURRENT = list(CONFIGS)


def network(config: Any) -> Any:
    torch.manual_seed(1)
    return next(each for each in NETWORKS if each.config_class is type(config))(config).eval()


def saved(name: str, folder: Path, n_texts: int = 2) -> CrossEncoder:
    model = CrossEncoder(network(CONFIGS[name](**LSTM, n_texts=n_texts)), make_tokenizer(), n_texts=n_texts)
    model.save(folder)
    (folder / "checksums.json").unlink()
    return model


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("name", RECURRENT)
def test_a_base_that_lacks_any_weight_of_its_encoder_is_refused(name: str, trained: bool, tmp_path: Path) -> None:
    model = saved(name, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    for part in encoder_parts(model.model):
        lost = sorted(each for each in weights if each.startswith(f"{part}."))[0]
        left = {each: value for each, value in weights.items() if each != lost}
        save_file(left, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(DataError, match=f"lack.*{lost}"):
            CrossEncoder.from_pretrained(tmp_path) if trained else CrossEncoder.from_base(tmp_path)


@pytest.mark.parametrize("n_logits", [1, 3])
@pytest.mark.parametrize("size", ["lstm_size", "embedding_size", "vocab_size", "dense_size"])
@pytest.mark.parametrize("name", RECURRENT)
def test_a_base_whose_weights_have_other_shapes_is_refused(name: str, size: str, n_logits: int, tmp_path: Path) -> None:
    """Whatever the number of logits that is asked for: only the layer that makes them is replaced."""
    saved(name, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config[size] = int(config[size]) + 1
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"has shape .* but in the model that config.json describes"):
        CrossEncoder.from_base(tmp_path, n_logits)


@pytest.mark.parametrize("config", [BiLSTMConfig(**LSTM), BiAttentiveConfig(**LSTM), LayerMeanConfig(**SIZES, **BERT)])
def test_a_base_of_other_logits_keeps_all_but_the_layer_that_makes_them(config: Any, tmp_path: Path) -> None:
    model = CrossEncoder(network(config), make_tokenizer(), max_length=32)
    model.save(tmp_path / "model")
    with pytest.warns(UserWarning, match="has not 3 logits"):
        start = CrossEncoder.from_base(tmp_path / "model", 3, contract=ScoreContract(CLASSES, n_classes=3))
    before = model.model.state_dict()
    for name, weight in start.model.state_dict().items():
        assert name.startswith("classifier.") or torch.equal(weight, before[name])


@pytest.mark.parametrize("one_to_two", [True, False])
@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("way", ["from_base", "reading"])
@pytest.mark.filterwarnings("ignore:.*layers after its encoder are new")
def test_a_base_is_read_as_the_next_task_reads_texts(way: str, name: str, one_to_two: bool, tmp_path: Path) -> None:
    before, after = (1, 2) if one_to_two else (2, 1)
    model = saved(name, tmp_path / "model", n_texts=before)
    start = (
        CrossEncoder.from_base(tmp_path / "model", n_texts=after)
        if way == "from_base"
        else reading(CrossEncoder.from_pretrained(tmp_path / "model"), after)
    )
    assert (start.n_texts, start.model.config.n_texts) == (after, after)
    weights = model.model.state_dict()
    for part, weight in start.model.state_dict().items():
        if part.partition(".")[0] in encoder_parts(model.model):
            torch.testing.assert_close(weight, weights[part])
    # the network equals one of that number of texts, whose weights it has
    other = network(CONFIGS[name](**LSTM, n_texts=after))
    other.load_state_dict(start.model.state_dict())
    expected = CrossEncoder(other, make_tokenizer(), n_texts=after)
    given: list[Any] = [("a cat", "the dog is a book"), ("a cat", "first")]
    if after == 1:
        given = ["a cat", "the dog"]
    np.testing.assert_array_equal(start.predict(given), expected.predict(given))
    if after == 2:  # the second text counts, as a text of its own
        assert len(set(start.predict(given).tolist())) == 2


def test_a_new_head_is_said_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    saved("bilstm", tmp_path / "model", n_texts=1)
    with pytest.warns(UserWarning, match="reads 1 of a pair's texts is made to read 2"):
        prints = [CrossEncoder.from_base(tmp_path / "model", seed=seed).fingerprint() for seed in (1, 1, 2)]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", RECURRENT)
def test_a_second_text_without_a_token_gives_finite_scores_in_every_dtype(name: str, dtype: torch.dtype) -> None:
    model = network(CONFIGS[name](**LSTM)).to(dtype)
    ids = torch.tensor([[2, 5, 3], [2, 6, 3]])
    with torch.inference_mode():
        alone = model(ids).logits
        given = model(ids, token_type_ids=torch.tensor([[0, 0, 0], [0, 0, 1]])).logits
    assert torch.isfinite(alone).all()
    torch.testing.assert_close(given[0], alone[0], rtol=1e-2, atol=1e-2)
