"""Sentences without a neighbour: what to do where they are about all."""

from __future__ import annotations

from collections.abc import Mapping

from rankdistill.corpus.block import UNPAIRED
from rankdistill.corpus.sentences import FILTERS

MOST = 0.9
"""Share of the fit sentences without a neighbour from which on that is said."""


def advice_for(counts: Mapping[str, int], wrapped: bool) -> str | None:
    """Say what may give neighbours to sentences that have none; None where few lack one, or nothing is known to help.

    counts: of `process_block`. wrapped: whether lines were read as such.
    """
    fit = counts.get("sentences", 0) - sum(counts.get(reason, 0) for reason in FILTERS)
    alone = counts.get(UNPAIRED, 0)
    if not alone or alone < MOST * fit:
        return None
    told = f"{alone:,} of {fit:,} fit sentences are without a neighbour"
    if counts["sentences"] < 2 * counts["documents"]:
        return f"{told}: most documents are one sentence, and empty lines, or lines of JSON, part documents"
    if not wrapped:
        return (
            f"{told}, as a line is a paragraph: where neighbouring lines belong together, as in text of a sentence a "
            "line, give --wrapped (of `textbook` --text.wrapped)"
        )
    return None
