"""Taggers: spaCy's tags one to one with the words, and the fallback, which is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from pair_tasks import write_glue

from rankdistill.augment import AugmentSettings, augment, taggers
from rankdistill.augment.forms import tag_by_form
from rankdistill.data.sources import load_collection
from rankdistill.errors import DataError, MissingExtraError


def test_forms_tell_the_closed_classes_and_endings() -> None:
    words = [
        "the",
        "movie",
        "is",
        "n't",
        "really",
        "watchable",
        ",",
        "3",
        "running",
        "dogs",
        "ended",
        "up",
        "in",
        "happiness",
    ]
    assert [tag_by_form(word) for word in words][:8] == [
        "determiner", "word", "auxiliary", "negation", "degree", "adjective", "punctuation", "number",
    ]  # fmt: skip
    assert [tag_by_form(word) for word in words][8:10] == ["verb, -ing", "noun, -s"]


def test_without_spacy_auto_says_that_it_takes_the_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taggers, "_is_installed", lambda package: False)
    with pytest.warns(UserWarning, match=r"spaCy is not installed.*rankdistill\[augment\]"):
        assert taggers.resolve("auto") == "forms"
    with pytest.raises(MissingExtraError, match=r"rankdistill\[augment\]"):
        taggers.resolve("spacy")


def test_spacy_tags_each_word_by_its_context() -> None:
    pytest.importorskip("spacy", reason="the extra 'augment' is not installed")
    tag = taggers.load(taggers.resolve("spacy"))
    first, empty, second = tag([["I", "saw", "a", "``", "rusty", "saw", "."], [], ["dogs"]])
    assert len(first) == 7
    assert empty == []
    assert (first[1], first[5], second) == ("VBD", "NN", ["NNS"])
    with pytest.raises(DataError, match="spaCy's model 'nowhere' is not installed"):
        taggers.resolve("spacy:nowhere")


def test_bytes_by_spacy_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    pytest.importorskip("spacy", reason="the extra 'augment' is not installed")
    collection = load_collection(f"glue:stsb@{write_glue(tmp_path / 'glue')}")
    for processes in (1, 2):
        augment(collection, tmp_path / str(processes), AugmentSettings(tagger="spacy"), processes=processes)
    one, two = ((tmp_path / name / "00000.parquet").read_bytes() for name in "12")
    assert one == two


def test_a_model_is_loaded_by_the_folder_that_its_package_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "packages" / "a_model" / "data"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text(
        "from pathlib import Path\ndef model_path():\n    return Path(__file__).parent / 'data'\n"
    )
    (tmp_path / "packages" / "named_model.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    assert taggers.source("a_model") == str(folder)
    assert taggers.source("named_model") == "named_model"
    assert taggers.source(str(folder)) == str(folder)
    monkeypatch.setattr(taggers, "_is_installed", lambda package: package == "spacy")
    assert taggers.resolve(f"spacy:{folder}") == f"spacy:{folder}"
