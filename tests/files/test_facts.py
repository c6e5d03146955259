"""Facts of results: their canonical text, their digest, and folders that keep results apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rankdistill.errors import UsageError
from rankdistill.files.facts import canonical, claim, digest, read_facts, read_sealed_facts, same, write_facts

FACTS = {"model": "a", "layers": (0, 4), "rate": 0.5}


def test_the_digest_does_not_depend_on_the_order_of_keys_or_on_tuples_and_lists() -> None:
    assert digest(FACTS) == digest({"rate": 0.5, "layers": [0, 4], "model": "a"})
    assert json.loads(canonical(FACTS)) == {"model": "a", "layers": [0, 4], "rate": 0.5}
    assert len(digest(FACTS)) == 32


@pytest.mark.parametrize("change", [{"rate": 0.25}, {"layers": (0, 5)}, {"more": None}])
def test_the_digest_depends_on_every_fact(change: dict[str, Any]) -> None:
    assert digest({**FACTS, **change}) != digest(FACTS)
    assert not same({**FACTS, **change}, FACTS)


def test_facts_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_facts(tmp_path / "new" / "facts.json", FACTS)
    assert same(read_facts(tmp_path / "new" / "facts.json"), FACTS)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_a_file_that_holds_no_facts_has_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "facts.json").write_text(text)
    assert read_facts(tmp_path / "facts.json") == {}
    assert read_facts(tmp_path / "absent.json") == {}


def test_a_claimed_folder_takes_the_same_facts_and_refuses_others_by_name(tmp_path: Path) -> None:
    claim(tmp_path / "out", "a model", FACTS)
    claim(tmp_path / "out", "a model", {"rate": 0.5, "layers": [0, 4], "model": "a"})
    with pytest.raises(UsageError, match=r"holds a model with other rate, more, see .*facts.json"):
        claim(tmp_path / "out", "a model", {**FACTS, "rate": 0.25, "more": 1})


def test_sealed_facts_that_are_damaged_are_reported_and_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "facts.json"
    assert read_sealed_facts(file) == {}
    write_facts(file, FACTS, sealed=True)
    assert same(read_sealed_facts(file), FACTS)
    file.write_text(file.read_text().replace("0.5", "0.4"))
    assert read_sealed_facts(file) == {}
    assert "facts.json was changed after it was written" in " ".join(capsys.readouterr().err.split())
