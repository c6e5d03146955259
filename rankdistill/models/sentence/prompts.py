"""The texts that an encoder's folder wants before queries and before documents."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdistill.errors import DataError

QUERY_NAMES = ("query",)
DOCUMENT_NAMES = ("document", "passage", "corpus")
"""Names under which a folder may state a prompt; the first that is there counts. Source: sentence-transformers'
`encode_query` and `encode_document`, as documented."""


@dataclass(frozen=True)
class Prompts:
    """The text before each query, before each document, and before texts that are neither."""

    query: str = ""
    document: str = ""
    default: str = ""


def read_prompts(file: Path, settings: Mapping[str, Any]) -> Prompts:
    """Read the prompts in the settings of a sentence-transformers folder; ``file`` is named in messages.

    Warns of prompts whose use cannot be known. Raises `DataError` for a default prompt that is not stated.
    """
    stated = settings.get("prompts") or {}
    if not isinstance(stated, dict) or not all(isinstance(text, str | None) for text in stated.values()):
        raise DataError(f"{file}: got prompts {stated!r:.100}, expected an object of texts")
    prompts = {name: text for name, text in stated.items() if text is not None}
    name = settings.get("default_prompt_name")
    if name is not None and name not in prompts and name not in ("query", "document"):
        known = ", ".join(prompts) or "none"
        raise DataError(f"{file} states the default prompt {name!r}, expected one of its prompts: {known}")
    query, document = (_first(prompts, names) for names in (QUERY_NAMES, DOCUMENT_NAMES))
    default = prompts.get(name, "") if isinstance(name, str) else ""
    others = [each for each, text in prompts.items() if text and each not in (*QUERY_NAMES, *DOCUMENT_NAMES)]
    if (others and not (query or document)) or (default and name in others):
        warnings.warn(
            f"{file} states prompts under the names {', '.join(others)}, which do not say that they are for queries or "
            "for documents: neither gets one. Give --query-prompt and --document-prompt where the encoder needs them",
            stacklevel=2,
        )
    if document and not prompts.get("document"):
        warnings.warn(
            f"{file} states a prompt for documents under another name than 'document': {document!r} is put before "
            "each, as stated; sentence-transformers 6.2 leaves it out",
            stacklevel=2,
        )
    return Prompts(query, document, default)


def _first(prompts: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((prompts[name] for name in names if name in prompts), "")
