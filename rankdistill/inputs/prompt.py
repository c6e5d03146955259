"""Prompt: the text around a query and a document, as causal language models are asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rankdistill.errors import UsageError

QUERY, DOCUMENT, INSTRUCTION = "{query}", "{document}", "{instruction}"


@dataclass(frozen=True)
class Prompt:
    """The fixed text before the first of two texts, between them, and after the second."""

    prefix: str = ""
    between: str = ""
    suffix: str = ""
    document_first: bool = False
    """Whether the document comes before the query."""
    special_tokens: bool = True
    """Whether the tokens that the tokenizer puts around every text, such as one for its begin, are around the whole,
    too. They are not where the text spells its first one out."""
    stripped: bool = False
    """Whether outer blanks of the two texts are left out, as many chat templates do."""

    @classmethod
    def parse(
        cls, text: str, instruction: str | None = None, *, special_tokens: bool = True, stripped: bool = False
    ) -> Prompt:
        """Split a string that holds ``{query}`` and ``{document}``, once each; ``{instruction}`` is replaced.

        instruction: None where the string has no place for one. Other braces are plain text. Raises `UsageError` where
        a place is missing or there twice, and for an instruction without a place.
        """
        if text.count(QUERY) != 1 or text.count(DOCUMENT) != 1:
            raise UsageError(
                f"a prompt must hold {QUERY} and {DOCUMENT}, once each, got {text!r:.200}: for example "
                '"Query: {query}\\nDocument: {document}\\nRelevant (yes or no):"'
            )
        if instruction is not None and INSTRUCTION not in text:
            raise UsageError(f"the prompt has no place {INSTRUCTION} for an instruction, got {text!r:.200}")
        document_first = text.index(DOCUMENT) < text.index(QUERY)
        first, second = (DOCUMENT, QUERY) if document_first else (QUERY, DOCUMENT)
        prefix, _, rest = text.partition(first)
        between, _, suffix = rest.partition(second)
        if instruction is not None:
            prefix, between, suffix = (part.replace(INSTRUCTION, instruction) for part in (prefix, between, suffix))
        return cls(prefix, between, suffix, document_first, special_tokens, stripped)

    def format(self, query: str, document: str) -> str:
        """Put the two texts in their places."""
        first, second = self.texts((document, query) if self.document_first else (query, document))
        return f"{self.prefix}{first}{self.between}{second}{self.suffix}"

    def takes_special_tokens(self, tokenizer: Any) -> bool:
        """Whether the tokens that a tokenizer puts around every text are around the whole."""
        begin = tokenizer.bos_token
        return self.special_tokens and not (begin and self.prefix.startswith(begin))

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Texts as they are put in."""
        return [text.strip() for text in texts] if self.stripped else list(texts)
