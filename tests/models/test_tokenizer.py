"""A tokenizer does what its tokenizer.json says, also where transformers would make it anew from its class."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from tiny import make_tokenizer
from tokenizers import Tokenizer, normalizers
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, BertTokenizer

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder
from rankdistill.models.tokenizer import load_tokenizer, save_tokenizer

TEXTS = ["What is a Dog", "naïve cat", "sort the list"]


@pytest.fixture
def folder(tmp_path: Path, tiny_tokenizer: Any, tiny_model: Any) -> Path:
    """A folder whose tokenizer has a class of its own in transformers, BertTokenizer."""
    vocabulary = tiny_tokenizer.get_vocab()
    BertTokenizer(vocab=vocabulary, model_max_length=64).save_pretrained(tmp_path)
    tiny_model().save_pretrained(tmp_path)
    return tmp_path


def change(folder: Path, **parts: Any) -> Tokenizer:
    """Replace parts of tokenizer.json; return the tokenizer that it describes."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def test_a_file_that_agrees_with_the_class_is_read_without_a_word(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        tokenizer = load_tokenizer(folder)
    assert tokenizer(TEXTS)["input_ids"] == AutoTokenizer.from_pretrained(folder)(TEXTS)["input_ids"]


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ({"normalizer": normalizers.NFC()}, "normalizer"),
        (
            {
                "post_processor": TemplateProcessing(
                    single="[CLS] $A [SEP]",
                    pair="[CLS] $A [SEP] [SEP] $B:1 [SEP]:1",
                    special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
                )
            },
            "post_processor",
        ),
    ],
)
def test_a_file_that_says_otherwise_is_followed_and_said(folder: Path, parts: dict[str, Any], name: str) -> None:
    stated = change(folder, **parts)
    expected = [encoding.ids for encoding in stated.encode_batch([*TEXTS, tuple(TEXTS[:2])])]
    assert [AutoTokenizer.from_pretrained(folder)(*texts)["input_ids"] for texts in pairs_of(TEXTS)] != expected
    with pytest.warns(
        UserWarning, match=rf"than BertTokenizer of transformers does \(its {name}\): the file is followed"
    ):
        tokenizer = load_tokenizer(folder)
    assert [tokenizer(*texts)["input_ids"] for texts in pairs_of(TEXTS)] == expected
    with pytest.warns(UserWarning, match="the file is followed"):
        model = CrossEncoder.from_pretrained(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        again = CrossEncoder.from_pretrained(model.save(folder / "again"))
    assert again.fingerprint() == model.fingerprint()
    pairs = [(TEXTS[0], TEXTS[1])]
    assert again.predict(pairs) == model.predict(pairs)
    plain = AutoTokenizer.from_pretrained(folder / "again")
    assert [plain(*texts)["input_ids"] for texts in pairs_of(TEXTS)] == expected


def pairs_of(texts: list[str]) -> list[tuple[str, ...]]:
    return [*((text,) for text in texts), (texts[0], texts[1])]


def test_tokenizer_config_comes_before_a_normalizer_that_contradicts_it(folder: Path) -> None:
    change(folder, normalizer=normalizers.BertNormalizer(lowercase=True))
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"do_lower_case": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.warns(UserWarning, match=r"contradict each other \(do_lower_case\)"):
        tokenizer = load_tokenizer(folder)
    assert tokenizer.tokenize("Dog") == ["[UNK]"]


def test_texts_are_folded_to_lower_case_where_the_folder_says_so(folder: Path) -> None:
    change(folder, normalizer=normalizers.NFC())
    with pytest.warns(UserWarning, match="the file is followed"):
        folding, plain = load_tokenizer(folder, lower_case=True), load_tokenizer(folder)
    assert (folding.tokenize("a DOG"), plain.tokenize("a DOG")) == (["a", "dog"], ["a", "[UNK]"])
    save_tokenizer(folding, folder)
    assert load_tokenizer(folder).tokenize("a DOG") == ["a", "dog"]


def test_tokenizer_without_a_fast_version_is_refused(folder: Path) -> None:
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"tokenizer_class": "CanineTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(DataError, match="CanineTokenizer is not a fast tokenizer"):
        load_tokenizer(folder)


def test_saved_tokenizers_have_the_names_that_transformers_4_reads(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["[Q]"]})
    save_tokenizer(tokenizer, tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert isinstance(settings.get("extra_special_tokens", {}), dict)
    assert json.loads((tmp_path / "special_tokens_map.json").read_text()) == {}
    again = load_tokenizer(tmp_path)
    assert again("a dog [Q]")["input_ids"] == tokenizer("a dog [Q]")["input_ids"]
    assert again.convert_tokens_to_ids("[Q]") in again.all_special_ids
