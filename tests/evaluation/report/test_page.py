"""The page: what it holds without script, and in a real browser what readers do with it."""

import json
import re
import shutil
import time
from html.parser import HTMLParser

import numpy as np
import pytest

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.evaluation import as_html, holm, leaderboard, write_html
from rankdistill.evaluation.report.page import page_data
from rankdistill.evaluation.report.rank_intervals import pairwise_p_values, rank_intervals

HOSTILE = "<img src=x onerror=\"document.title='broken'\">"
N_QUERIES = 40


def make_board(n_systems=4, n_queries=N_QUERIES, baseline="s0", measures=("nDCG@10", "RR@10", "PNR")):
    rng = np.random.default_rng(0)
    labels = {f"q{i}": {f"d{j}": int(rng.integers(0, 4)) for j in range(15)} for i in range(n_queries)}
    systems, extra = {}, {}
    for s in range(n_systems):
        noise = 6.0 / (1 + s)
        lists = {q: {d: y + noise * rng.normal() for d, y in docs.items()} for q, docs in labels.items()}
        name = HOSTILE if s == n_systems - 1 else f"s{s}"
        systems[name] = Candidates.from_dict(lists, "score")
        extra[name] = {"parameters": 10 ** (s % 5 + 5), "pairs_per_second": 1000 / (1 + s)}
    extra["s0"] = {}
    return leaderboard(systems, Candidates.from_dict(labels, "label"), measures, baseline, extra=extra)


@pytest.fixture(scope="module")
def board():
    return make_board()


@pytest.fixture(scope="module")
def collection():
    documents = Texts.from_pairs([f"d{j}" for j in range(14)], [f"text <b>{j}</b> " + "x" * 400 for j in range(14)])
    queries = Texts.from_pairs([f"q{i}" for i in range(N_QUERIES)], [f"what is {i}?" for i in range(N_QUERIES)])
    return Collection("mine", queries, documents)


class Page(HTMLParser):
    """Collects the tags, and the text of the cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


def test_without_script_the_page_shows_the_table(board):
    page = Page(as_html(board))
    assert page.cells[0] == HOSTILE
    assert page.cells[1] == f"{board.rows[0]['nDCG@10']:.4f}‡"


def test_the_page_loads_nothing_and_takes_no_markup_from_names(board, tmp_path):
    text = write_html(board, tmp_path / "page.html", title="</title><script>alert(1)</script>").read_text()
    page = Page(text)
    assert "img" not in page.tags
    assert text.count("<script") == 2
    assert not re.search(r"(src|href)\s*=\s*[\"']?(http|//)", text)
    assert "default-src 'none'" in text
    assert "{{" not in text.split("<script")[0]


def test_a_path_without_suffix_is_a_folder(board, tmp_path):
    assert write_html(board, tmp_path / "out") == tmp_path / "out" / "index.html"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.html"]


def test_the_data_are_those_of_the_board(board, collection):
    data = json.loads(json.dumps(page_data(board, collection), allow_nan=False))
    assert [system["name"] for system in data["systems"]] == [row["system"] for row in board.rows]
    best = board.rows[0]["system"]
    assert data["values"]["RR@10"][0] == pytest.approx(list(board.results[best].per_query["RR@10"].values()), abs=1e-4)
    assert list(data["shares"]) == ["PNR"]
    entry = data["lists"][3]
    top = board.tops[best].query(3)
    assert [entry["docs"][i] for i in entry["tops"][0]] == top.doc_ids
    assert [entry["labels"][i] for i in entry["tops"][0]] == top.columns["label"].tolist()
    assert all(len(text) <= 300 for text in entry["texts"])
    texts = {doc: text for entry in data["lists"] for doc, text in zip(entry["docs"], entry["texts"], strict=True)}
    assert texts["d13"].startswith("text <b>13</b>")
    assert texts["d14"] == "", "the collection lacks it"
    assert data["queryTexts"][3] == "what is 3?"


# -- significance of all pairs -----------------------------------------------------------------------------------------


def test_p_values_of_all_pairs_are_those_of_the_baseline(board):
    names = [row["system"] for row in board.rows]
    p = pairwise_p_values([board.results[name].shares["nDCG@10"] for name in names])
    base = names.index("s0")
    assert np.isnan(p[base, base])
    others = [i for i in range(len(names)) if i != base]
    assert holm(p[base][others]) == pytest.approx([board.rows[i]["p(nDCG@10)"] for i in others])
    assert np.array_equal(p, p.T, equal_nan=True)


def test_rank_intervals_open_where_nothing_is_significant():
    p = np.full((3, 3), np.nan)
    p[0, 1] = p[1, 0] = 0.5
    p[0, 2] = p[2, 0] = p[1, 2] = p[2, 1] = 0.001
    assert rank_intervals([0.9, 0.8, 0.1], p) == [(1, 2), (1, 2), (3, 3)]
    assert rank_intervals([0.1, 0.8, 0.9], p) == [(2, 3), (2, 3), (1, 1)]
    assert rank_intervals([0.9, 0.8, 0.1], np.full((3, 3), np.nan)) == [(1, 3)] * 3
    assert rank_intervals([0.5], np.full((1, 1), np.nan)) == [(1, 1)]


# -- in a browser ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium on the PATH (Debian: apt-get install chromium)")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, board, collection, tmp_path):
    """The page in the browser; whatever it complains of, or loads, fails the test."""

    def open_page(made=board, **settings):
        file = write_html(made, tmp_path / "page", "Mine", collection)
        page = browser.new_page(**settings)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith("file:") else complaints.append(request.url))
        page.goto(file.as_uri())
        return page

    complaints = []
    yield open_page
    assert complaints == []


def column(page, nth):
    return page.locator(f"#table tbody td:nth-child({nth})").all_inner_texts()


def test_a_hostile_name_is_shown_as_text(opened):
    page = opened()
    assert column(page, 2)[0] == HOSTILE
    page.keyboard.press("Tab")
    assert page.locator("img").count() == 0
    assert page.title() == "Mine"


def test_columns_sort_both_ways_by_mouse_and_keyboard(opened, board):
    page = opened()
    values = [f"{row['RR@10']:.4f}" for row in board.rows]
    page.get_by_role("button", name="RR@10").click()
    assert [text[:6] for text in column(page, 4)] == sorted(values, reverse=True)
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("RR@10")
    page.keyboard.press("Enter")
    assert [text[:6] for text in column(page, 4)] == sorted(values)
    page.get_by_role("button", name="system").click()
    assert column(page, 2) == sorted(row["system"] for row in board.rows)
    page.get_by_role("button", name="pairs/s").click()
    assert column(page, 2)[-1] == "s0"
    page.keyboard.press("Enter")
    assert column(page, 2)[-1] == "s0", "what is unknown stands last either way"


def test_another_baseline_brings_its_own_significance(opened, board):
    page = opened()
    marks = [text[6:] for text in column(page, 3)]
    assert marks == [
        "‡" if (row["p(nDCG@10)"] or 1) < 0.01 else "†" if (row["p(nDCG@10)"] or 1) < 0.05 else "" for row in board.rows
    ]
    best = board.rows[0]["system"]
    page.select_option("#baseline", label=best)
    other = make_board(baseline=HOSTILE)
    assert [text[6:] for text in column(page, 3)] == [
        "‡" if (row["p(nDCG@10)"] or 1) < 0.01 else "†" if (row["p(nDCG@10)"] or 1) < 0.05 else "" for row in other.rows
    ]
    assert page.locator("tr.baseline td.name").inner_text() == best
    page.select_option("#baseline", label="none")
    assert [text[6:] for text in column(page, 3)] == [""] * 4


def test_a_query_opens_with_both_lists_from_the_keyboard(opened, board):
    page = opened()
    page.focus("#difference-plot")
    for key in ("End", "ArrowLeft", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    a, b = board.rows[0]["system"], "s0"
    deltas = {q: board.results[a].per_query["nDCG@10"][q] - v for q, v in board.results[b].per_query["nDCG@10"].items()}
    query = min(deltas, key=lambda q: deltas[q])
    assert page.locator("#query-heading").inner_text() == f"Query {query}"
    assert page.locator("#query-text").inner_text() == f"what is {query[1:]}?"
    nth = list(deltas).index(query)
    assert page.locator("#lists div:nth-child(1) .id").all_inner_texts() == board.tops[a].query(nth).doc_ids
    assert page.locator("#lists div:nth-child(2) .id").all_inner_texts() == board.tops[b].query(nth).doc_ids
    assert "text <b>" in page.locator("#lists .text").first.inner_text()
    assert page.evaluate("location.hash") == f"#query={query}"
    page.select_option("#a", label="s1")
    assert page.locator("#lists h3").first.inner_text().startswith("s1: nDCG@10")


def test_a_query_is_found_by_its_id_and_by_the_address(opened):
    page = opened()
    page.fill("#query-id", "q17")
    page.keyboard.press("Enter")
    assert page.locator("#query-heading").inner_text() == "Query q17"
    page.reload()
    assert page.locator("#query-heading").inner_text() == "Query q17"
    page.fill("#query-id", "nowhere")
    page.keyboard.press("Enter")
    assert page.locator("#query-heading").inner_text() == "Query q17"


def test_quality_stands_against_cost(opened):
    page = opened()
    assert page.locator("#cost-plot circle").count() == 3
    titles = page.locator("#cost-plot title").all_text_contents()
    page.select_option("#cost-fact", label="parameters")
    assert page.locator("#cost-plot title").all_text_contents() != titles


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_scrolling_sideways_but_in_the_table(opened, scheme):
    page = opened(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.fill("#query-id", "q3")
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    paper, text = page.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
    light = [sum(map(int, re.findall(r"\d+", color)[:3])) > 380 for color in (paper, text)]
    assert light == ([True, False] if scheme == "light" else [False, True])


def test_fifty_systems_on_a_thousand_queries_stay_usable(opened):
    made = make_board(n_systems=50, n_queries=1000, measures=("nDCG@10", "RR@10"))
    page = opened(made)
    assert len(column(page, 2)) == 50
    start = time.perf_counter()
    page.get_by_role("button", name="RR@10").click()
    page.select_option("#a", label="s7")
    page.focus("#difference-plot")
    page.keyboard.press("Enter")
    assert page.locator("#lists li").count() == 20
    assert time.perf_counter() - start < 20  # it hangs, or it does not
