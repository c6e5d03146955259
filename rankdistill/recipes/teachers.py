"""Teachers, models and runs mixed: their names, and their scores of a task's candidates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rankdistill.arrays import F32
from rankdistill.data import Candidates, Collection, read_run
from rankdistill.data.candidates import positions_of
from rankdistill.data.parts import is_parts
from rankdistill.data.score_files.found import is_score_folder
from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.prompt import INSTRUCTION
from rankdistill.inputs.prompted import PromptAssembler
from rankdistill.models import CrossEncoder, ScoreContract, relevant_second, resolve_base, with_two_logits
from rankdistill.models.base import resolve_folder
from rankdistill.models.causal.stated import is_causal
from rankdistill.models.contract import CLASSES
from rankdistill.models.labels import labels_of
from rankdistill.models.load import checked_config
from rankdistill.models.opened import Opened
from rankdistill.models.sentence.chain import is_chain, read_chain
from rankdistill.progress import say
from rankdistill.scoring.among import check_asked, settings_among
from rankdistill.scoring.fits import as_classes
from rankdistill.scoring.score import score
from rankdistill.scoring.settings import ScoringSettings

RUN_SUFFIXES = (".trec", ".run", ".txt", ".tsv", ".gz", ".json", ".jsonl", ".parquet")
Teacher = str | Path | CrossEncoder


def name_teachers(teachers: Sequence[str | Path]) -> dict[str, Teacher]:
    """Name each teacher by its place: ``t1``, ``t2``, … -> the model or run given; `DataError` for a missing run."""
    if not teachers:
        raise UsageError("no teachers given, expected at least one model folder, hub id, TREC run or file of scores")
    for teacher in teachers:
        if Path(teacher).suffix in RUN_SUFFIXES and not Path(teacher).is_file():
            raise DataError(f"there is no run file {teacher}, which is given as a teacher")
    return {f"t{place}": teacher for place, teacher in enumerate(teachers, start=1)}


def models_among(teachers: Mapping[str, Teacher]) -> list[Teacher]:
    """The teachers that are no runs."""
    return [teacher for teacher in teachers.values() if not is_run(teacher)]


def check_teachers(
    teachers: Mapping[str, Teacher],
    scoring: ScoringSettings | None = None,
    *,
    gives_scores: bool = True,
    as_classifier: bool = False,
) -> None:
    """Raise, before any work, where a folder among the teachers is no model that gives one score, or no model at all.

    scoring: of the teachers. gives_scores: whether anything is read of their heads. as_classifier: whether a task of
    scored pairs reads them, of which several logits are classes. Weights are not read, but prompts and their tokens are
    checked. Raises as `check_asking`, `CrossEncoder.from_pretrained` and `PromptAssembler` do.
    """
    scoring = scoring or ScoringSettings()
    check_asking(teachers, scoring, gives_scores=gives_scores)
    for model in models_among(teachers):
        if not gives_scores:
            if not isinstance(model, CrossEncoder):
                checked_config(resolve_base(model))
            continue
        if isinstance(model, CrossEncoder):
            _check_passages(model.assembler, model.tokenizer, scoring)
        elif is_chain(whole := resolve_folder(model)):  # its logits are the last module's, not the config's
            read_chain(whole)
        else:
            folder = resolve_base(model)
            its = settings_among(model, scoring)
            opened = Opened.trained(folder, its)
            _check_passages(opened.prompt_assembler(), opened.tokenizer, scoring)
            if is_causal(folder):
                continue
            config = checked_config(folder)
            ScoreContract.of_config(config, scoring.relevant_label, folder, as_classifier=as_classifier)
            left_out = [name for name, value in scoring.asking.items() if value != its.asking[name]]
            if left_out and opened.asked is not None:
                say(
                    f"{folder} keeps its own prompt: left out for it are {', '.join(left_out)}, which are for causal "
                    f"language models{f' or a place {INSTRUCTION}' if 'instruction' in left_out else ''}"
                )


def check_asking(teachers: Mapping[str, Teacher], scoring: ScoringSettings, *, gives_scores: bool = True) -> None:
    """Raise `UsageError` where the settings say how teachers are asked, and none of the models among them can be.

    gives_scores: whether anything is read of their heads. Raises, too, for a teacher at hand that reads a prompt.
    """
    if scoring.given and not gives_scores:
        raise UsageError(
            "a teacher of relations alone reads what the student reads and gives no score: leave out "
            f"{', '.join(scoring.given)}"
        )
    if models := models_among(teachers):
        check_asked(models, scoring)


def _check_passages(assembler: PairAssembler | None, tokenizer: Any, scoring: ScoringSettings) -> None:
    """Raise `UsageError` where documents are to be scored by windows, and a prompt has no room for one."""
    if isinstance(assembler, PromptAssembler) and scoring.passages != "first":
        assembler.windows(tokenizer, iter(()))


def teacher_beside(
    teachers: Mapping[str, Teacher],
    student: CrossEncoder,
    scoring: ScoringSettings | None = None,
    *,
    gives_logits: bool = True,
) -> CrossEncoder:
    """Load the one model among the teachers, with two logits where the student has two, the second the relevant one.

    A classifier's has the student's classes in their order, see `as_classes`. scoring: how it is asked, and which of
    its labels means relevant. gives_logits: whether anything is read of its head.
    """
    [(name, model)] = [(name, each) for name, each in teachers.items() if not is_run(each)]
    label, classifies = scoring.relevant_label if scoring else None, student.contract.form == CLASSES
    if not isinstance(model, CrossEncoder):
        asking = settings_among(model, scoring or ScoringSettings()).asking
        name = str(model)
        model = CrossEncoder.from_pretrained(model, relevant_label=label, as_classifier=classifies, **asking)
    if classifies and not gives_logits:
        return model.as_classifier()
    if classifies:
        return as_classes(model, labels_of(student.model.config), "the student", name)
    model = relevant_second(model.with_relevant(label))
    return with_two_logits(model) if student.contract.n_logits == 2 else model


def encoder_beside(teachers: Mapping[str, Teacher], student: CrossEncoder) -> CrossEncoder:
    """Load the one model among the teachers for its insides alone, to read what the student reads.

    It may be any encoder, with a head or without.
    """
    [model] = models_among(teachers)
    if isinstance(model, CrossEncoder):
        return model
    if is_chain(resolve_folder(model)):
        return CrossEncoder.from_pretrained(model)
    config = checked_config(resolve_base(model))
    n_logits = int(config.num_labels)
    contract = ScoreContract.for_logits(n_logits) if n_logits <= 2 else ScoreContract(CLASSES, n_classes=n_logits)
    n_texts = student.n_texts if student.asked is None else 2  # a prompt asks for both
    return CrossEncoder.from_base(model, n_logits, contract=contract, n_texts=n_texts)


def is_run(teacher: Teacher) -> bool:
    """Whether a teacher is a run or scores, one file or a folder of them, and no model."""
    if isinstance(teacher, CrossEncoder):
        return False
    return Path(teacher).is_file() or is_parts(teacher) or is_score_folder(teacher)


def add_teachers(
    candidates: Candidates,
    collection: Collection,
    teachers: Mapping[str, Teacher],
    scoring: ScoringSettings | None = None,
    *,
    store: str | Path | None = None,
) -> Candidates:
    """Add one column of scores per teacher: read from its run file, or computed by its model.

    scoring: of the models. store: folder of the resumable score stores, instead of that of ``scoring``. A run that
    lacks a candidate leaves NaN there, for the ensemble's policy to decide; its scores of other pairs are counted in a
    warning. Raises `DataError` for a run that has none of the candidates, and as `check_asking`.
    """
    scoring = scoring or ScoringSettings()
    check_asking(teachers, scoring)
    if store is not None:
        scoring = replace(scoring, store=Path(store))
    columns = {}
    for name, teacher in teachers.items():
        if isinstance(teacher, CrossEncoder) or not is_run(teacher):
            its = settings_among(teacher, scoring)
            columns[name] = score(teacher, candidates, collection, its, description=f"scoring by {name}")
            continue
        columns[name] = scores_by_run(teacher, candidates, collection, name)
    return candidates.with_columns(columns)


def scores_by_run(teacher: str | Path, candidates: Candidates, collection: Collection, name: str = "score") -> F32:
    """Read the scores that a run or file of scores has for the candidates, float32 (N,), NaN where it has none.

    Warns of its scores for pairs that are no candidates. Raises `DataError` where it has none of the candidates.
    """
    run = read_run(teacher, column=name, collection=collection)
    found = candidates.find(run) >= 0
    if len(candidates) and not found.any():
        raise DataError(f"{teacher} scores none of the candidates: {_differing(run, candidates, collection)}")
    if not found.all():
        lost = run.take_rows(~found)
        strange = int((positions_of(lost.query_ids, candidates.query_ids) < 0).sum())
        known = lost.only_queries(candidates.query_ids)
        unknown = int((collection.documents.positions(known.doc_ids) < 0).sum())
        parts = [
            f"{len(lost) - len(known):,} of {strange:,} queries without candidates" if strange else "",
            f"{unknown:,} of documents that {collection.name} does not have" if unknown else "",
        ]
        of_them = f" ({', '.join(part for part in parts if part)})" if any(parts) else ""
        warnings.warn(
            f"{teacher} ({name}): {len(lost):,} of its {len(run):,} scores are of pairs that are no candidates and are "
            f"not used{of_them}; the first is {lost.pair_at(0)}",
            stacklevel=2,
        )
    return candidates.join(run, name)[name]


def _differing(run: Candidates, candidates: Candidates, collection: Collection) -> str:
    """Say in which ids a run differs from candidates that it shares no pair with."""
    if not (positions_of(run.query_ids, candidates.query_ids) >= 0).any():
        one, other = run.query_ids[0].as_py(), candidates.query_ids[0].as_py()
        return f"its queries, such as {one!r}, are none of theirs, such as {other!r}; give scores of these queries"
    if not (collection.documents.positions(run.doc_ids) >= 0).any():
        one, other = run.doc_ids[0].as_py(), candidates.doc_ids[0].as_py()
        return (
            f"its documents, such as {one!r}, are none of {collection.name}, such as {other!r}; name the collection "
            "that the scores are of"
        )
    return "its queries are theirs, but none of its documents is in their lists; is it a run of another first stage?"
