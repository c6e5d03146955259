"""Scores of several experts over the same pairs: every logit is kept, texts are tokenised once for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection as Labelled
from rankdistill.data.parts import LIST, made_by
from rankdistill.errors import UsageError
from rankdistill.inputs.own_masks import read_by
from rankdistill.inputs.texts import PairTexts, TextCollection
from rankdistill.scoring.among import check_asked, settings_among
from rankdistill.scoring.expert_kinds import check_classifiers, of_kind
from rankdistill.scoring.report import ScoreReport
from rankdistill.scoring.score import load_model, score_logits, score_with_report
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.scoring.shared_tokens import SharedTokens

if TYPE_CHECKING:  # torch is imported by what loads a model
    from rankdistill.models.cross_encoder import CrossEncoder
    from rankdistill.models.expert import Expert

EXPERTS = "experts"
"""Name, among what parts were made by, of the descriptions of the experts whose scores they hold."""


def score_experts(
    experts: Mapping[str, CrossEncoder | str | Path],
    candidates: Candidates,
    collection: TextCollection,
    settings: ScoringSettings | None = None,
    *,
    description: str = "scoring",
    classifiers: Collection[str] = (),
) -> tuple[dict[str, F32], dict[str, ScoreReport]]:
    """Score all candidates by every expert: columns float32 (N,) by name, and a report by expert.

    A classifier has a column for each of its logits, ``NAME.0``, ``NAME.1`` ..., every other expert one of its scores,
    ``NAME``; a ranking's is its logit, the margin of two, without a scale: what the one logit of a student learns.
    Experts with the same tokenizer share the tokens. settings: its store keeps each expert's numbers, so that a killed
    call resumes. classifiers: names of experts whose two logits are those of classes, see `load_experts`. Raises what
    `load_experts`, `score_logits` and `score_with_report` raise.
    """
    from rankdistill.models.contract import CLASSES
    from rankdistill.models.expert import columns_of

    settings = settings or ScoringSettings()
    classes: Sequence[str] = ()
    if isinstance(collection, Labelled) and collection.scored_pairs is not None:
        classes = collection.scored_pairs.classes
        collection = replace(collection, scored_pairs=None)  # experts may be of any task, whatever these pairs are of
    models, settings = dict(load_experts(experts, settings, classifiers, classes)), settings.without_asking()
    alike = {name: read_by(model.tokenizer, collection) is collection for name, model in models.items()}
    as_it_is = SharedTokens(PairTexts(candidates, collection), [models[name] for name in models if alike[name]])
    columns: dict[str, F32] = {}
    reports: dict[str, ScoreReport] = {}
    for name, model in models.items():
        what, shared = f"{description} by {name}", as_it_is if alike[name] else None  # others read their own masks
        if model.contract.form == CLASSES:
            check_passages(settings)
            logits, reports[name] = score_logits(
                model, candidates, collection, settings, description=what, shared=shared
            )
            columns |= dict(zip(columns_of(model.contract, name), logits.T, strict=True))
        else:
            columns[name], reports[name] = score_with_report(
                _plain(model), candidates, collection, settings, description=what, shared=shared
            )
    return columns, reports


def load_experts(
    experts: Mapping[str, CrossEncoder | str | Path],
    settings: ScoringSettings,
    classifiers: Collection[str] = (),
    classes: Sequence[str] = (),
) -> Iterator[tuple[str, CrossEncoder]]:
    """Load experts one after the other: (name, model); of several each is asked as `settings_among` says.

    classifiers: names of experts whose two logits are those of classes. classes: of the task at hand, whose names tell
    its classifiers; see `of_kind`. A model at hand, no folder, is what its contract says, unless it is among the
    classifiers. Raises, before any is loaded, as `check_asked` and `check_classifiers`, and as `of_kind`; for one alone
    as `load_model`.
    """
    check_classifiers(classifiers, experts)
    if len(experts) > 1:
        check_asked(experts.values(), settings)
    for name, expert in experts.items():
        its = settings_among(expert, settings) if len(experts) > 1 else settings
        model = load_model(expert, its, as_classifier=True)
        if isinstance(expert, str | Path) or name in classifiers:
            model = of_kind(model, name, its.relevant_label, is_classifier=name in classifiers, classes=classes)
        yield name, model


def _plain(expert: CrossEncoder) -> CrossEncoder:
    """A ranking expert whose score is its logit, or the margin of two, without a scale; others as they are."""
    from rankdistill.models.contract import ScoreContract

    form = {"probability": "margin"}.get(expert.contract.form, expert.contract.form)
    if form not in ("logit", "margin"):
        return expert
    contract = ScoreContract(form, relevant=expert.contract.relevant)
    return expert if contract == expert.contract else expert.with_model(expert.model, contract)


def check_passages(settings: ScoringSettings) -> None:
    """Raise `UsageError` where a classifier would have to combine windows of a long document."""
    if settings.passages != "first":
        raise UsageError(
            f"a classifier's logits are those of a text's first tokens: passages must be 'first', got "
            f"{settings.passages!r}"
        )


def stored_experts(folder: str | Path) -> dict[str, Expert]:
    """Describe the experts whose scores a folder of parts holds: name -> description; empty where it holds none.

    Raises `DataError` where the list of parts is damaged.
    """
    from rankdistill.models.expert import Expert

    known = made_by(folder).get(EXPERTS, {})
    return {name: Expert.from_facts(facts, str(Path(folder) / LIST)) for name, facts in known.items()}
