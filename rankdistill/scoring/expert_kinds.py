"""What kind of expert a model is: a classifier, a similarity or a ranker."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.progress import say_once
from rankdistill.scoring.fits import is_probability

if TYPE_CHECKING:  # torch is imported by what loads a model
    from rankdistill.models.cross_encoder import CrossEncoder


def check_classifiers(classifiers: Collection[str], experts: Collection[str]) -> None:
    """Raise `UnknownNameError` for a classifier that is none of the experts, by their names."""
    for name in classifiers:
        if name not in experts:
            raise UnknownNameError("expert among the classifiers", name, experts)


def of_kind(
    model: CrossEncoder,
    name: str,
    relevant_label: str | None = None,
    *,
    is_classifier: bool = False,
    classes: Sequence[str] = (),
) -> CrossEncoder:
    """Return an expert, loaded as a classifier where nothing else is stated, as what it is.

    A model that states its score contract is what that says, and so is one of one logit; three logits or more are those
    of a classifier. Two logits are, where is_classifier says so, or where their labels name ``classes``, those of the
    task at hand; else they are a ranker's, which is said. relevant_label: of a ranker. Raises `UsageError` for a
    classifier of one logit.
    """
    from rankdistill.models.class_names import class_places
    from rankdistill.models.contract import ScoreContract, entry_of
    from rankdistill.models.labels import labels_of, shown

    config = model.model.config
    if is_classifier:
        if model.contract.n_logits == 1:
            raise UsageError(f"the expert {name} is no classifier: its model has one logit, a score, and no classes")
        return model.as_classifier()
    if model.contract.n_logits != 2 or "score" in entry_of(config):
        return model
    labels = labels_of(config)
    found = class_places(labels, classes)
    if found is not None and found.by_name:
        return model
    where = str(model.folder or f"the expert {name}")
    ranker = model.with_contract(ScoreContract.of_config(config, relevant_label, where))
    say_once(
        f"the expert {name} is taken as a ranker, by the margin of its two logits, of which "
        f"{labels[ranker.contract.relevant]!r} means relevant: where {shown(labels)} are classes, say so by "
        f"--classifiers {name} (as_classifier=True in Python)"
    )
    return ranker


def over_lists(model: CrossEncoder) -> CrossEncoder:
    """Return an expert as it is learned over the lists of a ranking: of a sigmoid from 0 to 1 the logit ranks.

    Such a sigmoid is a ranker's probability, as `as_one_logit` leaves it; the range of a graded similarity is another.
    """
    from rankdistill.models.contract import ScoreContract

    return model.with_contract(ScoreContract("logit")) if is_probability(model.contract) else model
