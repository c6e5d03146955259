"""Options from YAML: values count as they are written, and what cannot be meant is named with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rankdistill.cli.options_file import read_options
from rankdistill.errors import DataError, FileFormatError


def values(tmp_path: Path, text: str | bytes) -> dict[str, list[str | None]]:
    path = tmp_path / "options.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return {key: option.values for key, option in read_options(path).items()}


def test_values_are_read_as_they_are_written(tmp_path: Path) -> None:
    text = "tag: no\nout: 2026-11-28\nrate: 1e-5\nlayers: [010, 0x10, 1:30]\nmax_steps: 1_000\n"
    assert values(tmp_path, text) == {
        "tag": ["no"],
        "out": ["2026-11-28"],
        "rate": ["1e-5"],
        "layers": ["010", "0x10", "1:30"],
        "max-steps": ["1_000"],
    }


def test_null_quotes_infinity_aliases_and_prefixes_mean_what_yaml_says(tmp_path: Path) -> None:
    text = 'a: null\nb: "null"\nc: -.inf\nd: &x [1, 2]\ne: *x\nscoring: {batch_tokens: 512, dtype: int8}\n'
    assert values(tmp_path, b"\xef\xbb\xbf" + text.encode()) == {
        "a": [None],
        "b": ["null"],
        "c": ["-inf"],
        "d": ["1", "2"],
        "e": ["1", "2"],
        "scoring.batch-tokens": ["512"],
        "scoring.dtype": ["int8"],
    }
    assert values(tmp_path, "") == {}
    assert values(tmp_path, "# only a comment\n") == {}


NOT_MEANT: dict[str, tuple[str | bytes, int, str]] = {
    "an option twice": ("k: 1\nrate: 2\nk: 3\n", 3, r"k again.*each option once \(line 1 has it\)"),
    "an option twice in two spellings": ("max_steps: 1\nmax-steps: 3\n", 2, "max-steps again"),
    "an option twice by a prefix": ("a.b: 1\na: {b: 2}\n", 2, r"a\.b again"),
    "a list in a list": ("a:\n  - b\n  - [c]\n", 3, "a list in a"),
    "a mapping in a list": ("a: [{b: c}]\n", 1, "a mapping in a"),
    "a mapping two deep": ("a:\n  b:\n    c: 1\n", 3, r"a mapping in a\.b"),
    "a list as the file": ("- a\n- b\n", 1, "a list"),
    "a text as the file": ("k 3\n", 1, "the value 'k 3'"),
    "a list as a name": ("? [a]\n: b\n", 1, "a list as a name"),
    "a foreign tag": ("k: 1\na: !!python/object:os.system ls\n", 2, "with the tag 'python/object:os.system'"),
    "an alias of itself": ("a: &x [*x]\n", 1, "a list in a"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "another document"),
    "a control character": ("a: 1\nb: \x01\n", 2, "the character 0x1"),
    "bytes that are no UTF-8": (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
    "half a list": ("a: 1\nb: [c\n", 3, "expected ',' or ']'"),
    "lists too deep": ("a: " + "[" * 3000 + "]" * 3000 + "\n", 1, "nested hundreds deep"),
}


@pytest.mark.parametrize(("text", "line", "says"), NOT_MEANT.values(), ids=NOT_MEANT)
def test_what_cannot_be_meant_is_named_with_its_line(tmp_path: Path, text: str | bytes, line: int, says: str) -> None:
    with pytest.raises(FileFormatError, match=says) as caught:
        values(tmp_path, text)
    assert caught.value.line == line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*none\.yaml"):
        read_options(tmp_path / "none.yaml")


REFUSED = {
    "a list where one value goes": ("out: [a, b]", "options.yaml:3: got 'a list of 2 values for out', expected one"),
    "no number": ("k: many", "options.yaml:3: got 'many for k', expected a whole number"),
    "half a number": ("k: 3.7", "options.yaml:3: got '3.7 for k', expected a whole number"),
    "a date": ("k: 2026-11-28", "options.yaml:3: got '2026-11-28 for k'"),
    "a truth value": ("k: yes", "options.yaml:3: got 'yes for k'"),
    "a number too long to parse": ("k: " + "9" * 5000, "options.yaml:3: got '999"),
    "an unknown option": ("kk: 3", "options.yaml:3 'kk'; did you mean 'k'"),
    "off": ("retriever: off", "unknown retriever 'off'"),
}


@pytest.mark.parametrize(("line", "says"), REFUSED.values(), ids=REFUSED)
def test_a_value_that_an_option_cannot_have_is_refused_with_file_and_line(
    run, files, tmp_path: Path, line: str, says: str
) -> None:
    config = tmp_path / "options.yaml"
    config.write_text(f"# retrieve\ncollection: {files.collection}\n{line}\n")
    outcome = run("retrieve", "--config", config, "--out", tmp_path / "out.trec")
    assert outcome.code in (1, 2)
    assert says in " ".join(outcome.err.split())
    assert not (tmp_path / "out.trec").exists()


@pytest.mark.parametrize(("written", "is_json"), [("yes", True), ("on", True), ("true", True), ("off", False)])
def test_truth_values_of_yaml_are_truth_values_of_flags(
    run, files, tmp_path: Path, written: str, is_json: bool
) -> None:
    config = tmp_path / "options.yaml"
    config.write_text(f"collection: {files.collection}\njson: {written}\n")
    out = run("stats", "--config", config).out
    assert out.startswith("{") == is_json
    assert not is_json or json.loads(out)["queries"] > 0
