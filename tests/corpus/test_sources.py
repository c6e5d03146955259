"""Sources of text: what each kind yields, and that its identity tells when that changes, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pair_tasks import write_glue

from rankdistill.corpus.sources import identity_of, is_pair_folder, open_source
from rankdistill.data import load_collection
from rankdistill.data.pair_parts import write_pair_part
from rankdistill.data.parts import seal_parts
from rankdistill.errors import DataError, UsageError


def documents(source: str | Path) -> list[str]:
    return list(open_source(source).documents())


def identity(source: str | Path) -> str:
    return identity_of([open_source(source)])


def text(folder: Path, said: str = "said") -> str:
    folder.mkdir()
    (folder / "a.txt").write_text(f"One is {said}.\n\nTwo.")
    return str(folder)


def beir(folder: Path, said: str = "said") -> str:
    folder.mkdir()
    (folder / "corpus.jsonl").write_text(json.dumps({"_id": "d1", "title": "A title", "text": f"is {said}"}) + "\n")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "a test query"}) + "\n")
    return str(folder)


def parquet(folder: Path, said: str = "said") -> str:
    folder.mkdir()
    pq.write_table(pa.table({"_id": ["d1"], "title": ["A title"], "text": [f"is {said}"]}), folder / "corpus.parquet")
    pq.write_table(pa.table({"_id": ["q1"], "text": ["a test query"]}), folder / "queries.parquet")
    return str(folder)


def parts(folder: Path, said: str = "said") -> str:
    folder.mkdir()
    table = pa.table({"id": ["0", "1"], "first": [f"One is {said}.", "Three."], "second": ["Two.", ""]})
    write_pair_part(table, folder / "00000.parquet")
    seal_parts(folder, folder.with_name("other"))
    return f"pairs:{folder}"


KINDS: dict[str, tuple[Callable[..., str], list[str]]] = {
    "text": (text, ["One is said.", "Two."]),
    "folder of a collection": (beir, ["A title is said"]),
    "folder of a collection as Parquet": (parquet, ["A title is said"]),
    "folder: of a collection": (lambda *given: f"folder:{beir(*given)}", ["A title is said"]),
    "parts": (parts, ["One is said.", "Two.", "Three."]),
    "one part": (lambda *given: f"{parts(*given)}/00000.parquet", ["One is said.", "Two.", "Three."]),
    "textbook": (lambda *given: parts(*given).replace("pairs:", "textbook:"), ["One is said.", "Two.", "Three."]),
    "folder of parts": (lambda *given: parts(*given).removeprefix("pairs:"), ["One is said.", "Two.", "Three."]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_source_yields_its_documents_and_is_told_from_another(kind: str, tmp_path: Path) -> None:
    write, expected = KINDS[kind]
    source = write(tmp_path / "one")
    assert documents(source) == expected
    assert identity(source) == identity(write(tmp_path / "copy"))
    assert identity(source) != identity(write(tmp_path / "two", "told"))


def test_files_of_a_tag_are_those_of_the_collection(tmp_path: Path) -> None:
    folder = Path(beir(tmp_path / "data"))
    (folder / "queries.jsonl").rename(folder / "queries.dev.jsonl")
    assert documents(f"{folder}#dev") == ["A title is said"]


@pytest.mark.parametrize("name", ["sst2", "rte"])
def test_a_task_of_texts_or_pairs_yields_its_training_texts(name: str, tmp_path: Path) -> None:
    source = f"glue:{name}@{write_glue(tmp_path / 'glue')}"
    task = load_collection(source)
    assert task.candidates is not None
    train = task.in_split(task.candidates, "train")
    expected = {*task.queries.take(train.query_ids), *task.documents.take(train.doc_ids)} - {""}
    assert set(documents(source)) == expected
    file = next((tmp_path / "glue").rglob(f"{name.upper().replace('SST2', 'SST-2')}/train.tsv"))
    lines = file.read_text().splitlines(keepends=True)
    before = identity(source)
    file.write_text("".join(lines[:-1]))
    assert identity(source) != before


def test_hidden_and_foreign_files_are_no_text(tmp_path: Path) -> None:
    folder = Path(text(tmp_path / "text"))
    before = identity(folder)
    (folder / ".book.work" / "blocks").mkdir(parents=True)
    for name in (".hidden.txt", ".book.work/blocks/a.txt", "picture.png"):
        (folder / name).write_text("not text")
    assert documents(folder) == ["One is said.", "Two."]
    assert identity(folder) == before


def test_a_hidden_folder_that_is_named_is_read(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    assert documents(text(tmp_path / ".cache" / "text")) == ["One is said.", "Two."]


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source, error, said in (
        (tmp_path / "absent", UsageError, "there is no file or folder"),
        (f"{tmp_path / 'absent'}#tag", UsageError, "there is no file or folder"),
        (tmp_path / "empty", DataError, "holds no text files"),
        (f"pairs:{tmp_path / 'absent'}", DataError, "without parts"),
    ):
        with pytest.raises(error, match=said):
            open_source(source)
    assert not is_pair_folder(parquet(tmp_path / "parquet"))
