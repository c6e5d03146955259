"""Whether a model's head gives what a collection asks for: a class of its task, a number, or a score to rank by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankdistill.errors import DataError

if TYPE_CHECKING:  # torch and Arrow are imported by what loads a model, and makes candidates
    from rankdistill.data.candidates import Candidates
    from rankdistill.data.trec.plain import PlainLists
    from rankdistill.models.cross_encoder import CrossEncoder
    from rankdistill.models.ready import ReadyModel


def check_head(
    model: CrossEncoder | ReadyModel, candidates: Candidates | PlainLists, collection: Any, what: str = "the model"
) -> None:
    """Raise `DataError` where a model's scores would be numbers of the wrong kind for a collection's candidates.

    A task of classes needs a classifier of the same classes; a similarity and a ranking need a number, which a
    classifier does not give. what: the model, for the message.
    """
    from rankdistill.models.contract import CLASSES
    from rankdistill.models.labels import labels_of

    scored = getattr(collection, "scored_pairs", None)
    is_classifier = model.contract.form == CLASSES
    classes = labels_of(model.model.config) if is_classifier else []  # type: ignore[union-attr]  # none is ready
    if scored is not None and scored.kind == "classification":
        if classes != list(scored.classes):
            has = f"has the classes {', '.join(classes)}" if classes else "has no classes"
            raise DataError(f"{what} {has}, and {collection.name} has the classes {', '.join(scored.classes)}")
    elif classes and (scored is not None or np.diff(candidates.offsets).max(initial=0) > 1):
        asked = f"numbers {scored.expected.removeprefix('a number ')}" if scored is not None else "scores to rank by"
        raise DataError(
            f"{what} is a classifier ({', '.join(classes)}), and {getattr(collection, 'name', 'the collection')} asks "
            f"for {asked}"
        )
