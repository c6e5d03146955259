"""Kinds of tasks, one row each: the head that a model needs, how it is trained by default, how it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.evaluate import Evaluation, evaluation
from rankdistill.evaluation.names import DEFAULT_MEASURES, parse_measures
from rankdistill.tasks.pairs import (
    SIMILARITY_METRICS,
    PairEvaluation,
    check_pair_measures,
    check_similarity_measures,
    evaluate_labels,
)

Evaluate = Callable[[Candidates, Candidates, F32, Sequence[str], Conventions], Evaluation | PairEvaluation]
"""(judgments, candidates, scores, measures, conventions) -> values. The judgments, column "label", are those of the
candidates' queries; scores are a model's, row for row of the candidates; ``conventions.unjudged`` is never "auto"."""


@dataclass(frozen=True)
class Kind:
    """What a kind of task asks of a model, and how it is trained and measured by default."""

    objective: str
    """Objective of fine-tuning on labels; ``{lowest}`` and ``{highest}`` stand for the range of a similarity."""
    distillation: str
    """Objective of distillation; ``target`` is the ensemble's score, ``teacher`` a model beside the student."""
    measures: tuple[str, ...]
    """The first one chooses checkpoints."""
    check_measures: Callable[[Sequence[str]], object]
    """Raises `UnknownNameError` for a measure that the kind does not have."""
    evaluate: Evaluate
    """Turns a model's scores into values of measures."""


def evaluate_ranking(
    judgments: Candidates, candidates: Candidates, scores: F32, measures: Sequence[str], conventions: Conventions
) -> Evaluation:
    """Rank every query's candidates by scores float32 (N,), and measure the ranking as `evaluation` does."""
    run = candidates.only_columns().with_columns(score=scores)
    return evaluation(judgments, run, list(measures), "score", conventions)


KINDS: dict[str, Kind] = {
    "ranking": Kind(
        objective="hinge(label)",
        distillation="hinge(label) + pointwise_mse(target) + pairwise_mse(target)",
        measures=DEFAULT_MEASURES,
        check_measures=parse_measures,
        evaluate=evaluate_ranking,
    ),
    "classification": Kind(
        objective="cross_entropy(label)",
        distillation="kl(target)",
        measures=("accuracy",),
        check_measures=check_pair_measures,
        evaluate=evaluate_labels,
    ),
    "similarity": Kind(
        objective="similarity_mse(label, lowest={lowest}, highest={highest})",
        distillation="similarity_mse(target, lowest={lowest}, highest={highest})",
        measures=SIMILARITY_METRICS,
        check_measures=check_similarity_measures,
        evaluate=evaluate_labels,
    ),
}
"""Source: UEGP eq. 2, 6, 8 and 9, appendix D (docs/papers.md)."""


def objectives(scored: ScoredPairs | None) -> tuple[str, str]:
    """The default objectives, of fine-tuning and of distillation, for scored pairs, or None for a ranking."""
    kind = KINDS[scored.kind if scored else "ranking"]
    bounds = {"lowest": scored.lowest, "highest": scored.highest} if scored else {}
    return kind.objective.format(**bounds), kind.distillation.format(**bounds)
