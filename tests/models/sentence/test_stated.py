"""What a sentence-transformers folder states and is not done here is refused by name, or said."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_encoders import SETTINGS, edit

from rankdistill.errors import DataError
from rankdistill.models import Encoder
from rankdistill.models.sentence.listed import module_paths

MakeFolder = Callable[..., Path]
OF = "sentence_transformers.sentence_transformer.modules"


def with_module(folder: Path, kind: str, at: int = 2, path: str = "2_Module", **settings: Any) -> Path:
    """Put a module into the folder's list."""
    rows = json.loads((folder / "modules.json").read_text())
    rows.insert(at, {"idx": at, "name": str(at), "path": path, "type": kind})
    (folder / "modules.json").write_text(json.dumps(rows))
    edit(folder / path / "config.json", **settings)
    return folder


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        *((f"{OF}.{name}.{kind}", f"the module {kind} ") for name, kind in [("cnn", "CNN"), ("lstm", "LSTM")]),
        (f"{OF}.word_weights.WordWeights", "the module WordWeights "),
        (f"{OF}.weighted_layer_pooling.WeightedLayerPooling", "the module WeightedLayerPooling "),
        ("sentence_transformers.base.modules.router.Router", "the module Router "),
        ("sentence_transformers.models.Asym", "the module Asym "),
        ("custom_st.Transformer", "'custom_st.Transformer', which is code of the model's own: it is never executed"),
        ("sentence_transformers.models.Pooling", "the modules Transformer, Pooling, Pooling; computed is"),
    ],
)
def test_other_modules_are_named(make_folder: MakeFolder, kind: str, named: str) -> None:
    folder = with_module(make_folder(), kind, some="setting")
    with pytest.raises(DataError, match=f"modules.json states .*{named}"):
        Encoder.from_pretrained(folder)


@pytest.mark.parametrize("kind", ["StaticEmbedding", "WordEmbeddings", "BoW", "CLIPModel", "BERT"])
def test_other_first_modules_are_named(make_folder: MakeFolder, kind: str) -> None:
    folder = make_folder()
    (folder / "modules.json").write_text(json.dumps([{"path": "", "type": f"sentence_transformers.models.{kind}"}]))
    with pytest.raises(DataError, match=f"the module {kind} "):
        Encoder.from_pretrained(folder)


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 2, 1], [0, 2], [0], []])
def test_modules_in_another_order_are_refused(make_folder: MakeFolder, order: list[int]) -> None:
    folder = with_module(make_folder(), f"{OF}.Normalize")
    rows = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([rows[i] for i in order]))
    with pytest.raises(DataError, match=r"states the modules .*; computed is a Transformer, a Pooling, and then"):
        Encoder.from_pretrained(folder)


@pytest.mark.parametrize(
    ("file", "changes", "named"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "first-last-avg"}, "the pooling 'first-last-avg'; computed are cls"),
        ("1_Pooling/config.json", {"pooling_mode": {"cls": 1}}, "the pooling"),
        ("1_Pooling/config.json", {"pooling_mode_attention": True}, "pooling_mode_attention, which is not computed"),
        (SETTINGS, {"similarity_fn_name": "euclidean"}, "the similarity 'euclidean', computed are cosine and dot"),
        (SETTINGS, {"similarity_fn_name": "manhattan"}, "the similarity 'manhattan'"),
        (SETTINGS, {"model_type": "SparseEncoder"}, "a SparseEncoder, expected an encoder of texts"),
        (SETTINGS, {"truncate_dim": "many"}, "truncate_dim 'many', expected a number"),
        (SETTINGS, {"default_prompt_name": "s2p"}, "the default prompt 's2p', expected one of its prompts"),
        (SETTINGS, {"prompts": ["query: "]}, "expected an object of texts"),
        ("sentence_bert_config.json", {"query_length": 32}, "query_length = 32, which is not done here"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "transformer_task = 'fill-mask'"),
        ("sentence_bert_config.json", {"module_output_name": "sentence_embedding"}, "module_output_name"),
        (
            "sentence_bert_config.json",
            {"modality_config": {"text": {"method": "forward", "method_output_name": "pooler_output"}}},
            "modality_config",
        ),
        ("sentence_bert_config.json", {"config_args": {"num_hidden_layers": 1}}, "config_args"),
        ("sentence_bert_config.json", {"tokenizer_name_or_path": "other"}, "tokenizer_name_or_path = 'other'"),
        ("sentence_bert_config.json", {"processing_kwargs": {"text": {"truncation": False}}}, "processing_kwargs"),
        ("sentence_bert_config.json", {"max_seq_length": "long"}, "max_seq_length 'long', expected a number"),
    ],
)
def test_settings_that_are_not_done_are_named(
    make_folder: MakeFolder, file: str, changes: dict[str, Any], named: str
) -> None:
    folder = make_folder(prompts={"query": "how to "})
    edit(folder / file, **changes)
    with pytest.raises(DataError, match=named) as error:
        Encoder.from_pretrained(folder)
    assert Path(file).name in str(error.value)


@pytest.mark.parametrize("file", ["modules.json", "1_Pooling/config.json", SETTINGS, "sentence_bert_config.json"])
@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '"text"', "[" * 100_000])
def test_damaged_files_are_named(make_folder: MakeFolder, file: str, content: str) -> None:
    folder = make_folder()
    (folder / file).write_text(content)
    with pytest.raises(DataError, match=Path(file).name):
        Encoder.from_pretrained(folder)


def test_modules_without_their_files_are_named(make_folder: MakeFolder) -> None:
    from sentence_transformers.base.modules.dense import Dense

    folder = make_folder("mean", lambda: Dense(32, 8))
    edit(folder / "2_Dense" / "config.json", activation_function="custom.Swish")
    with pytest.raises(DataError, match=r"the activation 'custom.Swish'; computed are those of torch: Identity, Tanh"):
        Encoder.from_pretrained(folder)
    edit(folder / "2_Dense" / "config.json", activation_function="torch.nn.modules.linear.Identity", out_features=9)
    with pytest.raises(DataError, match=r"model.safetensors does not hold the weights that .*config.json states"):
        Encoder.from_pretrained(folder)
    (folder / "2_Dense" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"model.safetensors does not hold the weights"):
        Encoder.from_pretrained(folder)
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"Dense lacks its weights.*is a pickle, which is never loaded"):
        Encoder.from_pretrained(folder)
    (folder / "2_Dense" / "config.json").unlink()
    with pytest.raises(DataError, match=r"states a Dense in .*no config.json"):
        Encoder.from_pretrained(folder)
    (folder / "modules.json").unlink()
    with pytest.raises(DataError, match=r"holds 2_Dense but no modules.json"):
        Encoder.from_pretrained(folder)


def test_modules_outside_the_folder_are_refused(make_folder: MakeFolder) -> None:
    folder = make_folder()
    for path in ("../elsewhere", "/etc", "a/../../b"):
        (folder / "modules.json").write_text(json.dumps([{"path": path, "type": "sentence_transformers.Transformer"}]))
        with pytest.raises(DataError, match="expected one inside"):
            module_paths(folder)


def test_a_prompt_for_documents_under_another_name_is_used_and_said(make_folder: MakeFolder) -> None:
    folder = make_folder()
    edit(folder / SETTINGS, prompts={"query": "how to ", "passage": "the book "})
    with pytest.warns(UserWarning, match=r"'the book ' is put before each, as stated; .* leaves it out"):
        encoder = Encoder.from_pretrained(folder)
    np.testing.assert_array_equal(encoder.encode_documents(["a cat"]), encoder.encode(["the book a cat"]))


def test_prompts_whose_use_cannot_be_known_are_said(make_folder: MakeFolder) -> None:
    folder = make_folder()
    edit(folder / SETTINGS, prompts={"s2p": "how to ", "sts": "a "}, default_prompt_name="s2p")
    with pytest.warns(UserWarning, match=r"under the names s2p, sts.*neither gets one. Give --query-prompt"):
        encoder = Encoder.from_pretrained(folder)
    np.testing.assert_array_equal(encoder.encode_queries(["a cat"]), encoder.encode(["a cat"], prompt=""))


def test_an_ordinary_folder_says_nothing(make_folder: MakeFolder) -> None:
    folder = make_folder(prompts={"query": "how to ", "document": "", "sts": "a "})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Encoder.from_pretrained(folder)
