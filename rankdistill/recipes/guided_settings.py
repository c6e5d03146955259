"""GuidedSettings: how a model is guided by experts, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from rankdistill.data import Candidates
from rankdistill.errors import UsageError
from rankdistill.losses.limits import Check, number, one_of, whole
from rankdistill.training import TrainingSettings
from rankdistill.training.terms import WEIGHTS

Terms = Literal["kd+mlm", "kd", "mlm"]
KDReads = Literal["plain", "masked"]
GUIDED = TrainingSettings(
    learning_rate=5e-5,
    lists_per_batch=200,
    max_steps=2000,
    epochs=1,
    lr_scheduler_type="polynomial",
    weight_decay=0.0,
    save_steps=500,
)
"""UEGP's settings, appendix B: 5e-5, batch 200, linear warm-up, polynomial decay. Its 1,000 warm-up steps are a share
of the updates here, so that they scale with the length of a training, which the paper does not state."""


@dataclass(frozen=True)
class GuidedSettings:
    """How a model is guided by experts; raises `UsageError` for a setting that has no effect on the terms."""

    guided_steps: int = GUIDED.max_steps
    """Updates of the guided pre-training, which passes over the pairs as often as they need."""
    guided_learning_rate: float = GUIDED.learning_rate
    """Highest learning rate of the guided pre-training."""
    guided_warmup_ratio: float = GUIDED.warmup_ratio
    """Share of the updates in which its learning rate rises; then it decays, by a polynomial of degree 1, to 0."""
    guided_batch: int = GUIDED.lists_per_batch
    """Pairs between two updates of it; of lists, as many lists as hold no more pairs, or one."""
    guided_list_size: int = 0
    """Candidates of a list that are read together, drawn anew in every pass; 0 for whole lists. guided_batch at
    most."""
    guided_save_steps: int = GUIDED.save_steps
    """Updates between two checkpoints of it, from which a killed training resumes; 0 for none."""
    terms: Terms = "kd+mlm"
    """What is learned: the experts' scores (kd), the language (mlm), or both."""
    expert_weights: tuple[float, ...] = ()
    """Weight of each expert's term, in the order of the experts. Empty: 1 for all."""
    mlm_weight: float = 1.0
    """Weight of the masked language model's term."""
    kd_reads: KDReads = "plain"
    """What the student reads while it learns the experts' scores: the pair as it is, or the one with tokens masked,
    which saves a forward pass."""
    head_steps: int = 500
    """Updates of the masked language model's head alone, where the base has none."""
    keep_steps: tuple[int, ...] = ()
    """Updates after which the guided model is kept, as guided/steps/UPDATES: models to fine-tune, for a curve over the
    length of the training."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep_steps", tuple(sorted(set(self.keep_steps or ()))))
        object.__setattr__(self, "expert_weights", tuple(self.expert_weights or ()))
        for name, check in LIMITS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        for weight in self.expert_weights:
            WEIGHTS("an expert's weight", weight)
        if given := [name for name in UNUSED[self.terms] if getattr(self, name) != getattr(GuidedSettings, name)]:
            learned = "the experts' scores" if self.terms == "kd" else "the language"
            raise UsageError(
                f"terms {self.terms!r} are {learned} alone, which {', '.join(given)} would not change: leave "
                f"{'it' if len(given) == 1 else 'them'} out, or take terms 'kd+mlm'"
            )
        if self.keep_steps and not 1 <= self.keep_steps[0] <= self.keep_steps[-1] <= self.guided_steps:
            raise UsageError(
                f"keep_steps must be from 1 to the {self.guided_steps:,} guided_steps, got "
                f"{', '.join(map(str, self.keep_steps))}"
            )

    def with_terms(self, terms: Terms) -> GuidedSettings:
        """The same settings for other terms; what these have no use for is as it is by default."""
        unused = {name: getattr(GuidedSettings, name) for name in UNUSED.get(terms, ())}
        return replace(self, terms=terms, **unused)

    def training(
        self, settings: TrainingSettings, lists: Candidates, steps: int | None = None, *, compared: bool = False
    ) -> TrainingSettings:
        """The settings of the guided pre-training on these lists; seed, dtype and logs are those of ``settings``.

        steps: updates (None: ``guided_steps``). compared: whether a term compares the candidates of a list, so that
        lists of one are left out.
        """
        steps, sizes = steps or self.guided_steps, np.diff(lists.offsets)
        sizes = sizes[sizes >= (2 if compared else 1)]
        longest = int(sizes.max(initial=1))
        size = min(longest, self.guided_list_size or longest, max(self.guided_batch, 2))
        lists_per_batch = max(1, self.guided_batch // size)
        return replace(
            GUIDED,
            epochs=-(-steps * lists_per_batch // max(1, len(sizes))),
            max_steps=steps,
            warmup_ratio=self.guided_warmup_ratio,
            learning_rate=self.guided_learning_rate,
            lists_per_batch=lists_per_batch,
            list_size=max(2, size),
            seed=settings.seed,
            dtype=settings.dtype,
            save_steps=self.guided_save_steps,
            logging_steps=settings.logging_steps,
        )


LIMITS: dict[str, Check] = {
    "guided_steps": whole(1, 1_000_000_000),
    "guided_learning_rate": number(0, 1, above=True),
    "guided_warmup_ratio": number(0, 1),
    "guided_batch": whole(1, 1_000_000),
    "guided_list_size": whole(2, 1_000_000, also=(0,)),
    "guided_save_steps": whole(0, 1_000_000_000),
    "terms": one_of("terms of guided pre-training", get_args(Terms)),
    "mlm_weight": WEIGHTS,
    "kd_reads": one_of("text that the student reads", get_args(KDReads)),
    "head_steps": whole(0, 1_000_000_000),
}
"""Every setting that is a number or one of some names -> the values that it may have."""
UNUSED: dict[Terms, tuple[str, ...]] = {
    "kd+mlm": (),
    "kd": ("mlm_weight", "kd_reads", "head_steps"),
    "mlm": ("expert_weights", "kd_reads"),
}
"""Terms -> the settings that they have no use for."""
