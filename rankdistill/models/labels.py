"""Which of a model's two logits means "relevant", by the names that its config gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rankdistill.errors import UsageError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RELEVANT = _words(
    "acceptable answer answerable correct duplicate entailed entailment entails equivalent good helpful "
    "highlyrelevant isduplicate isrelevant label1 match matched matches paraphrase pos positive rel related "
    "relevance relevant same similar supported supports true useful y yes"
)
IRRELEVANT = _words(
    "bad contradiction contradicts contradictory different distinct false incorrect label0 n neg negative neutral "
    "no none nonrelevant other refuted refutes unequal unknown wrong"
)
NEGATIONS = ("not", "non", "no", "isnot", "un", "in", "im", "ir", "dis", "mis")


def name_logits(config: Any, labels: Sequence[str]) -> None:
    """Name a model's logits in its config, in their order."""
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: place for place, label in enumerate(labels)}


def labels_of(config: Any) -> list[str]:
    """Names of a model's logits, in their order: of ``id2label``, else ``label2id``, else LABEL_0, LABEL_1, …"""
    return next(_orders(config), [])


def relevant_of(config: Any) -> int | None:
    """The place of the logit, of two, that means relevant; None where the config does not tell, or says both."""
    places = {relevant_logit(labels) for labels in _orders(config)}
    return places.pop() if len(places) == 1 else None


def _orders(config: Any) -> Iterator[list[str]]:
    """The names in their order by each of the config's two tables that says more than what transformers fills in."""
    default = [f"LABEL_{place}" for place in range(int(config.num_labels))]
    by_place = getattr(config, "id2label", None) or {}
    by_name = {place: name for name, place in (getattr(config, "label2id", None) or {}).items()}
    tables = [[str(table.get(place, name)) for place, name in enumerate(default)] for table in (by_place, by_name)]
    meant = [names for names in tables if names != default]
    yield from meant or [default]


def relevant_logit(labels: Sequence[str]) -> int | None:
    """The place, 0 or 1, of the one of two labels that means relevant; None where their names do not tell.

    Case and everything but letters and digits are folded. Two names tell where one is known to mean relevant and the
    other irrelevant, where one is the other's negation ("X" and "not_X", "unX"), or where they are numbers of which one
    is above 0. Names that transformers fills in, LABEL_0 and LABEL_1, mean the second.
    """
    first, second = labels
    for place, (label, other) in enumerate(((first, second), (second, first))):
        if _means_relevant(label, other):
            return place
    return None


def chosen_logit(labels: Sequence[str], choice: str) -> int:
    """The place of the label that somebody names, or whose number, 0 or 1, they give; `UsageError` where it is none."""
    for same in (str, fold):
        places = [place for place, label in enumerate(labels) if same(label) == same(choice)]
        if len(places) == 1:
            return places[0]
    if choice in ("0", "1"):
        return int(choice)
    raise UsageError(f"the relevant label must be one of {shown(labels)}, or its number 0 or 1, got {choice!r}")


def shown(labels: Sequence[str]) -> str:
    """Labels as a message lists them."""
    return " and ".join(repr(label) for label in labels)


def _means_relevant(label: str, other: str) -> bool:
    numbers = [_number(each) for each in (label, other)]
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0] > 0 >= numbers[1]
    a, b = fold(label), fold(other)
    if not a or a == b:
        return False
    negates = any(b == prefix + a for prefix in NEGATIONS)
    negated = any(a == prefix + b for prefix in NEGATIONS)
    return negates or (not negated and a in RELEVANT and _is_irrelevant(b))


def _is_irrelevant(folded: str) -> bool:
    negated = (folded.removeprefix(prefix) for prefix in NEGATIONS if folded.startswith(prefix))
    return folded in IRRELEVANT or any(rest in RELEVANT for rest in negated)


def fold(label: str) -> str:
    """A label without case, and without what is no letter or digit."""
    return "".join(character for character in label.casefold() if character.isalnum())


def _number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None
