"""Which logit of a classifier means which class of a task, by the names of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rankdistill.models.labels import NEGATIONS, fold

SAME = (
    "entailment entailed entails entail",
    "contradiction contradicted contradicts contradictory contradict",
    "positive pos",
    "negative neg",
    "equivalent paraphrase paraphrases isparaphrase",
    "duplicate duplicates isduplicate",
    "acceptable grammatical",
    "relevant isrelevant rel",
    "supported supports support",
    "refuted refutes refute",
    "yes y",
    "no n",
)
"""Names, folded, that public models and tasks have for one class, a line each."""
_NAME_OF = {name: line.split()[0] for line in SAME for name in line.split()}
_NUMBERED = ("label", "class", "")
"""What stands before the number of a logit in names that say nothing of its meaning, folded."""


@dataclass(frozen=True)
class ClassPlaces:
    """Where a classifier has a task's classes."""

    places: tuple[int, ...]
    """Of each class the place of its logit."""
    by_name: bool
    """Whether the names tell; else the classes are taken in their order."""


def class_places(labels: Sequence[str], classes: Sequence[str]) -> ClassPlaces | None:
    """Find each class of a task among a classifier's labels; None where they are other classes.

    Two names are one where they differ in case, or in what is no letter or digit, where a line of `SAME` has both, and
    where both negate such names ("not_X", "unX"). Labels that only count, LABEL_0, LABEL_1, …, are the classes in
    their order.
    """
    if len(labels) != len(classes):
        return None
    if tuple(labels) == tuple(classes):
        return ClassPlaces(tuple(range(len(classes))), True)
    meant, wanted = _meanings(labels), _meanings(classes)
    if len(set(meant)) == len(meant) and set(meant) == set(wanted):
        return ClassPlaces(tuple(meant.index(each) for each in wanted), True)
    if say_nothing(labels):
        return ClassPlaces(tuple(range(len(classes))), False)
    return None


def say_nothing(labels: Sequence[str]) -> bool:
    """Whether labels only count the logits from 0, as LABEL_0 and LABEL_1 do, which transformers fills in."""
    folded = [fold(label) for label in labels]
    return any(folded == [f"{before}{place}" for place in range(len(labels))] for before in _NUMBERED)


def _meanings(names: Sequence[str]) -> list[tuple[bool, str]]:
    """What each of several names means: whether it negates, and the name that is negated, or is not."""
    folded = [fold(name) for name in names]
    known = {*_NAME_OF, *folded}
    return [_meaning(name, known) for name in folded]


def _meaning(name: str, known: set[str]) -> tuple[bool, str]:
    if name not in _NAME_OF:
        for prefix in sorted(NEGATIONS, key=len, reverse=True):
            rest = name.removeprefix(prefix)
            if rest != name and rest in known:
                return True, _NAME_OF.get(rest, rest)
    return False, _NAME_OF.get(name, name)
