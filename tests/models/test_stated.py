"""What a sentence-transformers folder of a cross-encoder states is done, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import lively

from rankdistill.errors import DataError, UsageError
from rankdistill.models import CrossEncoder
from rankdistill.models.sentence.chain import TRANSFORMER
from rankdistill.models.sentence.listed import MODULES
from rankdistill.models.sentence.stated import SETTINGS
from rankdistill.models.stated import MODULE_SETTINGS, Stated
from rankdistill.scoring import score
from rankdistill.training.fit import check_objective
from rankdistill.training.objective import Objective

Pairs = list[tuple[str, str]]
WHOLE: dict[str, Any] = {
    SETTINGS: {"model_type": "CrossEncoder", "prompts": {"a": "sort the ", "b": "what "}, "default_prompt_name": "a"},
    MODULES: [{"idx": 0, "name": "0", "path": "", "type": TRANSFORMER}],
    MODULE_SETTINGS: {"transformer_task": "sequence-classification", "max_seq_length": 24},
}


def write(folder: Path, **changes: Any) -> Path:
    """Write what the folder states, with some fields of its files replaced; the names are those of `CHANGED`."""
    files = json.loads(json.dumps(WHOLE))
    for name, value in changes.items():
        if isinstance(value, dict):
            files[CHANGED[name]].update(value)
        else:
            files[CHANGED[name]] = value
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))
    return folder


CHANGED = {"settings": SETTINGS, "modules": MODULES, "module": MODULE_SETTINGS}


def test_prompt_length_and_lower_case_are_read(tmp_path: Path) -> None:
    assert Stated.by(write(tmp_path)) == Stated("sort the ", 24)
    assert Stated.by(write(tmp_path, settings={"default_prompt_name": None})) == Stated("", 24)
    assert Stated.by(write(tmp_path, module={"do_lower_case": True, "max_seq_length": None})).lower_case


def test_folder_of_a_sentence_encoder_states_nothing_about_pairs(tmp_path: Path) -> None:
    folder = write(tmp_path, settings={"model_type": "SentenceTransformer"}, module={"do_lower_case": True})
    assert Stated.by(folder) == Stated(lower_case=True)


def test_prompt_without_modules_is_left_out_and_said(tmp_path: Path) -> None:
    (write(tmp_path) / MODULES).unlink()
    with pytest.warns(UserWarning, match=r"names a prompt, but there is no modules.json"):
        assert Stated.by(tmp_path) == Stated()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"modules": [*WHOLE[MODULES], {"path": "1_Dense", "type": "x.Dense"}]},
            "x.Dense', which is code of",
        ),
        ({"modules": [{"path": "", "type": "own.Transformer"}]}, "states the module 'own.Transformer', which is code"),
        ({"modules": [{"path": "0_Transformer", "type": TRANSFORMER}]}, "in the folder itself"),
        ({"modules": {}}, "states the modules"),
        ({"modules": [5]}, "modules.json: got 5, expected an object with path and type"),
        ({"settings": {"default_prompt_name": "c"}}, "default prompt 'c' is none of its prompts, a, b"),
        ({"settings": {"prompts": ["a"]}}, "expected an object of names and texts"),
        ({"module": {"transformer_task": "text-generation"}}, "states the task 'text-generation'"),
        ({"module": {"modality_config": {"message": {}}}}, "chat templates"),
        ({"module": {"processing_kwargs": {"text": {"max_length": 5}}}}, "states processing_kwargs"),
        ({"module": {"processor_kwargs": {"model_max_length": 5}}}, "states processor_kwargs"),
        ({"module": {"max_seq_length": "long"}}, "got max_seq_length 'long'"),
    ],
)
def test_what_is_not_done_is_refused_by_name(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    if changes.get("modules") == {}:
        changes = {"modules": []}
    with pytest.raises(DataError, match=message):
        Stated.by(write(tmp_path, **changes))


def test_prompt_is_put_before_every_query_wherever_pairs_are_scored(
    tiny_tokenizer: Any, tmp_path: Path, pairs: Pairs, candidates: Any, collection: Any
) -> None:
    tiny = CrossEncoder(lively("bert"), tiny_tokenizer)
    folder = write(CrossEncoder(tiny.model, tiny.tokenizer, max_length=24).save(tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    del config["rankdistill"]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "checksums.json").unlink()
    model, plain = CrossEncoder.from_pretrained(folder), CrossEncoder(tiny.model, tiny.tokenizer, max_length=24)
    assert model.max_length == 24
    prompted = [(f"sort the {query}", document) for query, document in pairs]
    np.testing.assert_array_equal(model.predict(pairs), plain.predict(prompted))
    assert np.abs(model.predict(pairs) - plain.predict(pairs)).max() > 1e-3
    queries = collection.queries.take(candidates.query_ids.take(candidates.query_of_row))
    documents = collection.documents.take(candidates.doc_ids)
    expected = model.predict(list(zip(queries, documents, strict=True)))
    np.testing.assert_allclose(score(model, candidates, collection), expected, atol=1e-6)
    assert model.fingerprint() != plain.fingerprint()


def test_saved_prompt_is_read_again_and_kept_by_copies(tiny: CrossEncoder, tmp_path: Path, pairs: Pairs) -> None:
    model = CrossEncoder(tiny.model, tiny.tokenizer, prompt="sort the ")
    folder = model.save(tmp_path / "model")
    assert Stated.by(folder).prompt == "sort the "
    for copy in (CrossEncoder.from_pretrained(folder), CrossEncoder.from_base(folder), model.with_model(model.model)):
        np.testing.assert_array_equal(copy.predict(pairs), model.predict(pairs))
    assert model.with_dtype("auto").prompt == "sort the "


def test_a_prompt_that_was_changed_elsewhere_is_refused(tiny: CrossEncoder, tmp_path: Path) -> None:
    folder = CrossEncoder(tiny.model, tiny.tokenizer, prompt="sort the ").save(tmp_path / "model")
    write(folder, settings={"default_prompt_name": "b"}, module={"max_seq_length": None})
    (folder / "checksums.json").unlink()
    with pytest.raises(DataError, match="notes the prompt 'sort the ', sentence-transformers' files state 'what '"):
        CrossEncoder.from_pretrained(folder)


def test_a_teacher_beside_the_student_must_have_the_students_prompt(tiny: CrossEncoder) -> None:
    prompted = CrossEncoder(tiny.model, tiny.tokenizer, prompt="sort the ")
    objective = Objective.parse("hidden_mse(teacher)")
    with pytest.raises(UsageError, match="after the prompt 'sort the ', the student after ''"):
        check_objective(objective, tiny, prompted, ())


@pytest.mark.parametrize("activation", ["torch.nn.modules.activation.GELU", "own.Activation"])
def test_an_activation_that_may_change_the_order_is_refused(
    activation: str, tiny: CrossEncoder, tmp_path: Path
) -> None:
    folder = tiny.save(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "checksums.json").unlink()
    for stated in ("torch.nn.modules.activation.Sigmoid", activation):
        config["sentence_transformers"]["activation_fn"] = stated
        (folder / "config.json").write_text(json.dumps(config))
        if stated != activation:
            CrossEncoder.from_pretrained(folder)
    with pytest.raises(DataError, match=f"states the activation '{activation}'"):
        CrossEncoder.from_pretrained(folder)
