"""Queries: what each anchor searches for, in a file."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa

from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import read_facts, write_facts
from rankdistill.progress import progress
from rankdistill.retrieval.scripts import within_words
from rankdistill.retrieval.terms import MANY_UNSEGMENTED, is_unsegmented, query_terms
from rankdistill.textbook.anchors import Anchors
from rankdistill.textbook.rake import keywords
from rankdistill.textbook.stop_words import STOP_WORDS

SCHEMA = pa.schema(
    [("anchor", pa.large_string()), ("keywords", pa.large_string()), ("terms", pa.list_(pa.large_string()))]
)
_QUERIES, _COUNTS = "queries.arrow", "queries.json"
_UNSEGMENTED = "anchors without blanks between words"
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc]")


@dataclass(frozen=True)
class Query:
    """What an anchor searches for: its keywords, for people, and the terms that they are split into."""

    keywords: str
    terms: list[str]


def query_of(text: str, limit: int | None, counts: Counter[str], stop_words: Set[str] = STOP_WORDS) -> Query:
    """Search for an anchor's keywords, at most ``limit`` of the best; without any, for the words of its text.

    Counts anchors without keywords, and those whose text has no word to search for either, which find nothing.
    """
    phrases = [phrase for phrase, _ in keywords(text, stop_words)[:limit]]
    terms = _terms(" ".join(phrases))
    if not terms:
        terms = _terms(text)
        phrases = [" ".join(terms)]
        counts["anchors without keywords, by their words" if terms else "anchors without a word"] += 1
    return Query(", ".join(phrases), terms)


def queries_of(anchors: Anchors, limit: int | None, stop_words: Set[str], work: Path) -> tuple[pa.Table, Counter[str]]:
    """Write what the anchors search for into the folder ``work`` and map it: a table of `SCHEMA`, and counts.

    limit, stop_words: see `query_of`. A file that is there already, as before a kill, is not made again. Warns where
    many anchors have no blanks between words, so that stop words are not found in them.
    """
    if not (work / _COUNTS).is_file():
        counts = Counter(anchors=0)
        with (
            atomic_path(work / _QUERIES) as path,
            pa.ipc.new_file(str(path), SCHEMA) as file,
            progress("keywords", len(anchors), unit="anchors") as advance,
        ):
            for texts in anchors:
                if n_unsegmented := sum(map(_is_without_blanks, texts)):
                    counts[_UNSEGMENTED] += n_unsegmented
                queries = [query_of(text, limit, counts, stop_words) for text in texts]
                counts["anchors"] += len(texts)
                columns = [texts, [query.keywords for query in queries], [query.terms for query in queries]]
                arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
                file.write_batch(pa.record_batch(arrays, schema=SCHEMA))
                advance(len(texts))
        write_facts(work / _COUNTS, counts)
    counts = Counter(read_facts(work / _COUNTS))
    if stop_words and counts[_UNSEGMENTED] > MANY_UNSEGMENTED * counts["anchors"]:
        warnings.warn(
            f"{counts[_UNSEGMENTED]:,} of {counts['anchors']:,} anchors are written without blanks between words "
            "(Chinese, Japanese, Thai and their like): stop words are found in them only where they stand alone",
            stacklevel=3,
        )
    return pa.ipc.open_file(pa.memory_map(str(work / _QUERIES))).read_all(), counts


def _is_without_blanks(text: str) -> bool:
    """Tell whether a text has a run of words; Korean is a script of syllables, too, but has blanks."""
    return is_unsegmented(text) and not _HANGUL.search(text)


@cache
def _ending() -> re.Pattern[str]:
    """What English possessives and contractions end in, which the index has of every one of them."""
    marks = within_words()
    return re.compile(rf"(?<=[\w{marks}])['\u2019](?:s|t|d|m|ll|re|ve)(?![\w{marks}])", re.IGNORECASE)


def _terms(text: str) -> list[str]:
    return query_terms(_ending().sub("", text))
