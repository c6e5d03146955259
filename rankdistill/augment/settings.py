"""AugmentSettings: what is done to the words of a text, how often, and by whose tags."""

from __future__ import annotations

from dataclasses import dataclass

from rankdistill.errors import UsageError


@dataclass(frozen=True)
class AugmentSettings:
    """What is done to each word of a text, and how many variations of a text are made.

    Source: LSTM-KD §3.3; the contextual replacement is TinyBERT's, section 3.2 (docs/papers.md).
    """

    n_iter: int = 10
    """Variations made of each text or pair, of which duplicates are left out. Of pairs they change in turn the first
    text, the second, and both."""
    p_mask: float = 0.1
    """Probability that a word is replaced by the mask token."""
    p_pos: float = 0.1
    """Probability that a word is replaced by another of the same part of speech, drawn by how often the task's texts
    have it."""
    p_context: float = 0.0
    """Probability that a word is replaced by one that a masked language model puts there; TinyBERT's is 0.4. Needs
    --base."""
    context_words: int = 15
    """Words that the masked language model proposes for a place, of which one is drawn, each as likely."""
    mask_token: str = "[MASK]"
    """What is written for a masked word. Every model that reads the parts takes its own mask token there. In lists that
    are retrieved for a ranking's queries it is plain text: give the models' own."""
    tagger: str = "auto"
    """What tells parts of speech: spacy (the model of the extra `augment`), spacy:MODEL (another one, a package or a
    folder), forms (English by word lists and endings, nothing to install). auto: spacy where it is installed, else
    forms."""
    pairs: int | None = None
    """Keep a random sample of this many variations. [default: all]"""
    seed: int = 0
    """The same seed gives the same bytes, with any number of processes; with p_context on one device with as many
    threads, as another rounds otherwise."""

    def __post_init__(self) -> None:
        if self.n_iter < 1:
            raise UsageError(f"n_iter must be at least 1, got {self.n_iter}")
        shares = {name: getattr(self, name) for name in ("p_mask", "p_pos", "p_context")}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise UsageError(f"{name} is a probability and must be from 0 to 1, got {share}")
        total = sum(shares.values())
        told = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        if total == 0:
            raise UsageError(f"nothing would change: {told}; give one of them above 0")
        if total > 1 + 1e-9:
            raise UsageError(f"at most one thing is done to a word, so that the probabilities add up to 1: got {told}")
        if self.context_words < 1:
            raise UsageError(f"context_words must be at least 1, got {self.context_words}")
        if not self.mask_token or self.mask_token.split() != [self.mask_token]:
            raise UsageError(f"mask_token must be one word such as [MASK], got {self.mask_token!r}")
        if self.pairs is not None and self.pairs < 1:
            raise UsageError(f"pairs must be at least 1, got {self.pairs}")
        if self.seed < 0:
            raise UsageError(f"seed must be 0 or more, got {self.seed}")
