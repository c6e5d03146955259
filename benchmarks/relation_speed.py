"""What relations between tokens cost in a step of MiniLMv2's distillation, by ours and by plain torch.

Run in the project's root: python -m benchmarks.relation_speed   (--quick: a smoke test, whose numbers say nothing)
A step is the teacher's forward pass up to its last layer's queries, keys and values, the student's to its own, the
loss and the backward pass. Weights and texts are random; all texts of a batch have one length. Plain torch is what one
writes first: a matrix of scores for each head, two softmaxes and `kl_div`. Its loss is held beside ours. The goal is at
most 15 % of a step for the relations. The step without them has the sum of the student's vectors in place of the loss.
Times are CPU seconds, which other programs on the machine change little. bfloat16 is measured where the processor
multiplies it; the relations are float32 all the same, so that their share of a step is larger there.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from cyclopts import Parameter
from torch import Tensor
from torch.nn.functional import kl_div
from transformers import BertConfig, BertForSequenceClassification

from benchmarks.precision import DTYPES
from benchmarks.results import FOLDER, QUICK, Row, run, study
from rankdistill.losses.relations import choose_heads, relations
from rankdistill.models.attention import float32_attention
from rankdistill.models.dropout import fast_dropout
from rankdistill.models.outputs import Outputs, forward
from rankdistill.models.shape import random_model

PACKAGES = ("rankdistill", "torch", "transformers", "numba")
SHAPES = {"12x768 to 6x384": ((12, 768), (6, 384)), "6x384 to 3x384": ((6, 384), (3, 384))}
"""Teacher and student, layers and width."""
LENGTHS = (32, 128)
TOKENS = 2048
"""Of a batch."""
MASK = torch.ones(1, 1, dtype=torch.bool)
Loss = Callable[[Outputs, Outputs], Tensor]


@dataclass(frozen=True)
class Case:
    """A teacher and a student, and a batch for them."""

    teacher: Any
    student: Any
    inputs: dict[str, Tensor]
    dtype: str

    def step(self, loss: Loss) -> tuple[float, float]:
        """CPU seconds of a step, and its loss."""
        self.student.zero_grad()
        started = time.process_time()
        with torch.no_grad():
            its = forward(self.teacher, self.inputs, ("relations",), dtype=self.dtype)
        own = forward(self.student, self.inputs, ("relations",), dtype=self.dtype)
        value = loss(own, its)
        value.backward()
        return time.process_time() - started, float(value.detach())


def case(teacher: tuple[int, int], student: tuple[int, int], length: int, tokens: int, dtype: str) -> Case:
    """Models of random weights, and random words."""
    config = BertConfig(vocab_size=30_522)
    large = BertForSequenceClassification(random_model(config, *teacher).config).eval()
    small = random_model(config, *student, seed=1).train()
    ids = torch.randint(1000, 30_000, (max(1, tokens // length), length), generator=torch.Generator().manual_seed(0))
    return Case(large, small, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, dtype)


def nothing(student: Outputs, teacher: Outputs) -> Tensor:
    assert student.related is not None
    total: Tensor = sum(vectors.float().sum() for vectors in student.related)  # type: ignore[assignment]
    return total


def ours(student: Outputs, teacher: Outputs) -> Tensor:
    return relations(student, teacher, MASK)


def plain(student: Outputs, teacher: Outputs) -> Tensor:
    """The same by torch's operations and its own gradients."""
    assert student.related is not None
    assert teacher.related is not None
    both = list(zip(student.related, teacher.related, strict=True))
    n_heads = choose_heads([(own.shape[-1], its.shape[-1]) for own, its in both])
    total = torch.zeros(())
    for own, its in both:
        scores, targets = (_scores(vectors.float(), n_heads) for vectors in (own, its))
        apart = kl_div(scores.log_softmax(-1), targets.softmax(-1), reduction="none").sum(-1)
        total = total + apart.mean()
    return total


def _scores(vectors: Tensor, n_heads: int) -> Tensor:
    heads = vectors.unflatten(-1, (n_heads, -1)).transpose(1, 2)
    return heads @ heads.transpose(-1, -2) * heads.shape[-1] ** -0.5


def rows(
    shapes: tuple[str, ...], lengths: tuple[int, ...], dtypes: tuple[str, ...], tokens: int, rounds: int
) -> Iterator[Row]:
    """Each case, its steps in turns; the first round warms up."""
    losses: dict[str, Loss] = {"none": nothing, "ours": ours, "plain torch": plain}
    for shape in shapes:
        for length in lengths:
            for dtype in dtypes:
                this = case(*SHAPES[shape], length, tokens, dtype)
                seconds: dict[str, list[float]] = {name: [] for name in losses}
                values: dict[str, float] = {}
                with float32_attention(this.student), fast_dropout(this.student):
                    for _ in range(rounds + 1):
                        for name, loss in losses.items():
                            torch.manual_seed(0)
                            took, values[name] = this.step(loss)
                            seconds[name].append(took)
                took = {name: statistics.median(each[1:]) for name, each in seconds.items()}
                n_tokens = this.inputs["input_ids"].numel()
                for name in ("ours", "plain torch"):
                    extra = took[name] - took["none"]
                    yield {
                        "teacher to student": shape,
                        "tokens of a text": length,
                        "dtype": dtype,
                        "relations by": name,
                        "step, µs a token": round(1e6 * took[name] / n_tokens, 1),
                        "relations, µs a token": round(1e6 * extra / n_tokens, 1),
                        "share of the step, %": round(100 * extra / took[name], 1),
                        "loss": round(values[name], 5),
                    }


def main(
    *,
    shapes: Annotated[tuple[str, ...], Parameter(help="Only these.")] = tuple(SHAPES),
    lengths: Annotated[tuple[int, ...], Parameter(help="Tokens of a text.")] = LENGTHS,
    dtypes: Annotated[tuple[str, ...], Parameter(help="Of the matrix products.")] = DTYPES,
    tokens: Annotated[int, Parameter(help="Of a batch.")] = TOKENS,
    rounds: Annotated[int, Parameter(help="Steps of each kind, of which the median counts.")] = 7,
    quick: Annotated[bool, Parameter(help="One case in float32, 256 tokens, one round.")] = False,
) -> None:
    """Time the steps, print the table as it grows and write the result."""
    if quick:
        shapes, lengths, dtypes, tokens, rounds = ("6x384 to 3x384",), (32,), ("float32",), 256, 1
    table = rows(shapes, lengths, dtypes, tokens, rounds)
    study("relation_speed", table, [0], PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)
