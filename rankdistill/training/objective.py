"""Objective: the sum of named, weighted losses that a model is trained on, written as people write it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses.registry import Sees, get_loss
from rankdistill.models.companions import heads as new_heads
from rankdistill.models.families import family_of
from rankdistill.models.outputs import OWN, RELATIONS, Outputs, check_reads
from rankdistill.training.distributed import mean_of_all, processes
from rankdistill.training.objective_text import terms_of
from rankdistill.training.terms import TEACHER, Term, logit_columns


@dataclass(frozen=True)
class ListOutputs:
    """What a model gave for a batch of lists."""

    logits: Mapping[str, Tensor]
    """Head -> float32 (Q, C, n_logits); `OWN` is the model's own; none where no term reads what the layers end in."""
    insides: Sequence[Outputs] = ()
    """Of each part of the batch, where a term compares insides; of all pairs at once where one needs that."""
    masked: Tensor | None = None
    """The loss of the masked language model, where a term is that."""
    is_share: bool = True
    """Whether the pairs of the insides are a share of the batch: a process that has none passes one of another's."""


VIEWS: dict[Sees, Callable[[ListOutputs, str], Any]] = {
    "scores": lambda outputs, head: ranking_scores(outputs.logits[head]),
    "logits": lambda outputs, head: outputs.logits[head],
    "insides": lambda outputs, head: outputs.insides[0],
    "parts": lambda outputs, head: outputs.insides,
    "masked": lambda outputs, head: outputs.masked,
}
"""What a loss sees of a model's outputs, by a head of it."""


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
        return cls(terms_of(text))

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
        """Whether a term compares the insides of the student and the teacher."""
        return any(get_loss(term.loss).needs_states for term in self.terms)

    @property
    def sees_all_at_once(self) -> bool:
        """Whether a term sees all pairs' outputs at once, so that a batch is not split into parts."""
        return any(get_loss(term.loss).sees == "insides" for term in self.terms)

    @property
    def reads_teacher_logits(self) -> bool:
        """Whether a term learns from the logits of a teacher that runs beside the student."""
        return any(term.targets == TEACHER and "logits" in get_loss(term.loss).reads for term in self.terms)

    @property
    def reads_relations_alone(self) -> bool:
        """Whether no term depends on what the last layer gives, so that neither it nor the head is trained."""
        return self.reads == [RELATIONS]

    def teacher_layer(self, n_layers: int) -> int:
        """The layer of a teacher of so many whose `RELATIONS` a term reads, from 0; the last where none does."""
        for term in self.terms:
            choose = get_loss(term.loss).teacher_layer
            if choose is not None:
                return choose(n_layers, term.settings.get("layer"))
        return n_layers - 1

    @property
    def masking(self) -> Term | None:
        """The term that is a masked language model's, where there is one."""
        return next((term for term in self.terms if get_loss(term.loss).sees == "masked"), None)

    @property
    def reads_masked(self) -> bool:
        """Whether all terms read the text with tokens masked: they are asked to, or there is no other term."""
        masking = self.masking
        return masking is not None and (bool(masking.settings.get("shared", False)) or len(self.terms) == 1)

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

    def told(self, student: Any, teacher: Any | None) -> list[str]:
        """What the terms take of these transformers models where their settings leave it open, a line each."""
        tells = [(get_loss(term.loss).told, term) for term in self.terms]
        return [f"{term}: {tell(student, teacher, **term.settings)}" for tell, term in tells if tell and teacher]

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
    labels, seen = columns[term.labels] if term.labels else None, view(student, term.head)
    value = loss.function(seen, targets, mask, labels=labels, **term.settings)
    if loss.counts is None or processes()[1] == 1:
        return value
    return mean_of_all(value, loss.counts(seen) if student.is_share else 0)
