"""Objective: the sum of named, weighted losses that a model is trained on, written as people write it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses import get_loss
from rankdistill.losses.insides import LAYER_MAPS
from rankdistill.models.states import States

TEACHER = "teacher"
"""The target that a teacher gives online, batch by batch, rather than a column of the candidates."""
FORM = "a sum such as 'hinge(label) + 0.5*pairwise_mse(pile)', or with settings 'margin_mse(pile, label)'"


@dataclass(frozen=True)
class Term:
    """One loss over the columns it reads: ``targets`` (a teacher's or an ensemble's scores) and/or ``labels``."""

    loss: str
    targets: str | None = None
    labels: str | None = None
    weight: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How the term is logged: ``hinge(label)``."""
        return f"{self.loss}({', '.join(column for column in (self.targets, self.labels) if column)})"

    def __str__(self) -> str:
        """How the term is written, its settings and weight too."""
        said = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return ("" if self.weight == 1 else f"{self.weight:g}*") + f"{self.name[:-1]}{said})"


@dataclass(frozen=True)
class Objective:
    """A weighted sum of losses over candidate lists; every term's value is reported beside the sum."""

    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read an objective such as ``hinge(label) + 0.5*pairwise_mse(pile)``.

        A loss that fits a teacher takes the column of targets first, and one that needs labels too takes theirs
        second: ``margin_mse(pile, label)``. Settings are named: ``hinge(label, margin=0.5)``. Raises `UsageError`.
        """
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise UsageError(f"got objective {text!r}, expected {FORM}") from error
        terms = tuple(_terms(tree, text, 1.0))
        names = [term.name for term in terms]
        if len(set(names)) < len(names):
            raise UsageError(f"objective {text!r} names a term twice; add their weights instead")
        return cls(terms)

    @property
    def columns(self) -> list[str]:
        """Columns of the candidates that the terms read."""
        named = {column for term in self.terms for column in (term.targets, term.labels) if column}
        return sorted(named - {TEACHER})

    @property
    def needs_teacher(self) -> bool:
        """Whether a term learns from a teacher that runs beside the student."""
        return any(term.targets == TEACHER for term in self.terms)

    @property
    def needs_states(self) -> bool:
        """Whether a term compares the insides of student and teacher."""
        return any(get_loss(term.loss).needs_states for term in self.terms)

    @property
    def only_labels(self) -> bool:
        """Whether every term reads labels, so that a list without a pair of different ones teaches nothing."""
        return all(term.labels for term in self.terms)

    @property
    def label_columns(self) -> list[str]:
        return sorted({term.labels for term in self.terms if term.labels})

    def __str__(self) -> str:
        return " + ".join(map(str, self.terms))

    def check_logits(self, n_logits: int, whose: str = "this one") -> None:
        """Raise `UsageError` where a term needs more logits than the model has."""
        for term in self.terms:
            needed = get_loss(term.loss).n_logits
            if needed > n_logits:
                raise UsageError(
                    f"{term.loss} needs a model with {needed} logits, {whose} has {n_logits}: "
                    f"make it with n_logits={needed}, or choose another loss"
                )

    def __call__(
        self,
        scores: Tensor,
        logits: Tensor,
        columns: Mapping[str, Tensor],
        mask: Tensor,
        teacher_logits: Tensor | None = None,
        states: tuple[States, States] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the weighted sum and each term's own unweighted value.

        scores: (Q, C), what the model ranks by. logits: (Q, C, n_logits). columns: name -> (Q, C), NaN = missing; the
        teacher's scores among them where a term learns from it. mask: bool (Q, C). teacher_logits: (Q, C, n_logits).
        states: the student's and the teacher's, for terms that compare them.
        """
        values = {}
        for term in self.terms:
            loss = get_loss(term.loss)
            if loss.needs_states:
                assert states is not None, "the trainer records states where a term needs them"
                values[term.name] = loss.function(*states, **term.settings)
                continue
            targets = columns[term.targets] if term.targets else None
            if loss.n_logits > 1 and term.targets == TEACHER:
                targets = teacher_logits
            values[term.name] = loss.function(
                logits if loss.n_logits > 1 else scores,
                targets,
                mask,
                labels=columns[term.labels] if term.labels else None,
                **term.settings,
            )
        total = sum(term.weight * values[term.name] for term in self.terms)
        return total, values  # type: ignore[return-value]  # there is at least one term


def _terms(node: ast.expr, text: str, weight: float) -> list[Term]:
    """The terms of a parsed sum; products may carry a number on either side."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _terms(node.left, text, weight) + _terms(node.right, text, weight)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for number, rest in ((node.left, node.right), (node.right, node.left)):
            if isinstance(number, ast.Constant) and isinstance(number.value, int | float):
                return _terms(rest, text, weight * number.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and weight > 0:
        loss = get_loss(node.func.id)
        roles = [role for role, needed in (("targets", loss.needs_targets), ("labels", loss.needs_labels)) if needed]
        columns = [_column(argument, text) for argument in node.args]
        if len(columns) != len(roles):
            raise UsageError(f"{node.func.id} takes {len(roles)} columns ({', '.join(roles)}), got {len(columns)}")
        if loss.needs_states and columns != [TEACHER]:
            raise UsageError(
                f"{node.func.id} compares insides, which only a teacher has: write {node.func.id}(teacher)"
            )
        if loss.n_logits > 1 and loss.needs_targets and columns[0] != TEACHER:
            raise UsageError(
                f"{node.func.id} fits the logits of a teacher beside the student: write {node.func.id}(teacher); a "
                "column holds scores, which soft_bce fits"
            )
        settings = {keyword.arg: _constant(keyword.value, text) for keyword in node.keywords if keyword.arg}
        for name, value in settings.items():
            if name not in loss.settings:
                raise UnknownNameError(f"setting of {node.func.id}", name, loss.settings)
            if name == "layers" and isinstance(value, str) and value not in LAYER_MAPS:
                raise UnknownNameError("map of layers", value, LAYER_MAPS)
        return [Term(node.func.id, weight=weight, settings=settings, **dict(zip(roles, columns, strict=True)))]
    raise UsageError(f"got {ast.unparse(node)!r} in objective {text!r}, expected {FORM}, weights above 0")


def _column(node: ast.expr, text: str) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise UsageError(f"got {ast.unparse(node)!r} as a column in objective {text!r}, expected a name")


def _constant(node: ast.expr, text: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise UsageError(f"got {ast.unparse(node)!r} as a setting in objective {text!r}, expected a value") from error
