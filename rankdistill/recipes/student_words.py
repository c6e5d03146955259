"""What a student reads: words of its texts and of a file of vectors, or a base's pieces, and the file's vectors."""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rankdistill.data import Candidates, Collection
from rankdistill.data.collection import own_candidates
from rankdistill.errors import DataError
from rankdistill.inputs.texts import PairTexts
from rankdistill.models import resolve_base
from rankdistill.models.recurrent.start import words_of_tokens
from rankdistill.models.recurrent.vectors import WordVectors, read_vectors
from rankdistill.models.recurrent.vocabulary import (
    count_compounds,
    count_runs,
    count_words,
    is_written,
    with_segments,
    word_tokenizer,
)
from rankdistill.models.tokenizer import load_tokenizer
from rankdistill.progress import say
from rankdistill.recipes.student_settings import StudentSettings

CASED = 0.05
"""Words are read with their capitals where a greater share of a file's words has some. Files in lower case have few:
UNK, PAD."""
Sources = Sequence[tuple[Collection, Candidates | None]]
"""Collections and those of their candidates whose texts are read; None for all."""


def tokens_and_vectors(
    settings: StudentSettings, sources: Sources, base: str | Path, max_length: int
) -> tuple[Any, WordVectors | None]:
    """Make a student's tokenizer, and read the vectors of its tokens, where they are those of a file.

    Raises `DataError` for texts without words, and for a file without a vector of any token; what `read_vectors` and
    `with_segments` raise.
    """
    if settings.reads_words:
        return _words(settings, sources, max_length)
    tokenizer = with_segments(load_tokenizer(resolve_base(base)))
    wanted = set(words_of_tokens(tokenizer).values()) if settings.is_file else ()
    return tokenizer, _vectors(settings, 0, wanted)


def _words(settings: StudentSettings, sources: Sources, max_length: int) -> tuple[Any, WordVectors | None]:
    """The words of the texts by falling number, those with a vector first, then the file's."""
    runs = count_runs(_texts(sources))
    counted = [count(runs, lower) for count in (count_words, count_compounds) for lower in (False, True)]
    wanted = set().union(*counted)
    vectors = _vectors(settings, settings.vocabulary_size, wanted)
    known = vectors.words if vectors else []
    lower_case = _reads_lower_case(settings, known)
    has = {word for word in known if is_written(word, lower_case)}
    counts = count_words(runs, lower_case)
    if not counts:
        names = ", ".join(collection.name for collection, _ in sources)
        raise DataError(f"the texts of {names} have no words to make a vocabulary of")
    counts.update({word: n for word, n in count_compounds(runs, lower_case).items() if word in has})
    ordered = sorted(counts, key=lambda word: (word not in has, -counts[word], word))
    words = dict.fromkeys([*ordered, *(word for word in known if word in has)])
    return word_tokenizer(list(words)[: settings.vocabulary_size], lower_case, max_length), vectors


def _reads_lower_case(settings: StudentSettings, known: Sequence[str]) -> bool:
    """Whether words are read in lower case: unless many words of the file have capitals, which is said."""
    n_cased = sum(word != word.lower() for word in known)
    lower_case = n_cased <= CASED * len(known)
    if n_cased:
        how = "in lower case" if lower_case else "with their capitals"
        say(f"{n_cased:,} of {len(known):,} words of {settings.embeddings} have a capital: words are read {how}")
    return lower_case


def _vectors(settings: StudentSettings, first: int, wanted: Container[str]) -> WordVectors | None:
    """Read the file of vectors, where there is one: its first words, and the wanted ones."""
    if not settings.is_file:
        return None
    vectors = read_vectors(settings.embeddings, first, wanted)
    if not vectors.words:
        raise DataError(f"{settings.embeddings} has a vector for none of the student's {len(wanted):,} tokens")
    if vectors.n_repeated:
        say(f"{settings.embeddings} has {vectors.n_repeated:,} words again: the first vector is taken")
    if vectors.n_undecoded:
        say(f"{settings.embeddings} has {vectors.n_undecoded:,} words that are not UTF-8: they are left out")
    return vectors


def _texts(sources: Sources) -> Iterator[Sequence[str]]:
    """The texts of the candidates, slice by slice."""
    for collection, candidates in sources:
        texts = PairTexts(own_candidates(collection) if candidates is None else candidates, collection)
        yield from texts.queries()
        yield from texts.documents()
