"""The forms that lines of runs and judgments have, and how a file's first line tells which of them it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rankdistill.errors import FileFormatError
from rankdistill.files.reading import BYTE_ORDER_MARK, FileBytes

ThirdColumn = Literal["auto", "rank", "score"]
OVERFLOW = (2 - 2**-24) * 2.0**127
"""The least magnitude that rounds to an infinite float32."""
WIDEST = 1 << 16
"""Fields are shorter than this; a longer one counts as a fault."""
LARGEST_GRADE = 2**24
"""Float32 holds all integers up to this one exactly."""
LARGEST_RANK = 2**53


@dataclass(frozen=True)
class LineForm:
    """A form of line: the names of its fields, the positions of document and value, and what the value may be."""

    fields: tuple[str, ...]
    document: int
    value: int
    value_means: str
    whole: bool = False
    largest: float = OVERFLOW
    """The least magnitude that is too large, or, of integers, the greatest that is not."""
    sign: int = 1

    def __str__(self) -> str:
        return f"{len(self.fields)} fields '{' '.join(self.fields)}'"


SCORE = "a finite float32 score"
TREC_RUN = LineForm(("qid", "Q0", "docid", "rank", "score", "tag"), 2, 4, SCORE)
RANKED_SCORES = LineForm(("qid", "docid", "rank", "score"), 1, 3, SCORE)
THREE_COLUMNS = LineForm(("qid", "docid", "rank-or-score"), 1, 2, SCORE)
SCORES = LineForm(("qid", "docid", "score"), 1, 2, SCORE)
MSMARCO_RUN = LineForm(("qid", "docid", "rank"), 1, 2, "an integer rank", whole=True, largest=LARGEST_RANK, sign=-1)
TREC_QRELS = LineForm(("qid", "0", "docid", "grade"), 2, 3, "an integer grade", whole=True, largest=LARGEST_GRADE)
BEIR_QRELS = replace(TREC_QRELS, fields=("query-id", "corpus-id", "score"), document=1, value=2)
RUNS, QRELS = (TREC_RUN, RANKED_SCORES, THREE_COLUMNS), (TREC_QRELS, BEIR_QRELS)
BY_THIRD_COLUMN: dict[ThirdColumn, LineForm] = {"auto": THREE_COLUMNS, "rank": MSMARCO_RUN, "score": SCORES}
UNUSED = (b"0", b"Q0", b"q0")
"""What the second column of TREC's forms holds."""
JSON = re.compile(rb"\s*(\{\s*\"|\[\s*[\[{\"]|[\[{]\s*$)")
QUERY_NAMES = (b"qid", b"query", b"query-id", b"query_id", b"queryid", b"topic")
DOCUMENT_NAMES = (b"docid", b"doc", b"did", b"doc-id", b"doc_id", b"docno", b"pid", b"corpus-id", b"corpus_id")


def ranks_of(form: LineForm) -> LineForm:
    """The form of the same lines whose value is the rank."""
    return replace(MSMARCO_RUN, fields=form.fields, document=form.document, value=form.fields.index("rank"), sign=1)


@dataclass(frozen=True)
class Layout:
    """How a file is to be read."""

    form: LineForm
    start: int
    """Where the lines begin: behind the byte order mark and a header."""
    separators: tuple[bool, ...] = (False,)
    """Whether fields are separated by single tabs (and may hold blanks); where there are two, the first that fits."""


def recognise(path: Path, data: FileBytes, forms: tuple[LineForm, ...]) -> Layout:
    """Recognise the layout by the first line that is neither blank nor a comment.

    A header is BEIR's, or one that names the third of three columns; a comment such as ``# qid docid rank`` names it
    too. Raises `FileFormatError` where no form fits.
    """
    expected = " or ".join(map(str, forms))
    start = len(BYTE_ORDER_MARK) if data[:3] == BYTE_ORDER_MARK else 0
    at, number = start, 1
    told: ThirdColumn = "auto"
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        line = bytes(data[at:end])
        fields = line.split()
        if fields and fields[0].startswith(b"#"):
            told = _third_named(fields[0].lstrip(b"#").split() + fields[1:]) or told
        elif fields:
            if JSON.match(line):
                remedy = f"{expected}; JSON of {{query: {{document: value}}}} can be given as Candidates.from_dict"
                raise FileFormatError(path, number, line.decode(errors="backslashreplace").strip(), remedy)
            if BEIR_QRELS in forms and fields == [name.encode() for name in BEIR_QRELS.fields]:
                return Layout(BEIR_QRELS, end, (False, True))
            if THREE_COLUMNS in forms and (named := _third_named(fields)):
                return Layout(BY_THIRD_COLUMN[named], end, (False, True))
            by_tabs = [field.strip() for field in line.strip().split(b"\t")]
            found = _fitting(fields, by_tabs, forms)
            if not found:
                raise FileFormatError(path, number, b" ".join(fields).decode(errors="backslashreplace"), expected)
            form, separators = found
            return Layout(BY_THIRD_COLUMN[told] if form is THREE_COLUMNS else form, start, separators)
        at, number = end, number + 1
    raise FileFormatError(path, 1, "a file without lines", expected)


def _third_named(names: list[bytes]) -> ThirdColumn | None:
    """Get what the names of three columns say that the third is; None for other text."""
    query, document, third = [name.lower() for name in names] if len(names) == 3 else (b"", b"", b"")
    if query not in QUERY_NAMES or document not in DOCUMENT_NAMES:
        return None
    return "rank" if third == b"rank" else "score" if third == b"score" else None


def _fitting(
    fields: list[bytes], by_tabs: list[bytes], forms: tuple[LineForm, ...]
) -> tuple[LineForm, tuple[bool, ...]] | None:
    """Choose the form of a line from its fields between white space and those between tabs, which may hold blanks."""
    lengths = {len(form.fields): form for form in forms}
    by_blanks, tabbed = lengths.get(len(fields)), lengths.get(len(by_tabs))
    if by_blanks is not None and by_blanks is tabbed:
        return by_blanks, (False, True)
    is_trec = by_blanks is not None and by_blanks.fields[2] == "docid" and fields[1] in UNUSED
    if tabbed is not None and not is_trec and all(by_tabs) and _is_number(by_tabs[tabbed.value]):
        return tabbed, (True,)
    return (by_blanks, (False,)) if by_blanks is not None else None


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
