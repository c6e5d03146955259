"""Kinds of tasks, one row each: the head that a model needs, how it is trained by default, how it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.evaluate import Evaluation, evaluation
from rankdistill.evaluation.names import DEFAULT_MEASURES, parse_measures

Evaluate = Callable[[Candidates, Candidates, F32, Sequence[str], Conventions], Evaluation]
"""(judgments, candidates, scores, measures, conventions) -> values. The judgments, column "label", are those of the
candidates' queries; scores are a model's, row for row of the candidates; ``conventions.unjudged`` is never "auto"."""


@dataclass(frozen=True)
class Kind:
    """What a kind of task asks of a model, and how it is trained and measured by default."""

    n_logits: int
    """Logits of the head."""
    objective: str
    """Objective of fine-tuning on labels."""
    distillation: str
    """Objective of distillation; ``target`` is the ensemble's score."""
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
        n_logits=1,
        objective="hinge(label)",
        distillation="hinge(label) + pointwise_mse(target) + pairwise_mse(target)",
        measures=DEFAULT_MEASURES,
        check_measures=parse_measures,
        evaluate=evaluate_ranking,
    ),
}
