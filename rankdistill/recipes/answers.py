"""What a teacher answers of pairs that have no labels: a class, a number of a range, or a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rankdistill.data.collection import Collection
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.models import CrossEncoder, ScoreContract, resolve_base
from rankdistill.models.contract import CLASSES, entry_of
from rankdistill.models.labels import labels_of
from rankdistill.models.load import checked_config
from rankdistill.recipes.students import texts_read
from rankdistill.recipes.teachers import Teacher, is_run


def answers_of(teachers: Mapping[str, Teacher] | Sequence[str | Path]) -> ScoredPairs | None:
    """What the first model among the teachers answers, as its config states it: classes, or numbers of a range.

    None for a score to rank by, and without a model. No weights are read. Raises `DataError` where there is no such
    model.
    """
    given = teachers.values() if isinstance(teachers, Mapping) else teachers
    model = next((teacher for teacher in given if not is_run(teacher)), None)
    if model is None:
        return None
    if isinstance(model, CrossEncoder):
        config, contract = model.model.config, model.contract
    else:
        folder = resolve_base(model)
        config = checked_config(folder)
        if "score" not in entry_of(config, folder):
            return None  # no model of scored pairs, which state their contract
        contract = ScoreContract.of_config(config, where=folder)
    if contract.form == CLASSES:
        return ScoredPairs("classification", classes=tuple(labels_of(config)))
    if contract.form == "sigmoid":
        return ScoredPairs("similarity", lowest=contract.lowest, highest=contract.lowest + contract.scale)
    return None


def answered(collection: Collection, teachers: Mapping[str, Teacher]) -> Collection:
    """Unlabelled pairs as a task of what teachers answer, see `answers_of`; any other collection as it is.

    Models that are made for it have the first teacher's head.
    """
    if collection.scored_pairs is not None or not collection.is_of_pairs:
        return collection
    answers = answers_of(teachers)
    if answers is None:
        return collection
    return replace(collection, scored_pairs=replace(answers, n_texts=1 if texts_read(collection) == 1 else 2))
