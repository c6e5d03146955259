"""Read a model's head as a collection asks: a class of its task, a number of its range, or a score to rank by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rankdistill.errors import DataError, UsageError
from rankdistill.progress import say_once

if TYPE_CHECKING:  # torch and Arrow are imported by what loads a model, and makes candidates
    from rankdistill.data.candidates import Candidates
    from rankdistill.data.scored_pairs import ScoredPairs
    from rankdistill.data.trec.plain import PlainLists
    from rankdistill.models.contract import ScoreContract
    from rankdistill.models.cross_encoder import CrossEncoder
    from rankdistill.models.ready import ReadyModel

TRAIN = "or train one on the task (rankdistill finetune --base takes this model)"


def read_for(
    model: CrossEncoder | ReadyModel, candidates: Candidates | PlainLists, collection: Any, what: str = "the model"
) -> CrossEncoder | ReadyModel:
    """Return the model as a collection's candidates ask for it; of a task of scored pairs as `read_for_task` does.

    Raises `DataError` where its scores would be numbers of the wrong kind; a classifier gives none to rank by. what:
    the model, for messages.
    """
    from rankdistill.models.contract import CLASSES
    from rankdistill.models.ready import ReadyModel

    scored, name = getattr(collection, "scored_pairs", None), getattr(collection, "name", "the collection")
    if isinstance(model, ReadyModel):  # no classifier is kept ready
        if scored is not None and not gives_range(model.contract, scored):
            raise UsageError(f"{what} was left ready as a ranker, and {name} is a {scored.kind}: give its folder")
        return model
    if scored is not None:
        return read_for_task(model, scored, name, what)
    if model.contract.form == CLASSES and np.diff(candidates.offsets).max(initial=0) > 1:
        raise DataError(f"{what} is a classifier ({_labels(model)}), and {name} asks for scores to rank by")
    return model


def read_for_task(model: CrossEncoder, scored: ScoredPairs, name: str, what: str = "the model") -> CrossEncoder:
    """Return the model as a task of scored pairs asks for it: with the task's classes in their order, or its range.

    name: of the task. what: the model, for messages. What the model does not state itself is said. Raises `DataError`
    as `as_classes` and `as_similarity` do.
    """
    if scored.kind == "classification":
        return as_classes(model, scored.classes, name, what)
    return as_similarity(model, scored, name, what)


def as_classes(model: CrossEncoder, classes: Sequence[str], name: str, what: str = "the model") -> CrossEncoder:
    """Return the model as a classifier whose logits are those of the classes, in their order.

    Labels mean classes as `class_places` says; where they only count, that is said. Two logits of a ranker are taken as
    those of two classes, too. name: of the task. Raises `DataError` for a model of one logit, and of other classes.
    """
    from rankdistill.models.class_names import class_places
    from rankdistill.models.heads import in_order
    from rankdistill.models.labels import labels_of

    asked = f"{name} has the classes {', '.join(classes)}"
    if model.contract.n_logits == 1:
        raise DataError(f"{what} has no classes, and {asked}: its head gives one score. Give a classifier, {TRAIN}")
    labels = labels_of(model.model.config)
    found = class_places(labels, classes)
    if found is None:
        raise DataError(f"{what} has the classes {', '.join(labels)}, and {asked}: give a model of these, {TRAIN}")
    if not found.by_name:
        numbered = ", ".join(f"{label} is {each}" for label, each in zip(labels, classes, strict=True))
        say_once(f"{what}: the names of its labels say nothing, and are taken by number for {name}: {numbered}")
    return in_order(model.as_classifier(), found.places, classes)


def as_similarity(model: CrossEncoder, scored: ScoredPairs, name: str, what: str = "the model") -> CrossEncoder:
    """Return the model with scores in the range of a similarity.

    A sigmoid from 0 to 1, of the contract or as other libraries put it on the one logit, is that of labels divided by
    their range, so that it is stretched to the task's, which is said. name: of the task. Raises `DataError` for a
    classifier, for a score without a range, and for one of another range.
    """
    from rankdistill.models.contract import CLASSES, ScoreContract

    contract, asked = model.contract, f"{name} asks for numbers from {scored.lowest:g} to {scored.highest:g}"
    if gives_range(contract, scored):
        return model
    if contract.form == CLASSES:
        raise DataError(f"{what} is a classifier ({_labels(model)}), and {asked}")
    if contract.form == "sigmoid" and not is_probability(contract):
        given = f"numbers from {contract.lowest:g} to {contract.lowest + contract.scale:g}"
        raise DataError(f"{what} gives {given}, and {asked}: give a model of that range, {TRAIN}")
    if contract.form != "sigmoid" and not _is_read_by_sigmoid(model):
        raise DataError(
            f"{what} gives a score to rank by, which has no range, and {asked}: give a similarity of that range, "
            f"{TRAIN}. Where its one logit was trained by a sigmoid on labels divided by their range, say so in its "
            'config.json: "sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}'
        )
    say_once(
        f"{what} gives numbers from 0 to 1, and {asked}: its sigmoid is stretched to that range, as of a model that "
        "was trained on labels divided by it"
    )
    return model.with_contract(ScoreContract.for_pairs(scored))


def gives_range(contract: ScoreContract, scored: ScoredPairs) -> bool:
    """Whether a contract's scores are the similarity, of its range, that a task asks for."""
    ends = (contract.lowest, scored.lowest), (contract.lowest + contract.scale, scored.highest)
    near = all(math.isclose(*each, abs_tol=1e-6 * (scored.highest - scored.lowest)) for each in ends)
    return scored.kind == "similarity" and contract.form == "sigmoid" and near


def is_probability(contract: ScoreContract) -> bool:
    """Whether a contract is the sigmoid of one logit, from 0 to 1."""
    return contract.form == "sigmoid" and (contract.scale, contract.lowest) == (1.0, 0.0)


def _is_read_by_sigmoid(model: CrossEncoder) -> bool:
    """Whether other libraries are told to put a sigmoid on the one logit that is the score."""
    from rankdistill.models.contract import ScoreContract
    from rankdistill.models.stated import stated_activation

    if model.contract != ScoreContract("logit"):
        return False
    stated = stated_activation(model.folder, model.model.config)
    return stated is not None and stated.rpartition(".")[2] == "Sigmoid"


def _labels(model: CrossEncoder) -> str:
    from rankdistill.models.labels import labels_of

    return ", ".join(labels_of(model.model.config))
