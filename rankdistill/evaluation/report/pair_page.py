"""What the page shows of a task of scored pairs: models against each other, and pair by pair what they answered."""

from __future__ import annotations

from typing import Any

from rankdistill.data.collection import Collection
from rankdistill.data.scored_pairs import NO_SECOND_TEXT
from rankdistill.evaluation.report.leaderboard import Leaderboard
from rankdistill.evaluation.report.page_values import number, rounded, systems, texts, three_digits
from rankdistill.evaluation.report.rank_intervals import rank_intervals
from rankdistill.evaluation.report.render import TITLES_OF_TESTS, printable


def pair_page_data(board: Leaderboard, collection: Collection | None = None) -> dict[str, Any]:
    """Collect the data of the page's script, as `page_data` does of a ranking.

    Queries are pairs, and a pair's value is how right a system is on it, whatever the measure: it stands under the
    first one. ``lists`` has for each pair its second text, its label and each system's answer.
    """
    answers = board.answers
    assert answers is not None
    names = [row["system"] for row in board.rows]
    p_values = {measure: answers.p_values(names, measure, board.test) for measure in board.measures}
    ranks = {
        measure: rank_intervals([row[measure] for row in board.rows], p_values[measure]) for measure in board.measures
    }
    has_second = collection is not None and NO_SECOND_TEXT not in answers.seconds[:1]
    seconds = texts(collection.documents, answers.seconds) if collection and has_second else None
    given = [answers.given[name].tolist() for name in names]
    lists = [
        {
            "label": printable(answers.written(label)),
            "answers": [printable(answers.written(each[place])) for each in given],
            **({"second": seconds[place]} if seconds is not None else {}),
        }
        for place, label in enumerate(answers.truth.tolist())
    ]
    return {
        "unit": "pair",
        "measures": board.measures,
        "systems": systems(board),
        "queries": [printable(pair) for pair in answers.pairs],
        "values": {board.measures[0]: [rounded(answers.nearness(name)) for name in names]},
        "shares": {},
        "p": {measure: three_digits(p) for measure, p in p_values.items()},
        "ranks": ranks,
        "lists": lists,
        "queryTexts": texts(collection.queries, answers.pairs) if collection else None,
        "baseline": None if board.baseline is None else names.index(board.baseline),
        "test": TITLES_OF_TESTS[board.test],
        "top": number(1, 0),
    }
