"""Experts that guide on pairs or lists: models that score them, or those whose scores their parts hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rankdistill.cli.expert_names import has_name, named_experts
from rankdistill.data.parts import LIST
from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder
from rankdistill.models.expert import Expert
from rankdistill.progress import say
from rankdistill.scoring.expert_kinds import over_lists
from rankdistill.scoring.experts import load_experts, stored_experts
from rankdistill.scoring.settings import ScoringSettings


def experts_over(
    parts: Path | None,
    words: Sequence[str],
    scoring: ScoringSettings | None = None,
    classifiers: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> dict[str, CrossEncoder | Expert]:
    """The experts that guide on pairs or lists: those given, else those whose scores the parts hold; maybe none.

    parts: the folder of parts that are read, None where what is read is in none. An expert that is given and whose
    scores they hold is not loaded for good: it need not score again. scoring: how experts are asked, and which of two
    labels means relevant. classifiers: names of those whose two logits are those of classes. classes: of the task that
    they guide for, see `of_kind`. Raises `UsageError` where ``scoring`` says how they are asked, and none is given.
    """
    stored = stored_experts(parts) if parts else {}
    if classifiers and not words:
        raise UsageError("--classifiers are among --experts: got none")
    if not words:
        if scoring is not None and scoring.given:
            raise UsageError(f"no expert is given that could be asked: leave out {', '.join(scoring.given)}")
        if stored:
            say(f"experts: {', '.join(stored)}, whose scores are in {parts}")
        return dict(stored)
    known = {expert.fingerprint: name for name, expert in stored.items()}
    experts: dict[str, CrossEncoder | Expert] = {}
    scoring = scoring or ScoringSettings()
    asked = replace(ScoringSettings(), relevant_label=scoring.relevant_label, **scoring.asking)
    folders = named_experts(words, [name for name in stored if not _named(words, name)])
    for name, model in load_experts(folders, asked, classifiers, classes):
        folder = folders[name]
        place, ranker = known.get(model.fingerprint()), over_lists(model)
        if place is None and ranker is not model:  # as whose the scores of lists are kept
            place = known.get(ranker.fingerprint())
        if place is None and name in stored:
            raise UsageError(
                f"{LIST} in {parts} has scores of another expert {name!r}, or of the same one taken as another kind: "
                "name yours otherwise, NAME=MODEL"
            )
        if place is not None:
            say(f"{folder}: its scores are in {parts}, under the name {place}")
            experts[place] = stored[place]
        else:
            experts[name] = model
    return experts


def _named(words: Sequence[str], name: str) -> bool:
    return any(has_name(word) and word.partition("=")[0] == name for word in words)
