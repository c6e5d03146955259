"""Load a folder's tokenizer as the folder states it: what tokenizer.json says counts, and what is lower case."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers
from tokenizers.normalizers import Lowercase, Normalizer
from transformers import AutoTokenizer

from rankdistill.errors import DataError
from rankdistill.models.base import quiet_loading
from rankdistill.models.load import INSTEAD, NO_CODE, json_object, reading

FILE, SETTINGS = "tokenizer.json", "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
_OBJECTS = (FILE, SETTINGS, SPECIAL_TOKENS, "added_tokens.json")
SHORTEST = 8
"""Tokens of a pair, at least."""
_PARTS = ("normalizer", "pre_tokenizer", "post_processor")
_PLAIN = ("TokenizersBackend", "PreTrainedTokenizerFast")
"""Classes that read tokenizer.json as it is."""
_OF_BERT = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
"""Setting of a BERT tokenizer -> its name in the normalizer."""
_SAMPLES = (
    "What is a Re-Ranker, and WHO wrote the first one?",
    "naïve Café ÅNGSTRÖM Straße İstanbul ﬁnal ½",
    "  two  blanks\tand\nlines ",
    "don't can't 3.14 1,000 $5 C++ foo_bar a@b.example",
    "東京タワー 안녕하세요 हिन्दी ไทย",
    "",
)


def load_tokenizer(folder: str | Path, lower_case: bool = False, shortest: int = SHORTEST) -> Any:
    """Load a folder's fast tokenizer.

    transformers 5 takes only the vocabulary from ``tokenizer.json`` for tokenizers with a class of their own, and makes
    the rest anew: where that gives other tokens than the file, the file is followed, as `tokenizers` and servers in
    other languages do, and a warning says so. lower_case: fold texts to lower case first. shortest: least
    number of tokens that it may read.
    Raises `DataError` for a file that is damaged, for code and for a tokenizer without a vocabulary.
    """
    folder = Path(folder)
    stated = {name: json_object(folder / name) for name in _OBJECTS if (folder / name).is_file()}
    own = stated.get(SETTINGS, {}).get("auto_map")
    with reading(folder, f"tokenizer ({FILE}, {SETTINGS}) cannot be read"), quiet_loading():
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not tokenizer.is_fast:
        hint = f" (auto_map: {own}); {NO_CODE}: {INSTEAD}" if own else ": save the model with its tokenizer.json"
        raise DataError(f"{folder}: {type(tokenizer).__name__} is not a fast tokenizer{hint}")
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise DataError(f"{folder} holds no vocabulary, looked for {FILE}: copy the tokenizer into the folder, too")
    _check_settings(folder, tokenizer, shortest)
    if FILE in stated and type(tokenizer).__name__ not in _PLAIN:
        with reading(folder, f"{FILE} describes no tokenizer"):
            as_stated = Tokenizer.from_file(str(folder / FILE))
        if not _same_tokens(tokenizer.backend_tokenizer, as_stated):
            _follow(folder, tokenizer, as_stated, stated.get(SETTINGS, {}))
    if lower_case:
        _fold_case(tokenizer.backend_tokenizer)
    return tokenizer


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write a tokenizer so that it is read as it is, by transformers too; see `load_tokenizer`.

    The class of a tokenizer without a class of its own, and its further special tokens, are written by the names that
    transformers 4 knows, too; see `complete_files`.
    """
    tokenizer.save_pretrained(folder)
    complete_files(folder)
    _name_as_before(folder / SETTINGS)
    if _reads_the_same(folder, tokenizer):
        return
    file = folder / SETTINGS
    settings = json_object(file)
    settings |= {"tokenizer_class": _PLAIN[1], "model_input_names": list(tokenizer.model_input_names)}
    settings |= {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    file.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if not _reads_the_same(folder, tokenizer):  # transformers 5 has classes that no name in the settings overrides
        warnings.warn(
            f"{folder}: transformers reads other tokens from this tokenizer than rankdistill does, as it takes one of "
            "its own for the model's family: sentence-transformers and other tools will score otherwise",
            stacklevel=2,
        )


def _reads_the_same(folder: Path, tokenizer: Any) -> bool:
    """Whether transformers reads a tokenizer out of a folder that makes the same tokens."""
    again = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return again.is_fast and _same_tokens(again.backend_tokenizer, tokenizer.backend_tokenizer)


def _name_as_before(file: Path) -> None:
    """Write what transformers 5 renamed by its name of version 4, which both read."""
    settings = json_object(file)
    before = dict(settings)
    if settings.get("tokenizer_class") == _PLAIN[0]:
        settings["tokenizer_class"] = _PLAIN[1]
    if isinstance(settings.get("extra_special_tokens"), list):  # version 4 takes a table alone
        settings["additional_special_tokens"] = settings.pop("extra_special_tokens")
    if settings != before:
        file.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def complete_files(folder: Path) -> None:
    """Write the file of special tokens that transformers 4 wrote, unless it is there: FlashRank fails without it.

    It is empty, as the tokens stand in the tokenizer's settings, which it would override.
    """
    file = folder / SPECIAL_TOKENS
    if not file.exists():
        file.write_text("{}\n", encoding="utf-8")


def check_ids(folder: str | Path, tokenizer: Any, model: Any) -> None:
    """Raise `DataError` where a tokenizer makes tokens, beside special ones, that a model has no embedding for."""
    n_known = int(model.get_input_embeddings().num_embeddings)
    added = set(tokenizer.get_added_vocab())
    beyond = [token for token, place in tokenizer.get_vocab().items() if place >= n_known and token not in added]
    if beyond:
        raise DataError(
            f"{folder}: its tokenizer has {len(beyond):,} tokens more than the {n_known:,} that the model knows, such "
            f"as {min(beyond)!r}: one of the two is another model's"
        )


def are_words(tokenizer: Any, ids: Sequence[int], texts: Sequence[str]) -> list[bool]:
    """Whether each token is what the tokenizer makes of its text after a blank, and so no piece inside a word."""
    if not texts:
        return []
    made = tokenizer([f" {text}" for text in texts], add_special_tokens=False, verbose=False)["input_ids"]
    return [tokens == [token] for tokens, token in zip(made, ids, strict=True)]


def _check_settings(folder: Path, tokenizer: Any, shortest: int) -> None:
    """Raise `DataError` for settings of a tokenizer under which no pair can be read."""
    length, names = tokenizer.model_max_length, tokenizer.model_input_names
    if not isinstance(length, int | float) or length < shortest:
        raise DataError(
            f"{folder / SETTINGS}: got model_max_length {length!r}, expected the number of tokens that the model "
            f"reads, at least {shortest}"
        )
    if "input_ids" not in names:
        raise DataError(f"{folder / SETTINGS}: got model_input_names {names}, expected input_ids among them")
    if tokenizer.truncation_side != "right":
        raise DataError(
            f"{folder / SETTINGS}: got truncation_side {tokenizer.truncation_side!r}, but texts are truncated at their "
            "end: set it to 'right'"
        )


def _follow(folder: Path, tokenizer: Any, as_stated: Tokenizer, settings: dict[str, Any]) -> None:
    """Make a tokenizer do what tokenizer.json says, unless tokenizer_config.json says the contrary; warn of both."""
    made = tokenizer.backend_tokenizer
    one, other = ({part: json.loads(each.to_str())[part] for part in _PARTS} for each in (made, as_stated))
    differing = [part for part in _PARTS if one[part] != other[part]] or ["vocabulary"]
    normalizer = other["normalizer"] or {}
    contrary = [name for name, its in _OF_BERT.items() if name in settings and settings[name] != normalizer.get(its)]
    if differing == ["normalizer"] and normalizer.get("type") == "BertNormalizer" and contrary:
        warnings.warn(
            f"{folder}: {SETTINGS} and {FILE} contradict each other ({', '.join(contrary)}): the former is followed, "
            "as transformers does; tools that read the latter alone may score otherwise",
            stacklevel=3,
        )
        return
    warnings.warn(
        f"{folder / FILE} makes other tokens than {type(tokenizer).__name__} of transformers does (its "
        f"{' and '.join(differing)}): the file is followed; tools that do not may score otherwise",
        stacklevel=3,
    )
    if made.get_vocab(with_added_tokens=True) == as_stated.get_vocab(with_added_tokens=True):
        tokenizer._tokenizer = as_stated
        return
    for part in _PARTS:  # the file lacks tokens that tokenizer_config.json adds
        setattr(made, part, getattr(as_stated, part))


def _same_tokens(one: Tokenizer, other: Tokenizer) -> bool:
    """Whether two tokenizers make the same tokens of some texts and of a pair; neither is left padding or cutting."""
    made = []
    for tokenizer in (one, other):
        tokenizer.no_padding()
        tokenizer.no_truncation()
        pair = tokenizer.encode(_SAMPLES[0], _SAMPLES[3])
        made.append(([tokenizer.encode(text).ids for text in _SAMPLES], pair.ids, pair.type_ids))
    return made[0] == made[1]


def _fold_case(backend: Tokenizer) -> None:
    """Make a tokenizer fold texts to lower case, unless it does."""
    known: Normalizer | None = backend.normalizer
    if known is None or known.normalize_str("A") != "a":
        backend.normalizer = Lowercase() if known is None else normalizers.Sequence([Lowercase(), known])
