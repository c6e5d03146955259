"""The page of a task of scored pairs: significance of any two models, and pair by pair what they answered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.data.scored_pairs import NO_SECOND_TEXT, ScoredPairs
from rankdistill.evaluation.pair_significance import PAIR_TESTS, pairwise
from rankdistill.evaluation.report.leaderboard import Leaderboard
from rankdistill.evaluation.report.page import as_html, write_html
from rankdistill.evaluation.report.pair_page import pair_page_data
from rankdistill.evaluation.significance import holm
from rankdistill.tasks import Task
from rankdistill.tasks.leaderboard import pair_leaderboard

N = 60
HOSTILE = "<img src=x onerror=\"document.title='broken'\">"
KINDS = {
    "classes": ScoredPairs("classification", ("no", "yes"), measures=("accuracy", "f1")),
    "one text": ScoredPairs("classification", ("bad", "fine", "good"), measures=("accuracy",), n_texts=1),
    "similarity": ScoredPairs("similarity", lowest=0, highest=5, measures=("pearson", "spearman")),
}


def make_board(kind: str, test: str = "bootstrap", baseline: str | None = "poor") -> tuple[Leaderboard, Collection]:
    """Three models, each better than the one before; every fourth pair has no label."""
    scored, rng = KINDS[kind], np.random.default_rng(0)
    ids = [f"dev-{i}" for i in range(N)]
    documents = [NO_SECOND_TEXT] * N if scored.n_texts == 1 else ids
    top = 5 if scored.kind == "similarity" else len(scored.classes) - 1
    truth = rng.integers(0, top + 1, N).astype(float)
    known = np.arange(N) % 4 != 3
    second = ([NO_SECOND_TEXT], [""]) if scored.n_texts == 1 else (ids, [f"second {i}" for i in ids])
    qrels = Candidates.from_rows(
        [name for name, is_known in zip(ids, known, strict=True) if is_known],
        [name for name, is_known in zip(documents, known, strict=True) if is_known],
        {"label": truth[known]},
    )
    pairs = Candidates.from_rows(ids, documents)
    texts = Texts.from_pairs(ids, [f"first <b>{i}</b>" for i in ids])
    collection = Collection(
        "t", texts, Texts.from_pairs(*second), qrels, pairs, {"dev": ids}, unjudged="missing", scored_pairs=scored
    )
    runs = {}
    for name, wrong in (("poor", 0.5), ("middle", 0.3), (HOSTILE, 0.02)):
        given = np.where(rng.random(N) < wrong, rng.permutation(truth), truth)
        runs[name] = pairs.with_columns(score=given + (0.1 * rng.random(N) if scored.kind == "similarity" else 0))
    return pair_leaderboard(runs, Task(collection, pairs), (), baseline, test), collection


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_page_holds_every_pair_with_what_each_model_answered(kind: str) -> None:
    board, collection = make_board(kind)
    data = pair_page_data(board, collection)
    assert board.answers is not None
    assert (data["unit"], len(data["queries"]), data["queries"][:4]) == (
        "pair",
        45,
        ["dev-0", "dev-1", "dev-2", "dev-4"],
    )
    assert data["queryTexts"][3] == "first <b>dev-4</b>"
    assert [entry.get("second") for entry in data["lists"][3:4]] == ([None] if kind == "one text" else ["second dev-4"])
    names = [row["system"] for row in board.rows]
    for place, entry in enumerate(data["lists"]):
        right = [answer == entry["label"] for answer in entry["answers"]]
        values = [each[place] for each in data["values"][board.measures[0]]]
        if kind == "similarity":
            errors = [abs(board.answers.given[name][place] - board.answers.truth[place]) for name in names]
            assert values == pytest.approx([-error for error in errors], abs=1e-4)
        else:
            assert values == [float(each) for each in right]
            assert entry["label"] in KINDS[kind].classes


@pytest.mark.slow
@pytest.mark.parametrize("test", list(PAIR_TESTS))
def test_p_values_are_those_of_the_table(test: str) -> None:
    board, collection = make_board("classes", test)
    data = pair_page_data(board, collection)
    names = [row["system"] for row in board.rows]
    others = [place for place in range(3) if place != data["baseline"]]
    for measure in board.measures:
        p = data["p"][measure]
        row = [p[data["baseline"]][place] for place in others]
        expected = [board.rows[place][f"p({measure})"] for place in others]
        if test == "mcnemar" and measure != "accuracy":
            assert row == expected == [None, None]
            continue
        assert holm([float(each or 0) for each in row]).tolist() == pytest.approx(expected, rel=1e-2)
        assert p == np.array(p).T.tolist()
    assert PAIR_TESTS[test].title.split(",")[0] in data["test"]
    assert names[0] == HOSTILE


@pytest.mark.slow
@pytest.mark.parametrize("test", list(PAIR_TESTS))
def test_all_pairs_of_models_are_tested_as_each_pair_is(test: str) -> None:
    board, _ = make_board("classes")
    assert board.answers is not None
    given = list(board.answers.given.values())
    p = pairwise(given, board.answers.truth, "accuracy", test)
    for i, one in enumerate(given):
        for j, other in enumerate(given):
            if i == j:
                assert np.isnan(p[i, j])
            else:
                assert p[i, j] == pytest.approx(PAIR_TESTS[test].p_value(one, other, board.answers.truth, "accuracy"))


def test_without_javascript_the_page_has_the_table_and_its_marks() -> None:
    board, collection = make_board("classes", "mcnemar")
    page = as_html(board, "Mine", collection)
    assert "<img" not in page
    assert "McNemar&#x27;s exact test" in page
    assert "45 pairs; the best value of each measure is bold." in page
    assert "15 of 60 pairs have no label and are left out" in page
    assert json.loads(page.split('id="data">')[1].split("</script>")[0])["unit"] == "pair"


@pytest.fixture(scope="module")
def browser() -> Any:
    api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium on the PATH (Debian: apt-get install chromium)")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("kind", list(KINDS))
def test_in_a_browser_models_are_compared_and_pairs_opened(kind: str, browser: Any, tmp_path: Path) -> None:
    board, collection = make_board(kind)
    complaints: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(write_html(board, tmp_path, "Mine", collection).as_uri())
    assert page.locator("#differences-heading").inner_text() == "Pair by pair"
    assert "45 pairs;" in page.locator("#legend").inner_text()
    marks = [text[6:] for text in page.locator("#table tbody td:nth-child(3)").all_inner_texts()]
    measure = board.measures[0]
    expected = [row[f"p({measure})"] for row in board.rows]
    assert marks == ["" if p is None or p >= 0.05 else "‡" if p < 0.01 else "†" for p in expected]
    for chosen in board.measures:
        page.select_option("#measure", label=chosen)
        assert " pairs, " in page.locator("#summary").inner_text()
    page.fill("#query-id", "dev-4")
    page.keyboard.press("Enter")
    assert page.locator("#query-heading").inner_text() == "Pair dev-4"
    text = page.locator("#query-text").inner_text()
    assert text.splitlines() == ["first <b>dev-4</b>", *([] if kind == "one text" else ["second dev-4"])]
    answers = page.locator("#lists .label").all_inner_texts()
    entry = pair_page_data(board, collection)["lists"][3]
    assert answers == [entry["answers"][0], entry["answers"][2]]
    assert page.title() == "Mine"
    assert complaints == []
