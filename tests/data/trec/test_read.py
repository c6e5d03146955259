"""Runs and qrels: what is written is read back exactly, and every fault is named by file and line."""

import csv
import gzip
import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.data import Candidates, read_qrels, read_ranking, read_run, write_qrels, write_run
from rankdistill.data.parts import write_parts
from rankdistill.errors import DataError, FileFormatError, RankDistillError, UsageError

ids = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=6).filter(
    lambda text: not text.startswith("#")
)
scores = st.floats(width=32, allow_nan=False, allow_infinity=False)
lists = st.dictionaries(ids, st.dictionaries(ids, scores, min_size=1, max_size=5), min_size=1, max_size=4)


def as_dict(candidates, column):
    return {q.query_id: dict(zip(q.doc_ids, q.columns[column].tolist(), strict=True)) for q in candidates.queries()}


def written(tmp_path, text, name="run.trec"):
    path = tmp_path / name
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


# -- round trips -------------------------------------------------------------------------------------------------------


@given(lists=lists, suffix=st.sampled_from([".trec", ".trec.gz"]))
def test_a_run_reads_back_as_it_was_written(tmp_path_factory, lists, suffix):
    path = tmp_path_factory.mktemp("run") / f"run{suffix}"
    write_run(Candidates.from_dict(lists, "score"), path, by="score")
    back = read_run(path)
    assert as_dict(back, "score") == lists
    for query in back.queries():
        naive = sorted(lists[query.query_id].items(), key=lambda pair: (pair[1], pair[0].encode()), reverse=True)
        assert query.doc_ids == [document for document, _ in naive]


@given(
    lists=st.dictionaries(ids, st.dictionaries(ids, st.integers(-2, 4), min_size=1), min_size=1, max_size=4),
    suffix=st.sampled_from([".txt", ".txt.gz"]),
)
def test_qrels_read_back_as_they_were_written(tmp_path_factory, lists, suffix):
    path = tmp_path_factory.mktemp("qrels") / f"qrels{suffix}"
    write_qrels(Candidates.from_dict(lists, "label"), path)
    back = as_dict(read_qrels(path), "label")
    assert back == lists
    assert [list(documents) for documents in back.values()] == [list(documents) for documents in lists.values()]


def test_scores_keep_every_bit_through_a_reader_that_parses_doubles(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint64).astype(np.uint32)
    values = bits.view(np.float32)
    # 7.038531e-26 is the shortest decimal of a float32 that it misses when rounded to a double first.
    odd = np.array([0x15AE43FD, 0x15AE43FE, 0x15AE43FC, 1, 0x7F7FFFFF], np.uint32).view(np.float32)
    values = np.concatenate([values[np.isfinite(values)], odd])
    names = [f"d{i}" for i in range(len(values))]
    path = tmp_path / "run.trec"
    write_run(Candidates.from_rows(["q"] * len(values), names, {"s": values}), path, by="s")
    doubles = {line.split()[2]: np.float32(float(line.split()[4])) for line in path.read_text().splitlines()}
    assert [doubles[name] for name in names] == values.tolist()


def test_a_run_is_written_in_trec_form_with_ties_by_falling_document_id(tmp_path):
    path = tmp_path / "run.trec"
    write_run(Candidates.from_dict({"q": {"a": 1, "b": 2.5, "c": 1}}, "s"), path, by="s", tag="me")
    assert path.read_text() == "q Q0 b 1 2.5 me\nq Q0 c 2 1 me\nq Q0 a 3 1 me\n"


def test_gzipped_runs_are_the_same_bytes_whatever_the_name_and_the_time(tmp_path):
    run = Candidates.from_dict({"q": {"a": 1.0}}, "s")
    write_run(run, tmp_path / "one.trec.gz", by="s")
    write_run(run, tmp_path / "two.trec.gz", by="s")
    data = (tmp_path / "one.trec.gz").read_bytes()
    assert data == (tmp_path / "two.trec.gz").read_bytes()
    assert data[4:8] == b"\0\0\0\0"
    assert b"one" not in data


# -- forms that are accepted -------------------------------------------------------------------------------------------

ODD_BUT_FINE = {
    "tabs": "q\tQ0\ta\t1\t2.5\tt\nq\tQ0\tb\t2\t1\tt\n",
    "runs of blanks and tabs": "q  Q0 \t a  1 2.5 t\nq Q0  b 2   1 t\n",
    "blanks around the line": "  q Q0 a 1 2.5 t \n\tq Q0 b 2 1 t\t\n",
    "CRLF": "q Q0 a 1 2.5 t\r\nq Q0 b 2 1 t\r\n",
    "no last newline": "q Q0 a 1 2.5 t\nq Q0 b 2 1 t",
    "blank lines and comments": "# made by hand\n\n q Q0 a 1 2.5 t\n  \n#x\n\r\nq Q0 b 2 1 t\n\n",
    "a comment at the end": "q Q0 a 1 2.5 t\nq Q0 b 2 1 t\n# the end",
    "signs and exponents": "q Q0 a 1 +2.5e+0 t\nq Q0 b 2 0.1E1 t\n",
    "ranks that mean nothing": "q Q0 a - 2.5 t\nq Q0 b - 1 t\n",
    "a byte order mark": "\ufeffq Q0 a 1 2.5 t\nq Q0 b 2 1 t\n",
    "best document last": "q Q0 b 2 1 t\nq Q0 a 1 2.5 t\n",
}


@pytest.mark.parametrize("text", ODD_BUT_FINE.values(), ids=ODD_BUT_FINE)
@pytest.mark.parametrize("name", ["run.trec", "run.trec.gz"])
def test_odd_but_sound_files_are_read(tmp_path, text, name):
    run = read_run(written(tmp_path, text, name))
    [query] = run.queries()
    assert (query.query_id, query.doc_ids, query.columns["score"].tolist()) == ("q", ["a", "b"], [2.5, 1.0])


def test_interleaved_queries_are_grouped_in_order_of_first_appearance(tmp_path):
    run = read_run(written(tmp_path, "q2 Q0 a 1 3 t\nq1 Q0 a 1 1 t\nq2 Q0 b 2 2 t\nq1 Q0 é 2 0.5 t\n"), column="t1")
    assert as_dict(run, "t1") == {"q2": {"a": 3.0, "b": 2.0}, "q1": {"a": 1.0, "é": 0.5}}
    assert run.query_ids.to_pylist() == ["q2", "q1"]


def test_the_score_of_an_ms_marco_run_is_its_rank_negated(tmp_path):
    run = read_run(written(tmp_path, "q\ta\t1\nr\ta\t1\nq\tb\t2\n"))
    assert as_dict(run, "score") == {"q": {"a": -1.0, "b": -2.0}, "r": {"a": -1.0}}
    assert run.doc_ids.to_pylist() == ["a", "b", "a"]


@pytest.mark.parametrize("header", ["query-id\tcorpus-id\tscore\n", ""])
def test_beir_qrels_are_read_with_or_without_header(tmp_path, header):
    path = written(tmp_path, f"\n{header}q\ta\t2\nq\tb\t0\n", "test.tsv")
    assert as_dict(read_qrels(path), "label") == {"q": {"a": 2.0, "b": 0.0}}


def test_grades_may_be_written_as_decimals_and_are_exact_up_to_the_largest(tmp_path):
    grades = {"a": "1.0", "b": "3.", "c": "-2.0", "d": "16777216", "e": "2e0", "f": "1.0000000000000000000"}
    path = written(tmp_path, "".join(f"q 0 {d} {grade}\n" for d, grade in grades.items()), "qrels.txt")
    assert as_dict(read_qrels(path), "label") == {"q": {d: float(grade) for d, grade in grades.items()}}


TABBED = {
    "a run": (read_run, "score", "my q\tQ0\tdoc 1\t1\t2.5\tmy tag\nmy q\tQ0\t doc 2 \t2\t1\tmy tag\r\n"),
    "a run whose second line has a blank": (read_run, "score", "q\tQ0\td\t1\t2.5\tt\nq\tQ0\tdoc 2\t2\t1\tt\n"),
    "three columns": (read_run, "score", "q\tdoc 7\t3.5\nq\tdoc 8\t2\n"),
    "four columns": (read_run, "score", "q\tdoc 7\t1\t3.5\nq\tdoc\t2\t2\n"),
    "qrels": (read_qrels, "label", "q\t0\tdoc 7\t1\nq\t0\tdoc 8\t0\n"),
    "BEIR's qrels": (read_qrels, "label", "query-id\tcorpus-id\tscore\nmy q\tdoc 7\t1\nmy q\tdoc 8\t0\n"),
    "BEIR's qrels without header": (read_qrels, "label", "q\tdoc 7\t1\n\t\t\nq\tdoc 8\t0\n# a b\tc\n"),
}


@pytest.mark.parametrize(("read", "column", "text"), TABBED.values(), ids=TABBED)
@pytest.mark.parametrize("name", ["file.tsv", "file.tsv.gz"])
def test_ids_between_tabs_may_hold_blanks(tmp_path, read, column, text, name):
    naive = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("\t")]
        document, value = {3: (1, 2), 4: (2, 3) if read is read_qrels else (1, 3), 6: (2, 4)}.get(len(fields), (0, 0))
        if line.strip() and not line.startswith("#") and fields[value] != "score":
            naive.setdefault(fields[0], {})[fields[document]] = float(fields[value])
    assert as_dict(read(written(tmp_path, text, name)), column) == naive


def test_lines_that_mix_blanks_and_tabs_are_of_trecs_form_where_their_second_column_says_so(tmp_path):
    assert as_dict(read_qrels(written(tmp_path, "q 0\tdoc\t1\n")), "label") == {"q": {"doc": 1.0}}
    assert as_dict(read_run(written(tmp_path, "q Q0\tdoc 1\t2.5 t\n")), "score") == {"q": {"doc": 2.5}}


def test_ids_with_blanks_are_written_between_tabs_and_read_back(tmp_path):
    run = Candidates.from_dict({"my q": {"doc 1": 2.0, "d": 1.0}}, "score")
    with pytest.warns(UserWarning, match="blank"):
        write_run(run, tmp_path / "run.trec", by="score", tag="t")
    assert (tmp_path / "run.trec").read_text() == "my q\tQ0\tdoc 1\t1\t2\tt\nmy q\tQ0\td\t2\t1\tt\n"
    assert as_dict(read_run(tmp_path / "run.trec"), "score") == as_dict(run, "score")
    with pytest.warns(UserWarning, match="blank"):
        write_qrels(run, tmp_path / "qrels.txt", by="score")
    assert as_dict(read_qrels(tmp_path / "qrels.txt"), "label") == as_dict(run, "score")


def test_ids_quoted_as_in_csv_are_those_that_beir_reads(tmp_path):
    ids = ['"Heroes"_(album)', "plain", 'a "b" c', 'an"odd', '"']
    path = tmp_path / "test.tsv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["query-id", "corpus-id", "score"])
        writer.writerows([query, document, 1] for query in ids[:3] for document in ids[:5])
    with path.open(newline="") as file:
        theirs = {}
        for query, document, grade in list(csv.reader(file, delimiter="\t"))[1:]:
            theirs.setdefault(query, {})[document] = float(grade)
    assert as_dict(read_qrels(path), "label") == theirs
    assert as_dict(read_qrels(written(tmp_path, 'q 0 "d" 1\n')), "label") == {"q": {'"d"': 1.0}}, "TREC quotes nothing"
    with pytest.raises(DataError, match=r"run\.trec: duplicate document"):
        read_qrels(written(tmp_path, 'q\td\t1\nq\t"d"\t1\n'))


# -- faults ------------------------------------------------------------------------------------------------------------

GOOD = "q Q0 a 1 2 t\n"
BAD_RUNS = {
    "five fields": (GOOD + "q Q0 b 2 1\n", 2, "6 fields"),
    "seven fields": (GOOD + "\n# x\nq Q0 b 2 1 my tag\n", 4, "6 fields"),
    "three fields in a TREC run": (GOOD + "q b 2\n", 2, "6 fields"),
    "a first line of no known form": ("q b\n", 1, "3 fields"),
    "a word as score": (GOOD + "q Q0 b 2 high t\n", 2, "finite"),
    "NaN": (GOOD + "q Q0 b 2 nan t\n", 2, "finite"),
    "infinity": (GOOD + "q Q0 b 2 -inf t\n", 2, "finite"),
    "more than a float32 holds": (GOOD + "q Q0 b 2 1e39 t\n", 2, "finite"),
    "a number with underscores": (GOOD + "q Q0 b 2 1_0 t\n", 2, "finite"),
    "a duplicate": (GOOD + "r Q0 a 1 1 t\nq Q0 a 2 1 t\n", 3, "line 1 has it"),
    "bytes that are no UTF-8": (GOOD.encode() + b"q Q0 \xff\xfe 2 1 t\n", 2, "UTF-8"),
    "a NUL": (GOOD + "q Q0 b\0 2 1 t\n", 2, "6 fields"),
    "binary junk": (bytes(range(128, 256)) * 4, 1, "fields"),
    "nothing": ("", 1, "6 fields"),
    "only blank lines and comments": ("\n  \n# x\n", 1, "6 fields"),
    "three columns in a run of four": ("q a 1 2\nq b 2\n", 2, "4 fields"),
    "four columns whose scores rise": ("q a 1 2\nq b 2 3\n", 1, "scores that fall as ranks rise"),
    "four columns of judgments": ("q 0 12 1\nr 0 12 1\n", 1, "'qid Q0 docid rank score tag'"),
    "an empty id between tabs": ("q\tQ0\ta\t1\t2\tt\nq\tQ0\t \t2\t1\tt\n", 2, "6 fields"),
    "a blank in a tag": (GOOD + "q Q0 b 2 1 my tag\n", 2, "only fields separated by tabs may hold blanks"),
    "old Mac line ends": ("q Q0 a 1 2 t\rq Q0 b 2 1 t\r", 1, "6 fields"),
}


@pytest.mark.parametrize(("text", "line", "says"), BAD_RUNS.values(), ids=BAD_RUNS)
@pytest.mark.parametrize("name", ["bad.trec", "bad.trec.gz"])
def test_a_bad_run_is_refused_with_file_line_and_what_was_expected(tmp_path, text, line, says, name):
    path = written(tmp_path, text, name)
    with pytest.raises(FileFormatError) as caught:
        read_run(path)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:{line}: got ")
    assert says in str(caught.value)


def test_a_duplicate_is_named_with_query_and_document(tmp_path):
    path = written(tmp_path, "q17 Q0 doc9 1 2 t\nq17 Q0 doc9 2 1 t\n")
    with pytest.raises(FileFormatError, match=r":2: .*doc9.*q17"):
        read_run(path)


BAD_QRELS = {
    "a fractional grade": ("q 0 a 1\nq 0 b 0.9\n", 2, "integer grade"),
    "a word as grade": ("q 0 a relevant\n", 1, "integer grade"),
    "five fields": ("q 0 a 1\nq 0 b 1 1\n", 2, "4 fields"),
    "a duplicate": ("q 0 a 1\nq 0 a 1\n", 2, "once"),
    "an unknown header": ("qid docid rel\nq a 1\n", 1, "integer grade"),
    "only BEIR's header": ("query-id corpus-id score\n", 1, "3 fields"),
    "BEIR's header twice": ("query-id corpus-id score\nquery-id corpus-id score\n", 2, "integer grade"),
    "a grade beyond 64 bits": ("q 0 a " + "9" * 400 + "\n", 1, "integer grade"),
    "a grade of more digits than Python parses": ("q 0 a " + "9" * 5000 + "\n", 1, "integer grade"),
    "a grade that float32 rounds": ("q 0 a 1\nq 0 b 16777217\n", 2, "to 16,777,216, all of which are held exactly"),
    "a negative grade that float32 rounds": ("q 0 a -16777217.0\n", 1, "from -16,777,216"),
    "subtopics": ("q 1 a 1\nq 2 a 1\n", 2, "second column differs, 1 and 2: subtopics"),
    "infinity": ("q 0 a inf\n", 1, "integer grade"),
}


@pytest.mark.parametrize(("text", "line", "says"), BAD_QRELS.values(), ids=BAD_QRELS)
def test_bad_qrels_are_refused_with_file_line_and_what_was_expected(tmp_path, text, line, says):
    path = written(tmp_path, text, "qrels.txt")
    with pytest.raises(FileFormatError, match=says) as caught:
        read_qrels(path)
    assert caught.value.line == line


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no file .*none\.trec"):
        read_run(tmp_path / "none.trec")
    with pytest.raises(DataError, match="is a folder without parts"):
        read_run(tmp_path)


def test_damaged_gzip_is_named(tmp_path):
    plain = tmp_path / "plain.trec.gz"
    plain.write_text(GOOD)
    cut = tmp_path / "cut.trec.gz"
    cut.write_bytes(gzip.compress("".join(f"q Q0 d{i} 1 2 t\n" for i in range(1000)).encode())[:-20])
    for path in (plain, cut):
        with pytest.raises(FileFormatError, match="intact gzip"):
            read_run(path)


@settings(max_examples=300)
@given(data=st.binary(max_size=60) | st.text("q Q0a1.e-\t\n\r#\0\x0b", max_size=60).map(str.encode))
def test_no_file_whatever_raises_anything_but_our_own_errors(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "any.txt"
    path.write_bytes(data)
    for read in (read_run, read_qrels):
        try:
            read(path)
        except RankDistillError as error:
            assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_missing_is_not_written_and_the_old_file_stays(tmp_path, bad):
    path = written(tmp_path, "old")
    with pytest.raises(DataError, match=r"query 'q', document 'b'"):
        write_run(Candidates.from_dict({"q": {"a": 1.0, "b": bad}}, "s"), path, by="s")
    assert path.read_text() == "old"


@pytest.mark.parametrize("bad", [" a", "a ", "a\tb", "a\n", "a\u00a0b", "\u2028", "", "a\x0bb"])
def test_ids_with_white_space_are_not_written(tmp_path, bad):
    for lists in ({"q": {bad: 1.0}}, {bad: {"d": 1.0}}):
        with pytest.raises(DataError, match="white space"):
            write_run(Candidates.from_dict(lists, "s"), tmp_path / "run.trec", by="s")
        with pytest.raises(DataError, match="white space"):
            write_qrels(Candidates.from_dict(lists, "s"), tmp_path / "qrels.txt", by="s")


def test_what_no_reader_could_take_is_not_written(tmp_path):
    run = Candidates.from_dict({"q": {"a": 0.5}}, "s")
    with pytest.raises(DataError, match="not an integer"):
        write_qrels(run, tmp_path / "x", by="s")
    with pytest.raises(UsageError, match="one word"):
        write_run(run, tmp_path / "x", by="s", tag="my run")
    with pytest.raises(DataError, match="'#'"):
        write_run(Candidates.from_dict({"#1": {"a": 0.5}}, "s"), tmp_path / "x", by="s")
    with pytest.raises(DataError, match="no candidates"):
        write_run(Candidates.from_rows([], [], {"s": []}), tmp_path / "x", by="s")
    assert list(tmp_path.iterdir()) == []


# -- against others on real files --------------------------------------------------------------------------------------


def test_real_runs_and_qrels_are_read_as_ir_measures_reads_them(shared_data, tmp_path):
    folder = shared_data / "msmarco-passage-dl"
    with gzip.open(folder / "runs" / "dl19.splade_pp_ed.trec.gz", "rt") as file:
        theirs = {}
        for row in ir_measures.read_trec_run(file.read()):
            theirs.setdefault(row.query_id, {})[row.doc_id] = float(np.float32(row.score))
    assert as_dict(read_run(folder / "runs" / "dl19.splade_pp_ed.trec.gz"), "score") == theirs
    qrels = {}
    for row in ir_measures.read_trec_qrels(str(folder / "qrels.dl19.txt")):
        qrels.setdefault(row.query_id, {})[row.doc_id] = float(row.relevance)
    assert as_dict(read_qrels(folder / "qrels.dl19.txt"), "label") == qrels


def test_our_files_are_read_by_ir_measures_as_they_were_meant(shared_data, tmp_path):
    run = read_run(shared_data / "cranfield" / "runs" / "bm25.depth100.trec.gz")
    write_run(run, tmp_path / "run.trec", by="score")
    theirs = {}
    for row in ir_measures.read_trec_run(str(tmp_path / "run.trec")):
        theirs.setdefault(row.query_id, {})[row.doc_id] = float(np.float32(row.score))
    assert theirs == as_dict(run, "score")


def test_real_ms_marco_runs_are_read(shared_data):
    run = read_run(shared_data / "msmarco-passage-dev" / "runs" / "ans_small.monot5.msmarco.tsv.gz")
    assert (run.n_queries, len(run)) == (105, 105_000)
    assert run["score"].max() == -1


# -- rules for ties and precision ------------------------------------------------------------------------------------

TIED_RUN = "q Q0 b 1 2 t\nq Q0 c 3 2.0 t\nq Q0 a 2 2 t\nq Q0 d 9 3 t\n"


def test_equal_scores_stand_as_the_rule_for_ties_says(tmp_path):
    path = written(tmp_path, TIED_RUN)
    for ties, documents in (("trec", "dcba"), ("docid-asc", "dabc"), ("rank", "dbac")):
        assert "".join(read_run(path, ties=ties).doc_ids.to_pylist()) == documents
    with pytest.raises(UsageError, match="rule for ties 'ranks'; did you mean 'rank'"):
        read_run(path, ties="ranks")


def test_ranks_that_say_nothing_cannot_decide_between_equal_scores(tmp_path):
    """BEIR writes the rank 0 on every line."""
    for text, says in (
        ("q Q0 b 0 2 t\nq Q0 c 0 2 t\n", "the rank 0 on every line"),
        ("q b 2.5\nq c 2.5\n", "no ranks"),
    ):
        path = written(tmp_path, text)
        with pytest.raises(DataError, match=says):
            read_run(path, ties="rank")
        assert read_run(path).doc_ids.to_pylist() == ["c", "b"]


def test_ranks_beyond_float32_keep_their_order(tmp_path):
    path = written(tmp_path, "q Q0 a 16777217 2 t\nq Q0 b 16777216 2 t\n")
    assert read_run(path, ties="rank").doc_ids.to_pylist() == ["b", "a"]


def test_four_columns_hold_ranks_and_scores(tmp_path):
    run = read_run(written(tmp_path, "q\tb\t2\t1.5\nq\ta\t1\t2.5\n"))
    assert as_dict(run, "score") == {"q": {"a": 2.5, "b": 1.5}}


def test_scores_that_rise_down_every_list_are_told(tmp_path):
    path = written(tmp_path, "".join(f"q Q0 d{i} {i} 0.{i} t\n" for i in range(1, 6)))
    with pytest.warns(UserWarning, match="rise down its lists"):
        assert read_run(path).doc_ids.to_pylist()[0] == "d5"


def test_the_rule_of_ranks_needs_ranks(tmp_path):
    path = written(tmp_path, "q Q0 b 1 2 t\nq Q0 c - 2 t\n")
    with pytest.raises(FileFormatError, match=r":2: got '-', expected an integer rank"):
        read_run(path, ties="rank")


def test_scores_that_only_doubles_tell_apart_rank_apart_in_a_ranking(tmp_path):
    path = written(
        tmp_path, "q Q0 a 1 1.0000000002 t\nq Q0 b 2 1.0000000001 t\nq Q0 c 3 1.0000000001 t\nr Q0 a 1 5 t\n"
    )
    assert as_dict(read_run(path), "score") == {"q": {"a": 1.0, "b": 1.0, "c": 1.0}, "r": {"a": 5.0}}
    assert read_run(path).doc_ids.to_pylist() == ["c", "b", "a", "a"]
    doubles = read_ranking(path)
    assert doubles.doc_ids.to_pylist() == ["a", "c", "b", "a"]
    assert list(doubles.columns) == ["ranking"], "no column of this name holds scores"
    assert as_dict(doubles, "ranking") == {"q": {"a": -1.0, "b": -2.0, "c": -2.0}, "r": {"a": -1.0}}


def test_a_ranking_of_parts_is_that_of_the_run(tmp_path):
    path = written(tmp_path, TIED_RUN)
    write_parts(read_run(path), tmp_path / "parts")
    assert as_dict(read_ranking(tmp_path / "parts"), "ranking") == as_dict(read_ranking(path), "ranking")
