"""Objective: the sum of named, weighted losses that a model is trained on, written as people write it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses.limits import number, shown
from rankdistill.losses.registry import Sees, get_loss
from rankdistill.losses.settings import checked
from rankdistill.models.companions import heads as new_heads
from rankdistill.models.families import family_of
from rankdistill.models.outputs import OWN, Outputs, check_reads

TEACHER = "teacher"
"""The target that a teacher gives online, batch by batch, rather than a column of the candidates."""
LONGEST = 2000
"""Characters of an objective."""
WEIGHTS = number(1e-9, 1e9)
STAND_IN = "_lambda_loss_"
"""What `lambda` is read as."""
SYNTAX = "a sum such as 'hinge(label) + 0.5*pairwise_mse(pile)', or with settings 'margin_mse(pile, label)'"


@dataclass(frozen=True)
class ListOutputs:
    """What a model gave for a batch of lists."""

    logits: Mapping[str, Tensor]
    """Head -> float32 (Q, C, n_logits); `OWN` is the model's own."""
    insides: Outputs | None = None
    """Of all pairs at once, where a term compares insides."""
    masked: Tensor | None = None
    """The loss of the masked language model, where a term is that."""


VIEWS: dict[Sees, Callable[[ListOutputs, str], Any]] = {
    "scores": lambda outputs, head: ranking_scores(outputs.logits[head]),
    "logits": lambda outputs, head: outputs.logits[head],
    "insides": lambda outputs, head: outputs.insides,
    "masked": lambda outputs, head: outputs.masked,
}
"""What a loss sees of a model's outputs, by a head of it."""


@dataclass(frozen=True)
class Term:
    """One loss over the columns it reads: ``targets`` (a teacher's or an ensemble's scores) and/or ``labels``.

    head: the head that is trained, one of its own beside the student; `OWN` for the student's own. Raises
    `UnknownNameError` for a loss or setting that does not exist, `UsageError` for values that cannot be meant.
    """

    loss: str
    targets: str | None = None
    labels: str | None = None
    weight: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    head: str = OWN

    def __post_init__(self) -> None:
        settings = checked(self.loss, get_loss(self.loss).function, self.settings, others=("head",))
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "weight", WEIGHTS(f"the weight of {self.name}", self.weight))
        if self.labels == TEACHER:
            raise UsageError(
                f"{self.loss} learns from a column of labels, or of scores in their place, and {TEACHER!r} is the "
                "model beside the student: name the column of its scores, such as t1"
            )

    @property
    def fits_logits(self) -> bool:
        """Whether its targets are a classifier's logits."""
        return get_loss(self.loss).sees == "logits" and get_loss(self.loss).needs_targets

    @property
    def name(self) -> str:
        """The term as it is logged: ``hinge(label)``, ``pointwise_mse(t1, head=t1)``."""
        read = [column for column in (self.targets, self.labels) if column]
        return f"{self.loss}({', '.join(read + ([f'head={self.head}'] if self.head != OWN else []))})"

    def __str__(self) -> str:
        """The term as it is written, with its settings and weight."""
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        inside = f"{self.name[len(self.loss) + 1 : -1]}{settings}".removeprefix(", ")
        return ("" if self.weight == 1 else f"{_written(self.weight)}*") + f"{self.loss}({inside})"


@dataclass(frozen=True)
class Objective:
    """A weighted sum of losses over candidate lists; every term's value is reported beside the sum."""

    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read an objective such as ``hinge(label) + 0.5*pairwise_mse(pile)``.

        A loss that fits a teacher takes the column of targets first, and one that needs labels too takes theirs
        second: ``margin_mse(pile, label)``. Settings are named: ``hinge(label, margin=0.5)``. ``head=NAME`` trains a
        head of its own beside the student, which is dropped at the end: ``pointwise_mse(t1, head=t1)``.
        Raises `UsageError`.
        """
        tree = _tree(text)
        terms = tuple(_terms(tree, text, 1.0))
        names = [term.name for term in terms]
        if len(set(names)) < len(names):
            raise UsageError(f"objective {text!r} names a term twice; add their weights instead")
        return cls(terms)

    def __str__(self) -> str:
        """The objective as it is written."""
        return " + ".join(map(str, self.terms))

    # -- what it reads -------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """Columns of the candidates that the terms read."""
        named = {column for term in self.terms for column in (term.targets, term.labels) if column}
        return sorted(named - {TEACHER})

    def read_columns(self, known: Iterable[str]) -> list[str]:
        """The columns that the terms read, of those ``known``: of a classifier, each logit's, see `logit_columns`.

        Raises `UnknownNameError` where one is missing.
        """
        known = list(known)
        read = set(self.label_columns)
        for term in self.terms:
            if not term.targets or term.targets == TEACHER:
                continue
            names = logit_columns(term.targets, known) if term.fits_logits else [term.targets]
            if names[0] not in known and term.targets in known:
                raise UsageError(
                    f"{term.loss} fits a classifier's logits, and the column {term.targets!r} holds scores alone: "
                    f"write {term.loss}(teacher), for a teacher that runs beside the student"
                )
            read.update(names)
        for name in sorted(read):
            if name not in known:
                raise UnknownNameError(f"column of the objective {self}", name, known)
        return sorted(read)

    @property
    def label_columns(self) -> list[str]:
        """Columns of labels among them."""
        return sorted({term.labels for term in self.terms if term.labels})

    @property
    def only_labels(self) -> bool:
        """Whether every term reads labels, so that a list without a pair of different ones teaches nothing."""
        return all(term.labels for term in self.terms)

    @property
    def compares(self) -> bool:
        """Whether a term compares the candidates of a list, so that lists of one teach it nothing."""
        return any(get_loss(term.loss).compares for term in self.terms)

    @property
    def needs_teacher(self) -> bool:
        """Whether a term learns from a teacher that runs beside the student."""
        return any(term.targets == TEACHER for term in self.terms)

    @property
    def reads(self) -> list[str]:
        """What the terms read of a forward pass: names of `rankdistill.models.outputs.READS`."""
        return sorted({name for term in self.terms for name in get_loss(term.loss).reads})

    @property
    def compares_insides(self) -> bool:
        """Whether a term sees all pairs' outputs at once."""
        return any(get_loss(term.loss).needs_states for term in self.terms)

    @property
    def masking(self) -> Term | None:
        """The term that is a masked language model's, where there is one."""
        return next((term for term in self.terms if get_loss(term.loss).sees == "masked"), None)

    @property
    def heads(self) -> list[str]:
        """Heads beside the student's own."""
        return list(dict.fromkeys(term.head for term in self.terms if term.head != OWN))

    def head_sizes(self, columns: Iterable[str] = ()) -> dict[str, int]:
        """Heads beside the student's own -> their number of logits: as many as the columns that a term fits have."""
        columns = list(columns)
        sizes: dict[str, int] = {}
        for term in self.terms:
            if term.head != OWN:
                fits = len(logit_columns(term.targets, columns)) if term.targets and term.fits_logits else 0
                sizes[term.head] = max(sizes.get(term.head, 0), fits, get_loss(term.loss).n_logits)
        return sizes

    @property
    def trains_own_head(self) -> bool:
        """Whether a term depends on the student's own logits."""
        return any(term.head == OWN and "logits" in get_loss(term.loss).reads for term in self.terms)

    # -- what it asks of models ----------------------------------------------------------------------------------------

    def check_logits(self, n_logits: int, *, of_teacher: bool = False) -> None:
        """Raise `UsageError` where a term needs more logits than the student's own head has, or the teacher's."""
        for term in self.terms:
            needed = get_loss(term.loss).n_logits
            reads_it = term.targets == TEACHER if of_teacher else term.head == OWN
            if reads_it and needed > n_logits:
                whose = "the teacher" if of_teacher else "this one"
                raise UsageError(
                    f"{term.loss} needs a model with {needed} logits, {whose} has {n_logits}: "
                    f"make it with n_logits={needed}, or choose another loss"
                )

    def check_models(self, student: Any, teacher: Any | None) -> None:
        """Raise where a term cannot be computed for these transformers models, the teacher being one beside.

        `UsageError` for heads, logits or layers that do not fit, `DataError` for families that cannot be compared.
        """
        self.check_logits(student.config.num_labels)
        if teacher is not None:
            self.check_logits(teacher.config.num_labels, of_teacher=True)
        for model in (student, teacher):
            if model is not None:
                check_reads(family_of(model), self.reads)
        for term in self.terms:
            check = get_loss(term.loss).check
            if check is not None and teacher is not None:
                check(student, teacher, **term.settings)
        self.companions(student, teacher)  # which refuses layers that cannot be mapped

    def check_columns(self, columns: Iterable[str]) -> None:
        """Raise `UnknownNameError` where a term reads a column that is not among these."""
        self.read_columns(columns)

    def companions(
        self, student: Any, teacher: Any | None, columns: Iterable[str] = ()
    ) -> dict[str, Callable[[], nn.Module]]:
        """What makes the modules that are trained beside the student: the terms' projections, and further heads.

        columns: of the candidates, whose logits some heads fit.
        """
        modules = new_heads(student, self.head_sizes(columns))
        for term in self.terms:
            brings = get_loss(term.loss).companions
            if brings is not None and teacher is not None:
                modules |= brings(student.config, teacher.config, **term.settings)
        return modules

    # -- its value -----------------------------------------------------------------------------------------------------

    def __call__(
        self, student: ListOutputs, columns: Mapping[str, Tensor], mask: Tensor, teacher: ListOutputs | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the weighted sum and each term's own unweighted value.

        columns: name -> float (Q, C), NaN = missing. mask: bool (Q, C). teacher: of the model beside the student, where
        a term learns from it.
        """
        values = {term.name: _value(term, student, columns, mask, teacher) for term in self.terms}
        total = sum(term.weight * values[term.name] for term in self.terms)
        return total, values  # type: ignore[return-value]  # there is at least one term


def logit_columns(name: str, columns: Iterable[str]) -> list[str]:
    """The columns of a classifier's logits, in their order: ``rte.0``, ``rte.1`` ... for the name ``rte``.

    Where there are none, the first of them, which stands for what is missing.
    """
    there = set(columns)
    found: list[str] = []
    while f"{name}.{len(found)}" in there:
        found.append(f"{name}.{len(found)}")
    return found or [f"{name}.0"]


def ranking_scores(logits: Tensor) -> Tensor:
    """What losses over scores see, (Q, C), of logits (Q, C, n_logits): the logit itself, or P(relevant) of two logits.

    A contract's sigmoid and scale are left out: training on what is before them keeps gradients from vanishing.
    Source for two logits: PD-BERT §3.1.2 (docs/papers.md).
    """
    return logits[..., 0] if logits.shape[-1] == 1 else logits.softmax(-1)[..., 1]


def _value(
    term: Term, student: ListOutputs, columns: Mapping[str, Tensor], mask: Tensor, teacher: ListOutputs | None
) -> Tensor:
    loss = get_loss(term.loss)
    view = VIEWS[loss.sees]
    targets: Any = None
    if term.targets and term.targets != TEACHER:
        names = logit_columns(term.targets, columns) if term.fits_logits else []
        targets = torch.stack([columns[name] for name in names], dim=-1) if names else columns[term.targets]
    if term.targets == TEACHER:
        if teacher is None:
            raise UsageError(f"{term} learns from a teacher that runs beside the student, got none")
        targets = view(teacher, OWN)
    labels = columns[term.labels] if term.labels else None
    return loss.function(view(student, term.head), targets, mask, labels=labels, **term.settings)


def _written(weight: float) -> str:
    """Write a weight in few digits where they say it exactly."""
    short = f"{weight:g}"
    return short if float(short) == weight else repr(weight)


# -- parsing -----------------------------------------------------------------------------------------------------------


def _tree(text: str) -> ast.expr:
    """Parse an expression. Raises `UsageError` for what is none, and for what is too long or too deep to be meant."""
    if len(text) > LONGEST:
        raise UsageError(f"got an objective of {len(text):,} characters, expected at most {LONGEST:,}: {SYNTAX}")
    # `lambda` is a loss here and a keyword of Python's, whose grammar this is; quoted names are left alone
    named = re.sub(r"""('[^']*'|"[^"]*")|\blambda\b""", lambda match: match[1] or STAND_IN, text.strip())
    try:
        return ast.parse(named, mode="eval").body
    except SyntaxError as error:
        why = f" ({error.msg})" if "digits" in error.msg else ""
        raise UsageError(f"got objective {text!r}{why}, expected {SYNTAX}") from error
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL character; parentheses in parentheses
        raise UsageError(f"got objective {text!r}, which is too deep or no text, expected {SYNTAX}") from error


def _terms(node: ast.expr, text: str, weight: float) -> list[Term]:
    """The terms of a parsed sum; products may carry a number on either side."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _terms(node.left, text, weight) + _terms(node.right, text, weight)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for number, rest in ((node.left, node.right), (node.right, node.left)):
            if isinstance(number, ast.Constant) and not isinstance(rest, ast.Constant):
                return _terms(rest, text, weight * WEIGHTS("a weight", number.value))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return [_term(_as_written(node.func.id), node, text, weight)]
    raise UsageError(f"got {_shown(node)} in objective {text!r}, expected {SYNTAX}, weights above 0")


def _term(name: str, node: ast.Call, text: str, weight: float) -> Term:
    loss = get_loss(name)
    roles = [role for role, needed in (("targets", loss.needs_targets), ("labels", loss.needs_labels)) if needed]
    columns = [_name(argument, text) for argument in node.args]
    if len(columns) != len(roles):
        example = f"{name}({', '.join('target' if role == 'targets' else 'label' for role in roles)})"
        raise UsageError(
            f"{name} takes {len(roles)} column{'s' * (len(roles) != 1)}, the {' and the '.join(roles)}, got "
            f"{len(columns)}: write {example}"
        )
    if loss.sees == "insides" and loss.needs_targets and columns[0] != TEACHER:
        raise UsageError(
            f"{name} fits the {loss.sees} of a teacher beside the student: write {name}(teacher); a column holds "
            "scores alone"
        )
    named: dict[str, ast.expr] = {}
    for keyword in node.keywords:
        setting = _as_written(keyword.arg) if keyword.arg else None
        if setting is None or setting in named:
            given = f"{setting} twice" if setting else f"**{_shown(keyword.value)}"
            raise UsageError(f"got {given} in {name} of objective {text!r}, expected each setting once, by its name")
        named[setting] = keyword.value
    head = _name(named.pop("head"), text) if "head" in named else OWN
    if head != OWN and not head.isidentifier():
        raise UsageError(f"got head={head!r} in objective {text!r}, expected a name of letters, digits and underscores")
    if head != OWN and loss.needs_states:
        raise UsageError(f"{name} compares insides, which no head changes: leave head={head} out")
    settings = {setting: _constant(value, text) for setting, value in named.items()}
    return Term(name, weight=weight, settings=settings, head=head, **dict(zip(roles, columns, strict=True)))


def _name(node: ast.expr, text: str) -> str:
    if isinstance(node, ast.Name):
        return _as_written(node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise UsageError(f"got {_shown(node)} in objective {text!r}, expected the name of a column or head")


def _constant(node: ast.expr, text: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise UsageError(f"got {_shown(node)} as a setting in objective {text!r}, expected a value") from error


def _as_written(name: str) -> str:
    return "lambda" if name == STAND_IN else name


def _shown(node: ast.expr) -> str:
    """A part of the objective as it was written, for a message."""
    try:
        return shown(ast.unparse(node).replace(STAND_IN, "lambda"))
    except (ValueError, RecursionError):
        return "a part that is too long"
