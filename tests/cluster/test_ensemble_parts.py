"""Ensembles of parts: byte for byte what the run at once gives, however it is divided, and clear where it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rankdistill.cli.entry import main
from rankdistill.cluster import EnsembleParts, over_parts
from rankdistill.data import Candidates, concatenate, read_candidates, write_candidates
from rankdistill.data.parts import SCORE, parts_of, write_part, write_parts
from rankdistill.ensembling import EnsembleSettings, ensemble
from rankdistill.errors import DataError, UsageError

TEACHERS = ("t1", "t2", "t3")
SETTINGS = [
    {"method": "mean"},
    {"method": "pile"},
    {"method": "pile", "normalize": "rank", "missing": "drop"},
    {"method": "mean", "normalize": "zscore", "missing": "min"},
    {"method": "pile", "normalize": "zscore", "normalize_over": "all", "missing": "min"},
    {"method": "mean", "normalize": "minmax", "normalize_over": "all", "missing": "mean-of-others"},
    {"method": "mean", "normalize": "center", "normalize_over": "all", "missing": "drop"},
]


def made(missing: bool, n_queries: int = 13, seed: int = 0) -> Candidates:
    """Lists of 1 to 9 candidates; where scores are missing, t2 has none for the whole list of the query q5."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 10, n_queries)
    query_ids = np.repeat([f"q{i}" for i in range(n_queries)], sizes)
    doc_ids = [f"d{place}" for size in sizes for place in rng.permutation(size)]
    columns = {name: rng.normal(k, 1 + k, sizes.sum()).astype(np.float32) for k, name in enumerate(TEACHERS)}
    label = rng.choice([0, 1, 2, np.nan], sizes.sum())
    if missing:
        columns["t1"][rng.random(sizes.sum()) < 0.2] = np.nan
        columns["t2"][query_ids == "q5"] = np.nan
    return Candidates.from_rows(query_ids, doc_ids, {**columns, "label": label})


def read_all(folder: Path) -> Candidates:
    return concatenate([read_candidates(file) for file in parts_of(folder)])


@pytest.mark.parametrize("queries", [1, 4, 100])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_an_ensemble_of_columns_has_the_bytes_of_the_run_at_once(
    tmp_path: Path, settings: dict[str, str], queries: int
) -> None:
    run, chosen = made("missing" in settings), EnsembleSettings(**settings)  # type: ignore[arg-type]
    write_parts(run, tmp_path / "in", queries)
    work = EnsembleParts((str(tmp_path / "in"),), settings=chosen, seed=3, columns=TEACHERS)
    over_parts(work, tmp_path / "in", tmp_path / "out")
    whole, _ = ensemble(run, TEACHERS, chosen, seed=3)
    expected = whole.only_columns().with_columns({SCORE: whole[chosen.method]})
    for file in parts_of(tmp_path / "out"):
        write_part(expected.only_queries(read_candidates(tmp_path / "in" / file.name).query_ids), tmp_path / "part")
        assert file.read_bytes() == (tmp_path / "part").read_bytes()
    assert len(read_all(tmp_path / "out")) == len(expected)


@pytest.mark.parametrize("settings", SETTINGS[3:5], ids=str)
def test_a_folder_for_each_teacher_gives_what_columns_give(tmp_path: Path, settings: dict[str, str]) -> None:
    """A teacher's own parts are in its own order, so that sums over all candidates may differ in the last digit."""
    run, chosen = made(missing=True), EnsembleSettings(**{**settings, "method": "mean"})  # type: ignore[arg-type]
    for name in TEACHERS:
        scored = run.only_columns().with_columns({SCORE: run[name]})
        (tmp_path / name).mkdir()
        for number, some in enumerate((slice(0, 6), slice(6, 13))):
            part = scored.take_queries(some)
            rows = ~np.isnan(part[SCORE])
            write_part(part.take_rows(rows).ranked(SCORE), tmp_path / name / f"{number:05}.parquet")
    folders = tuple(str(tmp_path / name) for name in ("t3", "t1", "t2"))  # t3 has all queries
    over_parts(EnsembleParts(folders, settings=chosen), tmp_path / "t3", tmp_path / "out")
    whole, _ = ensemble(run, TEACHERS, chosen)
    found = read_all(tmp_path / "out")
    np.testing.assert_allclose(found.join(whole.only_columns("mean"))["mean"], found[SCORE], rtol=1e-6)
    assert len(found) == len(whole)


def test_row_groups_may_end_inside_a_list(tmp_path: Path) -> None:
    """Parts of other tools: small row groups, dictionaries, rows of a query apart in one part."""
    run = made(missing=False)
    columns = {name: pa.array(values) for name, values in run.columns.items()}
    order = np.random.default_rng(1).permutation(len(run))
    for form, rows in (("plain", np.arange(len(run))), ("mixed", order)):
        query_ids = run.row_query_ids.dictionary_encode() if form == "mixed" else run.row_query_ids
        table = pa.table({"query_id": query_ids, "doc_id": run.doc_ids, **columns}).take(rows)
        (tmp_path / form).mkdir()
        pq.write_table(table, tmp_path / form / "a.parquet", row_group_size=4)
        over_parts(EnsembleParts((str(tmp_path / form),), columns=TEACHERS), tmp_path / form, tmp_path / f"{form}.out")
    whole, _ = ensemble(run, TEACHERS)
    plain, mixed = (read_all(tmp_path / f"{form}.out") for form in ("plain", "mixed"))
    assert np.array_equal(plain[SCORE], whole["pile"])
    again, _ = ensemble(read_candidates(tmp_path / "mixed" / "a.parquet"), TEACHERS)
    assert np.array_equal(mixed[SCORE], again["pile"])
    assert (mixed.find(plain) >= 0).all()


def test_a_list_in_two_parts_is_refused_before_any_work(tmp_path: Path) -> None:
    run = made(missing=False)
    cut = int(run.offsets[np.argmax(np.diff(run.offsets))]) + 1
    for number, rows in enumerate((np.arange(cut), np.arange(cut, len(run)))):
        write_part(run.take_rows(rows), tmp_path / "in" / f"{number:05}.parquet")
    query = run.query_ids[int(np.argmax(np.diff(run.offsets)))].as_py()
    with pytest.raises(DataError, match=rf"{query!r} is in two parts, .*00000.parquet and 00001.parquet: a part must"):
        over_parts(EnsembleParts((str(tmp_path / "in"),), columns=TEACHERS), tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_part_may_lack_labels_and_all_may_not(tmp_path: Path) -> None:
    run = made(missing=False)
    label = np.where(run.query_of_row < 6, np.nan, 1 + np.arange(len(run)) % 3)
    write_parts(run.with_columns(label=label), tmp_path / "in", 3)
    work = EnsembleParts((str(tmp_path / "in"),), columns=TEACHERS)
    _, counts = over_parts(work, tmp_path / "in", tmp_path / "out")
    assert counts["candidates without a label"] == np.isnan(label).sum()
    write_parts(run.with_columns(label=label * np.nan), tmp_path / "none", 3)
    with pytest.raises(DataError, match=r"no candidate of .* has a label"):
        over_parts(EnsembleParts((str(tmp_path / "none"),), columns=TEACHERS), tmp_path / "none", tmp_path / "no")


def test_a_part_that_is_lost_is_made_anew_and_other_columns_are_refused(tmp_path: Path) -> None:
    write_parts(made(missing=False), tmp_path / "in", 3)
    work = EnsembleParts((str(tmp_path / "in"),), columns=TEACHERS)
    over_parts(work, tmp_path / "in", tmp_path / "out")
    expected = (tmp_path / "out" / "00002.parquet").read_bytes()
    (tmp_path / "out" / "00002.parquet").unlink()
    assert over_parts(work, tmp_path / "in", tmp_path / "out")[0] == 1
    assert (tmp_path / "out" / "00002.parquet").read_bytes() == expected
    with pytest.raises(UsageError, match="made otherwise, with other columns"):
        over_parts(EnsembleParts((str(tmp_path / "in"),), columns=TEACHERS[:2]), tmp_path / "in", tmp_path / "out")


def test_damage_that_keeps_the_length_of_a_part_is_told_when_it_is_read(tmp_path: Path) -> None:
    write_parts(made(missing=False), tmp_path / "in", 3)
    file = tmp_path / "in" / "00003.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"00003.parquet.* is damaged"):
        over_parts(EnsembleParts((str(tmp_path / "in"),), columns=TEACHERS), tmp_path / "in", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").glob("*.parquet")} <= {f"{n:05}.parquet" for n in range(3)}


def test_the_command_takes_columns_and_labels_of_parts_and_tells_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made(missing=False)
    write_parts(run, tmp_path / "in", 5)
    words = ["ensemble", "--runs", str(tmp_path / "in"), "--teachers"]
    assert main([*words, *TEACHERS, "--out", str(tmp_path / "out")]) == 0
    assert np.array_equal(read_all(tmp_path / "out")[SCORE], ensemble(run, TEACHERS)[0]["pile"])
    assert main([*words, "t1", "t9", "--out", str(tmp_path / "no")]) != 0
    assert "no column 't9', but t1, label" in capsys.readouterr().err
    write_candidates(run, tmp_path / "file.parquet")
    given = [
        "ensemble",
        "--runs",
        str(tmp_path / "file.parquet"),
        "--teachers",
        "t1",
        "--out",
        str(tmp_path / "o.trec"),
    ]
    assert main(given) == 2
    assert "--teachers names columns of a folder of parts" in capsys.readouterr().err


def test_what_no_pass_over_parts_can_do_is_refused(tmp_path: Path) -> None:
    write_parts(made(missing=False), tmp_path / "in", 5)
    ranked = EnsembleSettings("mean", normalize="rank", normalize_over="all")
    with pytest.raises(UsageError, match="rank' over all candidates sorts them all at once"):
        over_parts(EnsembleParts((str(tmp_path / "in"),), None, ranked, 0, TEACHERS), tmp_path / "in", tmp_path / "out")
    with pytest.raises(UsageError, match="columns of teachers are those of one folder of parts, got 2 folders"):
        EnsembleParts(("a", "b"), columns=TEACHERS)
