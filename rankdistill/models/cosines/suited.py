"""Tell the encoders whose cosine a cross-encoder can start from."""

from __future__ import annotations

import warnings
from pathlib import Path

from rankdistill.errors import DataError
from rankdistill.models.base import resolve_folder
from rankdistill.models.sentence.json_file import read_object
from rankdistill.models.sentence.listed import MODULES, transformer_folder
from rankdistill.models.sentence.stated import SETTINGS, Stated, read_stated


def is_sentence_encoder(name_or_path: str | Path) -> bool:
    """Return whether a model is a BERT encoder of sentences, in the layout of sentence-transformers."""
    folder = resolve_folder(name_or_path)
    if read_object(folder / SETTINGS).get("model_type", "SentenceTransformer") != "SentenceTransformer":
        return False
    states_pooling = (folder / MODULES).is_file() or (folder / "1_Pooling" / "config.json").is_file()
    return states_pooling and read_object(transformer_folder(folder) / "config.json").get("model_type") == "bert"


def beyond_cosine(name_or_path: str | Path) -> list[str]:
    """List what an encoder's folder states beyond the cosine of mean vectors, which a start would not keep."""
    try:
        return _stated(name_or_path).beyond_mean
    except DataError as error:
        return [str(error)]


def warn_of_prompts(name_or_path: str | Path) -> None:
    """Warn where an encoder wants prompts: a start from its cosine reads texts without them."""
    prompts = _stated(name_or_path).prompts
    if prompts.query or prompts.document:
        warnings.warn(
            f"{name_or_path} puts a prompt before queries ({prompts.query!r}) and documents ({prompts.document!r}): a "
            "cross-encoder that starts from its cosine reads them without",
            stacklevel=3,
        )


def _stated(name_or_path: str | Path) -> Stated:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_stated(resolve_folder(name_or_path))
