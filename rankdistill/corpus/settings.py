"""CorpusSettings: which sentences and pairs of a text are kept."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rankdistill.corpus.languages import check_language
from rankdistill.errors import UsageError


@dataclass(frozen=True)
class CorpusSettings:
    """Which sentences of a text are kept, how they are paired, and how many pairs."""

    language: str = "en"
    """Language of the text, by its ISO code, for the rules that split it into sentences, and the stop words that no
    keyword of a textbook has. A language without such rules is split by those of English, with a warning."""
    script: str = "Latin"
    """Script that letters must have, by its Unicode name (Latin, Han, Cyrillic, ...); any: every script."""
    wrapped: bool = False
    """Lines of the text are wrapped, as in pydocs and in mails: paragraphs are apart by empty lines. Else every line is
    a paragraph, and no sentence goes over its end."""
    min_characters: int = 20
    """Shorter sentences are left out: headings, captions, fragments."""
    max_characters: int = 500
    """Longer sentences are left out: lists, tables, text that could not be split."""
    min_letters: float = 0.6
    """Least share of a sentence's visible characters that are letters of the script."""
    max_repetition: float = 0.5
    """Largest share of a sentence's sequences of four characters that occurred in it before."""
    overlap: bool = False
    """Pair every sentence with the next, (1, 2), (2, 3), ..., instead of (1, 2), (3, 4), ..."""
    similarity: float = 0.8
    """Pairs that share about this part of their text with an earlier pair are near duplicates and left out; 1: only
    pairs of the same letters, marks and digits are. Taken is the nearest of .5, .77, .92, .98 and 1."""
    pairs: int | None = None
    """Keep a random sample of this many pairs. [default: all]"""
    seed: int = 0
    """Of the sample."""

    def changed(self) -> list[str]:
        """The names of the settings that are not the default."""
        return [field.name for field in fields(self) if getattr(self, field.name) != field.default]

    def __post_init__(self) -> None:
        check_language(self.language)
        if not 1 <= self.min_characters <= self.max_characters:
            raise UsageError(
                f"min_characters must be at least 1 and at most max_characters, got {self.min_characters} and "
                f"{self.max_characters}"
            )
        for name in ("min_letters", "max_repetition"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is a share and must be from 0 to 1, got {getattr(self, name)}")
        if not 0.5 <= self.similarity <= 1:
            raise UsageError(f"similarity must be from 0.5 to 1, got {self.similarity}")
        if self.pairs is not None and self.pairs < 1:
            raise UsageError(f"pairs must be at least 1, got {self.pairs}")
