"""Scores by file as teachers: what is no candidate is counted, and a file that scores none says in what it differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import make_model, make_tokenizer
from tiny_causal import write_causal

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.errors import DataError, RankDistillError, UsageError
from rankdistill.models import CrossEncoder
from rankdistill.recipes.teachers import add_teachers, check_teachers, is_run, name_teachers, teacher_beside
from rankdistill.scoring.experts import load_experts
from rankdistill.scoring.settings import ScoringSettings

CANDIDATES = Candidates.from_dict({"q1": {"d1": 2.0, "d2": 1.0}, "q2": {"d1": 1.0}}, "score")


@pytest.fixture
def collection() -> Collection:
    documents = Texts.from_pairs(["d1", "d2", "d3"], ["sorts a list", "prints it", "reads it"])
    return Collection("small", Texts.from_pairs(["q1", "q2"], ["sort a list", "print"]), documents)


def id_set(path: Path, lists: dict[str, dict[str, float]]) -> Path:
    rows = [{"query_id": q, "document_ids": [*docs], "scores": [*docs.values()]} for q, docs in lists.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")
def test_files_of_several_forms_become_columns(collection: Collection, tmp_path: Path) -> None:
    trec = tmp_path / "a.trec"
    trec.write_text("q1 Q0 d1 1 5 t\nq1 Q0 d2 2 4 t\nq2 Q0 d1 1 3 t\n")
    triples = tmp_path / "c.tsv"
    triples.write_text("1.5\t0.5\tq1\td2\td1\n")
    flag = tmp_path / "d.jsonl"
    flag.write_text(json.dumps({"query": "print", "pos": ["sorts a list"], "pos_scores": [9]}) + "\n")
    scores = id_set(tmp_path / "b.jsonl", {"q2": {"d1": 7}, "q1": {"d2": 8}})
    scored = add_teachers(CANDIDATES, collection, name_teachers([trec, scores, triples, flag]))
    columns = np.stack([scored[f"t{nth}"] for nth in range(1, 5)])
    nan = np.nan
    np.testing.assert_array_equal(columns, [[5, 4, 3], [nan, 8, 7], [0.5, 1.5, nan], [nan, nan, 9]])


@pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")
def test_scores_of_pairs_that_are_no_candidates_are_counted(collection: Collection, tmp_path: Path) -> None:
    path = id_set(tmp_path / "t.jsonl", {"q1": {"d1": 1, "d3": 2, "zz": 3}, "q9": {"d1": 1, "d2": 2}})
    with pytest.warns(UserWarning, match=r"t1\): 4 of its 5 scores are of pairs that are no candidates") as said:
        add_teachers(CANDIDATES, collection, {"t1": path})
    text = " ".join(str(each.message) for each in said)
    assert "2 of 1 queries without candidates, 1 of documents that small does not have" in text


@pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")
@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"x": {"d1": 1.0}}, "its queries, such as 'x', are none of theirs, such as 'q1'"),
        ({"q1": {"99": 1.0}}, "its documents, such as '99', are none of small, such as 'd1'"),
        ({"q1": {"d3": 1.0}}, "none of its documents is in their lists"),
    ],
)
def test_a_file_that_scores_no_candidate_says_why(
    collection: Collection, tmp_path: Path, lists: dict, says: str
) -> None:
    with pytest.raises(DataError, match="scores none of the candidates") as caught:
        add_teachers(CANDIDATES, collection, {"t1": id_set(tmp_path / "t.jsonl", lists)})
    assert says in str(caught.value)


def test_a_folder_of_scores_is_no_model_and_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "set" / "scores").mkdir(parents=True)
    id_set(tmp_path / "set" / "scores" / "train.jsonl", {"q1": {"d1": 1}})
    assert is_run(tmp_path / "set")
    assert not is_run(tmp_path)
    with pytest.raises(DataError, match=r"there is no run file .*gone\.jsonl"):
        name_teachers([tmp_path / "gone.jsonl"])


PROMPT = "{instruction}\nQuery: {query}\nDocument: {document}\nAnswer:"
ASKED: dict[str, Any] = {"prompt": PROMPT, "instruction": "judge", "relevant_token": "a", "other_token": "the"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"relevant_token": "a book of"}, "'a book of' is .* tokens of its tokenizer"),
        ({"other_token": "a"}, "are the same"),
        ({"instruction": "a dog " * 700}, "the prompt has .* tokens .* cut to 600.*shorter prompt or instruction"),
        ({"instruction": None}, "give --instruction"),
        ({"passages": "max"}, "leave out --passages"),
    ],
)
def test_a_causal_teacher_that_cannot_be_asked_is_refused_before_any_work(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    teachers = {"t1": write_causal(tmp_path / "causal")}
    check_teachers(teachers, ScoringSettings(**ASKED))
    with pytest.raises(RankDistillError, match=says):
        check_teachers(teachers, ScoringSettings(**{**ASKED, **changes}))


def test_a_loaded_teacher_is_checked_like_a_folder(tmp_path: Path) -> None:
    folder = write_causal(tmp_path / "causal")
    long = CrossEncoder.from_pretrained(folder, **{**ASKED, "instruction": "a dog " * 700})
    with pytest.raises(RankDistillError, match="shorter prompt or instruction"):
        check_teachers({"t1": long})
    check_teachers({"t1": CrossEncoder(make_model(), make_tokenizer())}, ScoringSettings(passages="max"))


def test_a_teacher_beside_the_student_is_asked_as_the_settings_say(tmp_path: Path) -> None:
    folder, student = write_causal(tmp_path / "causal"), CrossEncoder(make_model(), make_tokenizer())
    beside = teacher_beside({"t1": folder}, student, ScoringSettings(**ASKED))
    pairs = [("a dog", "the cat wrote"), ("how to sort", "a list")]
    expected = CrossEncoder.from_pretrained(folder, **ASKED).predict(pairs)
    np.testing.assert_allclose(beside.predict(pairs), expected, atol=1e-5)


def test_a_teacher_of_relations_alone_is_not_asked() -> None:
    with pytest.raises(UsageError, match="gives no score: leave out prompt, instruction"):
        check_teachers({"t1": "any"}, ScoringSettings(**ASKED), gives_scores=False)


def test_what_no_teacher_and_no_expert_reads_is_refused(tmp_path: Path) -> None:
    plain = CrossEncoder(make_model(), make_tokenizer()).save(tmp_path / "plain")
    given = ScoringSettings(instruction="is it about a dog?", relevant_token="yes")
    refused = pytest.raises(UsageError, match=r"none of the models .* leave out instruction, relevant_token")
    with refused:
        check_teachers({"t1": plain, "t2": plain}, given)
    with refused:
        next(load_experts({"e1": plain, "e2": plain}, given))
    causal = write_causal(tmp_path / "causal")
    check_teachers({"t1": plain, "t2": causal}, ScoringSettings(**ASKED))
    assert [name for name, _ in load_experts({"e1": plain, "e2": causal}, ScoringSettings(**ASKED))] == ["e1", "e2"]


def test_a_classifier_with_a_place_for_an_instruction_is_given_it_and_keeps_its_prompt(
    tmp_path: Path, collection: Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = CrossEncoder.from_pretrained(write_causal(tmp_path / "causal"), **ASKED).save(tmp_path / "classifier")
    others = ScoringSettings(prompt="{document} {query}", instruction="is it about a dog?", relevant_token="yes")
    check_teachers({"t1": folder}, others)
    assert f"{folder} keeps its own prompt: left out for it are prompt, relevant_token" in capsys.readouterr().err
    scores = add_teachers(CANDIDATES, collection, {"t1": folder, "plain": folder}, others)["t1"]
    told = CrossEncoder.from_pretrained(folder, instruction="is it about a dog?")
    pairs = [("sort a list", "sorts a list"), ("sort a list", "prints it"), ("print", "sorts a list")]
    np.testing.assert_allclose(scores, told.predict(pairs), atol=1e-5)
    assert np.abs(scores - CrossEncoder.from_pretrained(folder).predict(pairs)).max() > 1e-3


def test_a_classifier_without_a_place_for_an_instruction_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {**ASKED, "prompt": PROMPT.removeprefix("{instruction}\n"), "instruction": None}
    folder = CrossEncoder.from_pretrained(write_causal(tmp_path / "causal"), **asked).save(tmp_path / "classifier")
    check_teachers({"t1": folder}, ScoringSettings(instruction="judge"))
    assert "left out for it are instruction" in capsys.readouterr().err
