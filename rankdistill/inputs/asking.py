"""Asking: what a user says about the prompt of a causal language model, declared once for Python, commands and YAML."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self


@dataclass(frozen=True)
class Asking:
    """How a causal language model is asked, and which tokens are its score."""

    prompt: str | None = None
    """Of a causal language model: the text that it reads, with {query} and {document}, and {instruction} where it has
    one; or the name of a known prompt, such as qwen3-reranker. [default: what the model's folder states]"""
    instruction: str | None = None
    """Text for {instruction} in the prompt. [default: what the model's folder states]"""
    relevant_token: str | None = None
    """Of a causal language model: the token, such as yes, whose logit at the prompt's end is the score. [default: what
    the model's folder states]"""
    other_token: str | None = None
    """Token, such as no, whose logit is subtracted. [default: what the model's folder states; none where
    relevant-token is given alone]"""
    token_scale: float | None = None
    """Number that the score of a causal language model is multiplied by. [default: what the folder states, or 1]"""

    @property
    def asking(self) -> dict[str, Any]:
        """These fields, by name."""
        return {name: getattr(self, name) for name in ASKING}

    @property
    def given(self) -> list[str]:
        """The names of those that are not None."""
        return [name for name, value in self.asking.items() if value is not None]

    def without_asking(self) -> Self:
        """Return the same without these fields: what is left for a model that is loaded, and keeps how it is asked."""
        return replace(self, **dict.fromkeys(ASKING)) if self.given else self


ASKING = tuple(field.name for field in fields(Asking))
