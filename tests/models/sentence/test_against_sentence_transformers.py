"""Encoders give the vectors that sentence-transformers gives, whatever a folder states."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_encoders import SETTINGS, edit
from torch import nn

from rankdistill.models import Encoder

library = pytest.importorskip("sentence_transformers")
from sentence_transformers.base.modules.dense import Dense  # noqa: E402
from sentence_transformers.base.modules.normalize import Normalize  # noqa: E402
from sentence_transformers.sentence_transformer.modules import Dropout, LayerNorm  # noqa: E402

MakeFolder = Callable[..., Path]
TEXTS = [
    *["a dog", "", "the cat wrote a long book about a dog", "sort " * 100, "List", "HOW is THE book", "[SEP] a [MASK]"],
    *(" ".join(["first", "long", "list", "of", "what"][: 1 + i % 5]) for i in range(9)),
]
PROMPTS = {"query": "how to: ", "document": "the book "}


def agrees(folder: Path, **given: Any) -> None:
    """Compare vectors of queries, documents and plain texts with sentence-transformers' to 1e-5."""
    theirs = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    unit = theirs.similarity_fn_name == "cosine"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = Encoder.from_pretrained(folder, **given)
    for mine, their in (
        (ours.encode_queries, theirs.encode_query),
        (ours.encode_documents, theirs.encode_document),
        (ours.encode, theirs.encode),
    ):
        expected = their(TEXTS, normalize_embeddings=unit, batch_size=3)
        assert expected.shape == (len(TEXTS), ours.dimension)
        np.testing.assert_allclose(mine(TEXTS, batch_tokens=200), expected, atol=1e-5, rtol=1e-5)


def dense(out: int, activation: nn.Module | None = None, width: int = 32, **options: Any) -> Any:
    return lambda: Dense(width, out, activation_function=activation or nn.Tanh(), **options)


MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


@pytest.mark.parametrize("pooling", [*MODES, ("mean", "max"), ("lasttoken", "cls", "weightedmean"), tuple(MODES)])
@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_every_pooling_with_and_without_the_prompt(
    make_folder: MakeFolder, pooling: Any, include_prompt: bool, similarity: str
) -> None:
    agrees(make_folder(pooling, include_prompt=include_prompt, prompts=PROMPTS, similarity_fn_name=similarity))


@pytest.mark.parametrize(
    "after",
    [
        [Normalize],
        [dense(8)],
        [dense(8), Normalize],
        [Normalize, dense(48, nn.Identity(), bias=False)],
        [dense(16, nn.GELU()), lambda: LayerNorm(16), dense(4, nn.ReLU(), width=16)],
        [lambda: Dropout(0.5), lambda: LayerNorm(32)],
        [dense(32, nn.SiLU(), use_residual=True), Normalize],
        [dense(12, nn.Sigmoid(), use_residual=True)],
    ],
    ids=["normalize", "dense", "dense-normalize", "no-bias", "deep", "dropout-norm", "residual", "residual-projected"],
)
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_every_module_after_the_pooling(make_folder: MakeFolder, after: list[Any], similarity: str) -> None:
    agrees(make_folder("mean", *after, similarity_fn_name=similarity))


def test_modules_after_several_joined_poolings(make_folder: MakeFolder) -> None:
    agrees(make_folder(("cls", "mean"), dense(8, width=64), Normalize, similarity_fn_name="dot"))


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "distilbert", "mpnet", "electra", "modernbert", "qwen3"])
@pytest.mark.parametrize("pooling", ["cls", "lasttoken", "mean"])
def test_every_family_of_transformers(make_folder: MakeFolder, family: str, pooling: str) -> None:
    agrees(make_folder(pooling, Normalize, family=family, prompts=PROMPTS))


@pytest.mark.parametrize("prompts", [{"query": "how to "}, {"document": "the book"}, {"query": "", "document": "a "}])
def test_a_prompt_for_one_side_only(make_folder: MakeFolder, prompts: dict[str, str]) -> None:
    agrees(make_folder(prompts=prompts))


def test_the_default_prompt_is_for_texts_that_are_neither(make_folder: MakeFolder) -> None:
    agrees(make_folder(prompts={**PROMPTS, "other": "first "}, default_prompt_name="query"))


def test_a_prompt_longer_than_the_model_reads(make_folder: MakeFolder) -> None:
    folder = make_folder("mean", include_prompt=False, prompts={"query": "book " * 30, "document": "cat " * 30})
    edit(folder / "tokenizer_config.json", model_max_length=24)
    agrees(folder)


@pytest.mark.parametrize("length", [3, 8, 17, 64])
def test_the_length_of_the_tokenizer_in_the_layout_of_version_6(make_folder: MakeFolder, length: int) -> None:
    folder = make_folder("lasttoken", prompts=PROMPTS)
    edit(folder / "tokenizer_config.json", model_max_length=length)
    agrees(folder)


@pytest.mark.parametrize("dimensions", [4, 32, 100])
def test_vectors_cut_to_their_first_components(make_folder: MakeFolder, dimensions: int) -> None:
    folder = make_folder("mean", Normalize)
    edit(folder / SETTINGS, truncate_dim=dimensions)
    agrees(folder)


OLD_NAMES = {
    "Transformer": "sentence_transformers.models.Transformer",
    "Pooling": "sentence_transformers.models.Pooling",
    "Normalize": "sentence_transformers.models.Normalize",
    "Dense": "sentence_transformers.models.Dense",
}


def in_old_layout(folder: Path, flags: list[str], settings: str = "sentence_bert_config.json") -> None:
    """Turn a folder into the layout of version 5 and before: other names of classes, flags for the pooling."""
    rows = json.loads((folder / "modules.json").read_text())
    for row in rows:
        row["type"] = OLD_NAMES[row["type"].rpartition(".")[2]]
    (folder / "modules.json").write_text(json.dumps(rows))
    (folder / "sentence_bert_config.json").unlink()
    edit(folder / settings, max_seq_length=17, do_lower_case=False)
    (folder / "1_Pooling" / "config.json").unlink()
    edit(folder / "1_Pooling" / "config.json", word_embedding_dimension=32, **dict.fromkeys(flags, True))
    edit(folder / SETTINGS, model_type=None, similarity_fn_name=None)


@pytest.mark.parametrize(
    "flags",
    [
        ["pooling_mode_cls_token"],
        ["pooling_mode_mean_tokens", "pooling_mode_max_tokens"],
        ["pooling_mode_lasttoken", "pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens"],
        [],
    ],
)
def test_the_layout_of_version_5(make_folder: MakeFolder, flags: list[str]) -> None:
    folder = make_folder("mean", Normalize)
    in_old_layout(folder, flags)
    agrees(folder)


@pytest.mark.parametrize("name", ["roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"])
def test_settings_under_the_name_of_another_family(make_folder: MakeFolder, name: str) -> None:
    folder = make_folder("mean")
    in_old_layout(folder, ["pooling_mode_mean_tokens"], f"sentence_{name}_config.json")
    assert Encoder.from_pretrained(folder).max_length == 17
    agrees(folder)


def test_a_transformer_in_a_folder_of_its_own(make_folder: MakeFolder) -> None:
    folder = make_folder("cls", dense(8), prompts=PROMPTS)
    inner = folder / "0_Transformer" / "deeper"
    inner.mkdir(parents=True)
    for file in folder.iterdir():
        if file.is_file() and file.name not in ("modules.json", SETTINGS):
            shutil.move(file, inner / file.name)
    rows = json.loads((folder / "modules.json").read_text())
    rows[0]["path"] = "0_Transformer/deeper"
    (folder / "modules.json").write_text(json.dumps(rows))
    agrees(folder)


@pytest.mark.parametrize("lower", [True, False])
def test_lower_case_before_the_tokenizer(make_folder: MakeFolder, lower: bool) -> None:
    folder = make_folder("mean")
    in_old_layout(folder, ["pooling_mode_mean_tokens"])
    edit(folder / "sentence_bert_config.json", do_lower_case=lower)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = None
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    agrees(folder)
    same = np.allclose(*Encoder.from_pretrained(folder).encode(["A BOOK", "a book"]))
    assert same is lower


def test_a_folder_without_modules_is_pooled_by_the_mean(make_folder: MakeFolder, tmp_path: Path) -> None:
    make_folder()
    agrees(tmp_path / "base")


def test_an_encoder_with_a_decoder_is_read_without_it(make_folder: MakeFolder, tmp_path: Path) -> None:
    from transformers import T5Config, T5Model

    folder = make_folder("mean", dense(8, nn.Identity(), bias=False), Normalize)
    torch.manual_seed(0)
    shape = {"vocab_size": 64, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    T5Model(T5Config(**shape, decoder_start_token_id=0)).save_pretrained(folder)
    edit(folder / "tokenizer_config.json", model_input_names=["input_ids", "attention_mask"])
    agrees(folder)
