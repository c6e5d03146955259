"""A cross-encoder starts by seed, scores whatever the batches, and is an ordinary transformers folder on disk."""

from __future__ import annotations

import copy
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import FAMILIES
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.inputs import PairAssembler
from rankdistill.models import CrossEncoder, ScoreContract

Pairs = list[tuple[str, str]]


def save_plain(model: Any, tokenizer: Any, folder: Path) -> Path:
    """A folder as transformers itself writes it, without anything of ours."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_predict_equals_transformers_one_pair_at_a_time(tiny: CrossEncoder, pairs: Pairs) -> None:
    expected = []
    for query, document in pairs:
        inputs = tiny.tokenizer([query], [document], truncation="longest_first", max_length=64, return_tensors="pt")
        with torch.no_grad():
            expected.append(tiny.model(**inputs).logits.item())
    scores = tiny.predict(pairs)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_scores_equal_those_of_the_tokenizers_own_pairs_in_one_batch(tiny: CrossEncoder, pairs: Pairs) -> None:
    pairs = [*pairs, *pairs[:3], ("a dog", "a dog"), ("", ""), ("long " * 80, "long " * 90), ("long " * 90, "cat")]
    queries, documents = map(list, zip(*pairs, strict=True))
    inputs = tiny.tokenizer(
        queries, documents, truncation="longest_first", max_length=64, padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        expected = tiny.model(**inputs).logits
    np.testing.assert_allclose(tiny.logits(pairs), expected, atol=1e-5)


def test_every_distinct_query_and_document_is_tokenised_once(
    tiny: CrossEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenised: list[str] = []
    tokenize = PairAssembler.tokenize

    def spy(self: PairAssembler, tokenizer: Any, texts: list[str]) -> Any:
        tokenised.extend(texts)
        return tokenize(self, tokenizer, texts)

    monkeypatch.setattr(PairAssembler, "tokenize", spy)
    tiny.rank("what is a dog", ["a dog", "the cat", "a dog", "the cat"])
    assert sorted(tokenised) == ["a dog", "the cat", "what is a dog"]


@pytest.mark.parametrize("change", [{"padding_side": "left"}, {"pad_token": None}, {"pad_token": "[MASK]"}])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_scores_do_not_depend_on_how_the_tokenizer_pads(
    family: str, change: dict[str, Any], tiny_model: Callable[..., Any], tiny_tokenizer: Any, pairs: Pairs
) -> None:
    model = tiny_model(family)
    expected = [CrossEncoder(model, tiny_tokenizer).predict([pair])[0] for pair in pairs]
    tokenizer = copy.deepcopy(tiny_tokenizer)
    for name, value in change.items():
        setattr(tokenizer, name, value)
    np.testing.assert_allclose(CrossEncoder(model, tokenizer).predict(pairs), expected, atol=1e-5)


def test_tokenizer_that_truncates_on_the_left_is_refused(tiny: CrossEncoder, pairs: Pairs) -> None:
    tiny.tokenizer.truncation_side = "left"
    with pytest.raises(DataError, match="truncation_side='left'"):
        tiny.predict(pairs)


@pytest.mark.parametrize("family", ["roberta", "distilbert", "mpnet", "modernbert", "qwen3"])
def test_models_without_segments_score_with_a_tokenizer_that_numbers_them(
    family: str, tiny_model: Callable[..., Any], tiny_tokenizer: Any, pairs: Pairs
) -> None:
    model = CrossEncoder(tiny_model(family), tiny_tokenizer, max_length=64)
    expected = []
    for query, document in pairs:
        inputs = tiny_tokenizer([query], [document], truncation="longest_first", max_length=64, return_tensors="pt")
        inputs.pop("token_type_ids")
        with torch.no_grad():
            expected.append(model.model(**inputs).logits.item())
    np.testing.assert_allclose(model.predict(pairs), expected, atol=1e-5)


@pytest.mark.parametrize("batch_tokens", [1, 64, 300])
def test_scores_do_not_depend_on_the_batch_size(tiny: CrossEncoder, pairs: Pairs, batch_tokens: int) -> None:
    np.testing.assert_allclose(tiny.predict(pairs, batch_tokens=batch_tokens), tiny.predict(pairs), atol=1e-5)


def test_rank_sorts_documents_by_their_scores(tiny: CrossEncoder) -> None:
    documents = ["a dog", "the cat wrote a book", "a dog", "sort"]
    ranked = tiny.rank("what is a dog", documents)
    scores = tiny.predict([("what is a dog", d) for d in documents])
    assert [r["score"] for r in ranked] == sorted(scores.tolist(), reverse=True)
    assert all(r["text"] == documents[r["corpus_id"]] and r["score"] == scores[r["corpus_id"]] for r in ranked)
    positions = [r["corpus_id"] for r in ranked]
    assert positions.index(0) < positions.index(2)
    assert tiny.rank("what is a dog", documents, top_k=2) == ranked[:2]


def test_wrong_arguments_are_named(tiny: CrossEncoder) -> None:
    with pytest.raises(UsageError, match=r"pair 0 must be \(query, document\)"):
        tiny.predict(("a query", "a document"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="pair 1"):
        tiny.predict([("a", "b"), ("a", None)])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="top_k"):
        tiny.rank("a", ["b"], top_k=0)
    assert tiny.predict([]).shape == (0,)


@pytest.mark.parametrize(("n_logits", "form"), [(1, "logit"), (1, "sigmoid"), (2, "probability"), (2, "margin")])
def test_saved_model_loads_with_the_same_scores_and_contract(
    tmp_path: Path, tiny_model: Callable[..., Any], tiny_tokenizer: Any, pairs: Pairs, n_logits: int, form: str
) -> None:
    model = CrossEncoder(tiny_model(num_labels=n_logits), tiny_tokenizer, ScoreContract(form, 3.0), max_length=24)
    folder = model.save(tmp_path / "model")
    model.save(folder)
    loaded = CrossEncoder.from_pretrained(folder)
    assert (loaded.contract, loaded.max_length) == (model.contract, 24)
    assert loaded.fingerprint() == model.fingerprint()
    np.testing.assert_array_equal(loaded.predict(pairs), model.predict(pairs))
    assert sorted(p.name for p in folder.parent.iterdir()) == ["model"]


def test_two_models_of_one_tokenizer_keep_their_lengths(
    tmp_path: Path, tiny_model: Callable[..., Any], tiny_tokenizer: Any
) -> None:
    pair = [("what is a dog", "the cat wrote a long book about a dog " * 4)]
    alone = {n: CrossEncoder(tiny_model(), copy.deepcopy(tiny_tokenizer), max_length=n).predict(pair) for n in (32, 64)}
    assert alone[32] != alone[64]
    models = {n: CrossEncoder(tiny_model(), tiny_tokenizer, max_length=n) for n in (64, 32)}
    for n, model in models.items():
        np.testing.assert_array_equal(model.predict(pair), alone[n])
        loaded = CrossEncoder.from_pretrained(model.save(tmp_path / str(n)))
        assert (model.max_length, loaded.max_length, loaded.tokenizer.model_max_length) == (n, n, n)
        np.testing.assert_array_equal(loaded.predict(pair), alone[n])
    assert tiny_tokenizer.model_max_length == 64


def test_folder_that_states_no_length_takes_its_tokenizers(tmp_path: Path, tiny: CrossEncoder) -> None:
    folder = CrossEncoder(tiny.model, tiny.tokenizer, max_length=24).save(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    del config["rankdistill"]["max_length"]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "checksums.json").unlink()
    assert CrossEncoder.from_pretrained(folder).max_length == 24


def test_saved_folder_is_an_ordinary_transformers_folder(tiny: CrossEncoder, tmp_path: Path, pairs: Pairs) -> None:
    folder = tiny.save(tmp_path / "model")
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(*map(list, zip(*pairs, strict=True)), truncation=True, padding=True, return_tensors="pt")
    with torch.no_grad():
        np.testing.assert_allclose(model(**inputs).logits[:, 0].numpy(), tiny.predict(pairs), atol=1e-5)
    assert not list(folder.glob("*.bin"))


def test_foreign_folders_are_teachers(
    tmp_path: Path, tiny_model: Callable[..., Any], tiny_tokenizer: Any, pairs: Pairs
) -> None:
    one = CrossEncoder.from_pretrained(save_plain(tiny_model(), tiny_tokenizer, tmp_path / "one"))
    np.testing.assert_array_equal(one.predict(pairs), one.logits(pairs)[:, 0])
    two = CrossEncoder.from_pretrained(save_plain(tiny_model(num_labels=2), tiny_tokenizer, tmp_path / "two"))
    logits = two.logits(pairs)
    np.testing.assert_array_equal(two.predict(pairs), logits[:, 1] - logits[:, 0])


def test_three_logits_and_a_missing_head_are_refused(
    tmp_path: Path, tiny_model: Callable[..., Any], tiny_tokenizer: Any
) -> None:
    with pytest.raises(DataError, match="3 logits"):
        CrossEncoder.from_pretrained(save_plain(tiny_model(num_labels=3), tiny_tokenizer, tmp_path / "three"))
    with pytest.raises(DataError, match=r"lack classifier.*from_base"):
        CrossEncoder.from_pretrained(save_plain(tiny_model().bert, tiny_tokenizer, tmp_path / "base"))


def test_new_head_depends_on_the_seed_alone(
    tmp_path: Path, tiny_model: Callable[..., Any], tiny_tokenizer: Any, pairs: Pairs
) -> None:
    base = save_plain(tiny_model().bert, tiny_tokenizer, tmp_path / "base")
    torch.manual_seed(1)
    first = CrossEncoder.from_base(base, seed=4)
    state = torch.random.get_rng_state()
    again = CrossEncoder.from_base(base, seed=4)
    assert torch.equal(state, torch.random.get_rng_state())
    assert first.fingerprint() == again.fingerprint()
    assert first.fingerprint() != CrossEncoder.from_base(base, seed=5).fingerprint()


def test_from_base_chooses_layers_logits_and_length(
    tmp_path: Path, tiny_model: Callable[..., Any], tiny_tokenizer: Any
) -> None:
    base = save_plain(tiny_model().bert, tiny_tokenizer, tmp_path / "base")
    made = CrossEncoder.from_base(base, n_logits=2, layers=[0, 3], max_length=20)
    assert (made.model.config.num_hidden_layers, made.contract.form, made.max_length) == (2, "margin", 20)
    assert not made.model.training
    with pytest.raises(UsageError, match="max_length must be from 8 to the model's 66"):
        CrossEncoder.from_base(base, max_length=67)


def test_trained_model_as_base_keeps_its_head_where_it_fits(tmp_path: Path, tiny: CrossEncoder, pairs: Pairs) -> None:
    folder = tiny.save(tmp_path / "teacher")
    np.testing.assert_array_equal(CrossEncoder.from_base(folder).predict(pairs), tiny.predict(pairs))
    with pytest.warns(UserWarning, match="its head has not 2 logits, so that it is replaced by a new one"):
        other = CrossEncoder.from_base(folder, n_logits=2)
    assert other.logits(pairs).shape == (len(pairs), 2)


def test_positions_that_roberta_reserves_for_padding_are_not_used(
    tiny_model: Callable[..., Any], tiny_tokenizer: Any
) -> None:
    tiny_tokenizer.model_max_length = 1000
    assert CrossEncoder(tiny_model("roberta"), tiny_tokenizer).max_length == 64


def test_unknown_engine_and_dtype_list_the_valid_ones(tiny: CrossEncoder, tmp_path: Path, pairs: Pairs) -> None:
    folder = tiny.save(tmp_path / "model")
    with pytest.raises(UnknownNameError, match=r"engine 'torhc'; did you mean 'torch'"):
        CrossEncoder.from_pretrained(folder, engine="torhc").predict(pairs)
    with pytest.raises(UnknownNameError, match=r"Valid: auto, bfloat16, float32"):
        CrossEncoder.from_pretrained(folder, dtype="half").predict(pairs)


def test_another_engine_or_dtype_keeps_the_folder_unless_one_is_given(tiny: CrossEncoder, tmp_path: Path) -> None:
    loaded = CrossEncoder.from_pretrained(tiny.save(tmp_path / "model"))
    moved = loaded.with_engine("onnx", "int8")
    assert (moved.engine_name, moved.dtype, moved.folder) == ("onnx", "int8", tmp_path / "model")
    assert loaded.with_engine("onnx", folder=tmp_path / "exported").folder == tmp_path / "exported"
    assert loaded.with_dtype("bfloat16").folder == loaded.folder
    assert loaded.with_model(loaded.model).folder is None
    assert (loaded.engine_name, loaded.dtype) == ("torch", None)


def test_example_of_the_docstring_runs_on_a_folder(tiny: CrossEncoder, tmp_path: Path) -> None:
    _, _, example = (CrossEncoder.__doc__ or "").partition("::\n")
    code = textwrap.dedent(example).replace("runs/student/model", str(tiny.save(tmp_path / "model")))
    assert code.count("model.") == 2
    names: dict[str, Any] = {"CrossEncoder": CrossEncoder}
    exec(code, names)
    assert names["model"].max_length == 64


def test_every_change_of_what_is_scored_changes_the_fingerprint(tiny: CrossEncoder, tmp_path: Path) -> None:
    prints = {tiny.fingerprint(), tiny.with_model(tiny.model).fingerprint()}
    assert len(prints) == 1
    prints.add(CrossEncoder(tiny.model, tiny.tokenizer, ScoreContract("sigmoid")).fingerprint())
    prints.add(CrossEncoder(tiny.model, tiny.tokenizer, max_length=32).fingerprint())
    with torch.no_grad():
        next(tiny.model.parameters())[0, 0] += 1
    prints.add(CrossEncoder(tiny.model, tiny.tokenizer).fingerprint())
    assert len(prints) == 4


def test_config_states_the_contract_and_the_activation(tiny: CrossEncoder, tmp_path: Path) -> None:
    config = json.loads((tiny.save(tmp_path / "model") / "config.json").read_text())
    assert config["rankdistill"] == {"score": {"form": "logit", "scale": 1.0}, "max_length": 64}
    assert config["sentence_transformers"]["activation_fn"].endswith("Identity")


def test_rank_orders_by_the_logits_where_probabilities_are_all_one(
    tiny_model: Callable[..., Any], tiny_tokenizer: Any
) -> None:
    network = tiny_model(num_labels=2)
    with torch.no_grad():
        network.classifier.weight.mul_(30)
        network.classifier.bias.copy_(torch.tensor([0.0, 40.0]))
    documents = ["a dog", "the cat wrote a book", "sort", "how to sort a long list", ""]
    margins = CrossEncoder(network, tiny_tokenizer).rank("what is a dog", documents)
    probabilities = CrossEncoder(network, tiny_tokenizer, ScoreContract("probability")).rank("what is a dog", documents)
    assert {hit["score"] for hit in probabilities} == {1.0}
    assert len({hit["score"] for hit in margins}) == len(documents)
    assert [hit["corpus_id"] for hit in probabilities] == [hit["corpus_id"] for hit in margins]


def test_a_model_in_training_mode_is_scored_in_eval_mode_and_left_as_it_was(
    tiny_model: Callable[..., Any], tiny_tokenizer: Any, pairs: Pairs
) -> None:
    model = CrossEncoder(tiny_model(), tiny_tokenizer)
    expected = model.predict(pairs)
    model.model.train()
    np.testing.assert_array_equal(model.predict(pairs), expected)
    assert model.model.training
