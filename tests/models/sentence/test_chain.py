"""Re-rankers of sentence-transformers that are modules: scores, training, layers, and folders written back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import labelled, make_collection, make_model, make_tokenizer
from tiny_encoders import SETTINGS, edit
from torch import nn

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder, as_one_logit, keep_layers, with_two_logits
from rankdistill.recipes.teachers import check_teachers

library = pytest.importorskip("sentence_transformers")
from sentence_transformers.base.modules.dense import Dense  # noqa: E402
from sentence_transformers.base.modules.normalize import Normalize  # noqa: E402
from sentence_transformers.base.modules.transformer import Transformer  # noqa: E402
from sentence_transformers.sentence_transformer.modules import Dropout, LayerNorm, Pooling  # noqa: E402

Pairs = list[tuple[str, str]]
Make = Callable[..., Path]
MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


def scores_of(width: int = 32, activation: nn.Module | None = None, out: int = 1, **options: Any) -> Any:
    activation = activation or nn.Identity()
    return lambda: Dense(width, out, activation_function=activation, module_output_name="scores", **options)


def make_chain(folder: Path, pooling: Any = "cls", *after: Any, family: str = "modernbert", **options: Any) -> Path:
    """Write a re-ranker of modules by sentence-transformers, with a new head unless ``after`` makes one."""
    base = folder.with_name("base")
    model = make_model(family, initializer_range=0.3)
    getattr(model, model.base_model_prefix).save_pretrained(base)
    tokenizer = make_tokenizer()
    if getattr(model.config, "type_vocab_size", 2) < 2:
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.save_pretrained(base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        options.setdefault("activation_fn", nn.Identity())
        modules = [Transformer(str(base)), Pooling(32, pooling), *(made() for made in after or (scores_of(),))]
        library.CrossEncoder(modules=modules, device="cpu", **options).save_pretrained(
            str(folder), create_model_card=False
        )
    return folder


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return lambda *arguments, **options: make_chain(tmp_path / "chain", *arguments, **options)


def theirs(folder: Path, pairs: Pairs) -> Any:
    model = library.CrossEncoder(str(folder), device="cpu", local_files_only=True, activation_fn=nn.Identity())
    return model.predict(pairs, batch_size=3)


def agrees(folder: Path, pairs: Pairs) -> CrossEncoder:
    """Compare the scores of pairs, alone and together, with sentence-transformers' to 1e-5."""
    model = CrossEncoder.from_pretrained(folder)
    expected = theirs(folder, pairs)
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(model.predict(pairs), expected, atol=1e-5, rtol=1e-5)
    alone = [float(model.predict([pair])[0]) for pair in pairs]
    np.testing.assert_allclose(alone, expected, atol=1e-5, rtol=1e-5)
    return model


ETTIN = [lambda: Dense(32, 32, bias=False, activation_function=nn.GELU()), lambda: LayerNorm(32), scores_of()]


@pytest.mark.parametrize("family", ["modernbert", "bert", "xlm-roberta", "distilbert", "mpnet", "deberta-v2", "qwen3"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken"])
def test_scores_are_those_of_sentence_transformers(make: Make, family: str, pooling: str, pairs: Pairs) -> None:
    if (family, pooling) == ("qwen3", "cls"):
        pytest.skip("a decoder's first token sees nothing of the pair")
    agrees(make(pooling, *ETTIN, family=family), pairs)


@pytest.mark.parametrize("pooling", ["mean", "lasttoken"])
def test_a_decoders_weights_stay_as_they_are_stored(make: Make, pooling: str, pairs: Pairs, tmp_path: Path) -> None:
    folder = make(pooling, *ETTIN, family="qwen3")
    file = folder / "model.safetensors"
    exact = CrossEncoder.from_pretrained(folder)
    save_file({name: weight.bfloat16() for name, weight in load_file(file).items()}, file, {"format": "pt"})
    model = CrossEncoder.from_pretrained(folder)
    assert model.model.dtype == torch.bfloat16
    assert {weight.dtype for weight in model.model.after.parameters()} == {torch.float32}
    scores = model.predict(pairs)
    assert len(np.unique(scores)) == len(np.unique(exact.predict(pairs)))
    np.testing.assert_allclose(scores, exact.predict(pairs), atol=0.02 * np.ptp(exact.predict(pairs)))
    assert CrossEncoder.from_pretrained(folder, dtype="float32").model.dtype == torch.float32
    assert CrossEncoder.from_base(folder).model.dtype == torch.float32
    again = CrossEncoder.from_pretrained(model.save(tmp_path / "again"))
    assert again.model.dtype == torch.bfloat16
    np.testing.assert_allclose(again.predict(pairs), scores, atol=1e-6)


@pytest.mark.parametrize("last", [scores_of(activation=nn.Sigmoid()), scores_of(use_residual=True)])
def test_a_decoder_below_more_than_a_linear_map_is_computed_in_float32(make: Make, last: Any, pairs: Pairs) -> None:
    folder = make("lasttoken", last, family="qwen3")
    file = folder / "model.safetensors"
    save_file({name: weight.bfloat16() for name, weight in load_file(file).items()}, file, {"format": "pt"})
    agrees(folder, pairs)


@pytest.mark.parametrize("pooling", [*MODES, ("mean", "max"), tuple(MODES)])
def test_every_pooling(make: Make, pooling: Any, pairs: Pairs) -> None:
    width = 32 * (1 if isinstance(pooling, str) else len(pooling))
    agrees(make(pooling, scores_of(width)), pairs)


@pytest.mark.parametrize(
    "after",
    [
        [scores_of(activation=nn.Tanh())],
        [scores_of(activation=nn.Sigmoid(), bias=False)],
        [lambda: Dense(32, 16), lambda: Dropout(0.5), scores_of(16)],
        [lambda: Dense(32, 8, activation_function=nn.SiLU(), use_residual=True), Normalize, scores_of(8)],
        [scores_of(use_residual=True)],
    ],
    ids=["tanh", "sigmoid", "dropout", "residual", "residual-last"],
)
def test_every_module_and_activation(make: Make, after: list[Any], pairs: Pairs) -> None:
    agrees(make("mean", *after), pairs)


def test_prompts_and_lengths(make: Make, pairs: Pairs) -> None:
    folder = make("mean", *ETTIN, prompts={"query": "sort the "}, default_prompt_name="query")
    edit(folder / "tokenizer_config.json", model_max_length=17)
    model = agrees(folder, pairs)
    assert (model.prompt, model.max_length) == ("sort the ", 17)


@pytest.mark.parametrize(
    ("family", "pooling"),
    [("modernbert", "cls"), ("bert", "mean"), ("qwen3", "lasttoken"), ("bert", ("cls", "lasttoken"))],
)
def test_saved_folder_scores_the_same_here_and_there(
    make: Make, family: str, pooling: Any, pairs: Pairs, tmp_path: Path
) -> None:
    width = 32 if isinstance(pooling, str) else 64
    after = [lambda: Dense(width, 16, bias=False, activation_function=nn.GELU()), lambda: LayerNorm(16), scores_of(16)]
    prompts: dict[str, Any] = {"prompts": {"query": "how to "}, "default_prompt_name": "query"}
    model = CrossEncoder.from_pretrained(make(pooling, *after, family=family, **prompts))
    saved = model.save(tmp_path / "saved")
    again = agrees(saved, pairs)
    np.testing.assert_array_equal(again.predict(pairs), model.predict(pairs))
    assert again.fingerprint() == model.fingerprint()
    assert library.CrossEncoder(str(saved), device="cpu").activation_fn.__class__.__name__ == "Identity"
    assert "sentence_modules" not in json.loads((saved / "config.json").read_text())


def test_fewer_layers_two_logits_and_one_again(make: Make, pairs: Pairs, tmp_path: Path) -> None:
    model = CrossEncoder.from_pretrained(make("mean", *ETTIN))
    shallow = keep_layers(model, [0, 3])
    assert shallow.model.config.num_hidden_layers == 2
    agrees(shallow.save(tmp_path / "shallow"), pairs)
    two = with_two_logits(model)
    np.testing.assert_allclose(two.predict(pairs), model.predict(pairs), atol=1e-6)
    two = CrossEncoder.from_pretrained(two.save(tmp_path / "two"))
    np.testing.assert_allclose(as_one_logit(two).predict(pairs), model.predict(pairs), atol=1e-6)


@pytest.mark.parametrize("family", ["modernbert", "bert"])
@pytest.mark.parametrize("pooling", ["cls", "mean", ("cls", "lasttoken")])
def test_training_and_its_resumption(make: Make, pooling: Any, family: str, tmp_path: Path) -> None:
    from rankdistill.training import TrainingSettings, fit

    collection = make_collection()
    head = scores_of(32 if isinstance(pooling, str) else 64)
    model = CrossEncoder.from_pretrained(make(pooling, head, family=family))
    before = model.fingerprint()
    settings = TrainingSettings(epochs=1, learning_rate=1e-3, list_size=4, lists_per_batch=2, save_steps=1)
    fit(model, labelled(collection), collection, "hinge(label)", settings, out=tmp_path / "out")
    trained = CrossEncoder.from_pretrained(tmp_path / "out" / "model")
    assert trained.fingerprint() != before
    pairs = [("a dog", "the cat"), ("sort a list", "how to sort the list")]
    agrees(tmp_path / "out" / "model", pairs)


def test_engines_give_the_same_scores(make: Make, pairs: Pairs) -> None:
    pytest.importorskip("onnxruntime")
    model = CrossEncoder.from_pretrained(make(("mean", "cls"), scores_of(64)))
    np.testing.assert_allclose(model.with_engine("onnx").predict(pairs), model.predict(pairs), atol=1e-5)


def test_a_head_of_other_logits_is_a_new_one(make: Make) -> None:
    folder = make("cls", *ETTIN)
    with pytest.warns(UserWarning, match="head has not 2 logits"):
        model = CrossEncoder.from_base(folder, 2)
    assert (model.contract.form, model.model.config.num_labels) == ("margin", 2)
    assert CrossEncoder.from_base(folder).fingerprint() == CrossEncoder.from_pretrained(folder).fingerprint()


def change(folder: Path, place: int, **changes: Any) -> None:
    rows = json.loads((folder / "modules.json").read_text())
    rows[place] |= changes
    (folder / "modules.json").write_text(json.dumps(rows))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: change(f, 2, type="modeling_own.Head"), "modeling_own.Head', which is code of the model's own"),
        (lambda f: change(f, 1, type="sentence_transformers.models.WordWeights"), "the module WordWeights"),
        (lambda f: change(f, 2, path="../elsewhere"), "expected one inside"),
        (lambda f: edit(f / "4_Dense" / "config.json", module_output_name="sentence_embedding"), "gives 'scores'"),
        (lambda f: edit(f / "2_Dense" / "config.json", module_input_name="token_embeddings"), "module_input_name"),
        (lambda f: edit(f / "4_Dense" / "config.json", activation_function="own.Act"), "the activation 'own.Act'"),
        (lambda f: edit(f / "4_Dense" / "config.json", in_features=7), "in_features 7, but what comes before"),
        (lambda f: edit(f / "4_Dense" / "config.json", out_features=3), "does not hold the weights"),
        (lambda f: edit(f / "4_Dense" / "config.json", out_features="one"), "out_features 'one'"),
        (lambda f: (f / "4_Dense" / "model.safetensors").unlink(), "lacks its weights"),
        (lambda f: (f / "4_Dense" / "model.safetensors").write_bytes(b"cut"), "does not hold the weights"),
        (lambda f: edit(f / "1_Pooling" / "config.json", pooling_mode="best"), "the pooling 'best'"),
        (lambda f: edit(f / SETTINGS, activation_fn="own.Act"), "states the activation 'own.Act'"),
        (lambda f: edit(f / "sentence_bert_config.json", transformer_task="fill-mask"), "the task 'fill-mask'"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(make: Make, damage: Any, message: str) -> None:
    folder = make("cls", *ETTIN)
    damage(folder)
    with pytest.raises(DataError, match=message):
        CrossEncoder.from_pretrained(folder)


def test_three_logits_are_refused(make: Make) -> None:
    with pytest.raises(DataError, match="has 3 logits"):
        CrossEncoder.from_pretrained(make("cls", scores_of(out=3)))


def test_a_prompt_that_is_left_out_of_the_pooling_is_refused(make: Make) -> None:
    folder = make("mean", *ETTIN, prompts={"query": "sort the "}, default_prompt_name="query")
    edit(folder / "1_Pooling" / "config.json", include_prompt=False)
    with pytest.raises(DataError, match="include_prompt false"):
        CrossEncoder.from_pretrained(folder)


def test_a_teachers_logits_are_those_of_its_last_module(make: Make, tmp_path: Path) -> None:
    folder = make()
    for config in folder.rglob("config.json"):  # the base was a classifier of three classes
        edit(config, id2label={"0": "a", "1": "b", "2": "c"}, label2id={"a": 0, "b": 1, "c": 2})
    check_teachers({"t": folder})
    listed = json.loads((folder / "modules.json").read_text())
    listed[-1]["type"] = "own_code.Head"
    (folder / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(DataError, match=r"own_code\.Head"):
        check_teachers({"t": folder})


def test_check_finds_nothing_wrong_and_says_who_does_not_read_modules(make: Make) -> None:
    from rankdistill.scoring.model_check.check import check_model

    findings = check_model(make("mean", *ETTIN))
    assert [each for each in findings if each.level == "error"] == []
    assert "make a random head" in next(each.what for each in findings if each.check == "modules")


def test_a_sigmoid_as_the_last_modules_activation_is_named_by_check(make: Make) -> None:
    from rankdistill.scoring.model_check.check import check_model

    findings = check_model(make("mean", scores_of(activation=nn.Sigmoid())))
    assert "the last module ends in a Sigmoid" in next(each.what for each in findings if each.level == "error")
