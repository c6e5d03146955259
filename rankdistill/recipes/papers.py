"""The papers' recipes for ranking students, by name: objective, ensemble, head and settings.

Each part can be overridden. Sources are entries of docs/papers.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rankdistill.errors import UnknownNameError
from rankdistill.recipes.stages import FirstStage
from rankdistill.tasks import KINDS

INSIDES = "attention_mse(teacher) + hidden_mse(teacher) + embedding_mse(teacher)"
INSIDES_OF_A_PAIR = "2*attention_mse(teacher) + 2*hidden_mse(teacher) + 2*embedding_mse(teacher)"
"""Weights beside a loss of pairs: the papers sum over a pair's two documents, these losses take the mean."""
ENSEMBLED = KINDS["ranking"].distillation


@dataclass(frozen=True)
class Recipe:
    """What a recipe trains with, and when to use it."""

    objective: str
    """``target`` is the ensemble's score, ``teacher`` a model that runs beside the student, ``label`` the labels."""
    source: str
    """Paper and equation."""
    when: str
    needs: Literal["teachers", "one teacher model", "labels"]
    """Of labels alone: `finetune` follows it."""
    method: Literal["single", "mean", "pile"] = "pile"
    """How teachers are ensembled, where the objective has a ``target``."""
    n_logits: int = 1
    """Logits of the student's head, and of a teacher beside it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Values of `TrainingSettings`, as in the paper."""
    first: FirstStage = field(default_factory=FirstStage)
    """What is learned from labels before the teachers are."""
    start: Mapping[str, Any] = field(default_factory=dict)
    """What a student starts from: values of `StartSettings` and `StudentSettings`."""

    @property
    def options(self) -> dict[str, Any]:
        """Values of the command's options, by their names, for those that are not given otherwise."""
        values: dict[str, Any] = {"objective": self.objective, **self.settings, **self.start}
        if self.needs != "labels":
            values["method"] = self.method
        if self.first.first_objective:
            values |= asdict(self.first)
        return {name.replace("_", "-"): value for name, value in values.items()}


PILE_SETTINGS = {"adam_beta2": 0.99, "weight_decay": 0.0, "learning_rate": 2e-5, "list_size": 8, "lists_per_batch": 128}
PAIRS = {"list_size": 2, "lists_per_batch": 16}
FIRST_STAGE = FirstStage("infonce(label)", first_list_size=8, first_relevant_share=1 / 8)
RANK_DISTILLM = {"draw": "whole", "epochs": 3, "learning_rate": 1e-5, "lists_per_batch": 4}
"""A list is the first stage's 100 candidates, so a batch holds few of them."""
MINILM = {
    "draw": "each",
    "lists_per_batch": 256,
    "epochs": 10,
    "max_steps": 400_000,
    "learning_rate": 6e-4,
    "warmup_ratio": 0.01,
    "weight_decay": 0.01,
    "save_steps": 500,
}
"""MiniLMv2's batch, rate, schedule and updates; on a small corpus the passes over it end the training before them."""
GROUPS = {"list_size": 8, "relevant_share": 1 / 8}
RECIPES: dict[str, Recipe] = {
    "single-kd": Recipe(
        ENSEMBLED, "PILE §4.2, UEGP eq. 8 and 9", "there is one teacher", "teachers", "single", settings=PILE_SETTINGS
    ),
    "ae-kd": Recipe(
        ENSEMBLED, "PILE §4.2 (AE-KD)", "several teachers of one kind", "teachers", "mean", settings=PILE_SETTINGS
    ),
    "pile": Recipe(
        ENSEMBLED, "PILE §3.3", "several teachers that err apart, and labels", "teachers", settings=PILE_SETTINGS
    ),
    "margin-mse": Recipe(
        "margin_mse(target, label)",
        "Hofstätter et al. 2020, eq. 5",
        "labels say which pairs matter; any teacher, a run too",
        "teachers",
        "single",
        settings=PAIRS,
    ),
    "rank-distillm": Recipe(
        "ranknet_order(target)",
        "Schlatt et al. 2025, both stages",
        "a strong listwise teacher's order of whole lists, and labels to start from",
        "teachers",
        "single",
        settings=RANK_DISTILLM,
        first=FIRST_STAGE,
    ),
    "adr-mse": Recipe(
        "adr_mse(target)",
        "Schlatt et al. 2025, ADR-MSE, both stages",
        "as rank-distillm, with ranks in place of pairs",
        "teachers",
        "single",
        settings=RANK_DISTILLM,
        first=FIRST_STAGE,
    ),
    "raw-mse": Recipe(
        "pointwise_mse(target)",
        "the Ettin re-rankers, 2026",
        "a teacher far larger than the student, its logits unscaled, and many queries",
        "teachers",
        "single",
        settings={
            "list_size": 64,
            "relevant_share": 1 / 64,
            "draw": "hardest",
            "lists_per_batch": 2,
            "warmup_ratio": 0.03,
            "learning_rate": 1.2e-4,
        },
    ),
    "kl": Recipe(
        "kl_list(target, temperature=1.0, teacher_temperature=2.0)",
        "Tevatron 3",
        "a teacher whose scores spread wider than the student's",
        "teachers",
        "single",
        settings=GROUPS,
    ),
    "ce+kl": Recipe(
        "infonce(label) + kl_list(target)",
        "FlagEmbedding",
        "labels that are trusted as much as the teacher",
        "teachers",
        "single",
        settings=GROUPS,
    ),
    "infonce": Recipe(
        "infonce(label)",
        "Gao et al. 2021; Schlatt et al. 2025, first stage",
        "labels alone, one relevant document a query",
        "labels",
        settings={**GROUPS, "learning_rate": 1e-5},
    ),
    "gbce": Recipe(
        "gbce(label)",
        "Petrov et al. 2024",
        "labels alone, a shallow student, candidates of a first stage's 1000",
        "labels",
        settings={"list_size": 129, "relevant_share": 1 / 129, "lists_per_batch": 1, "learning_rate": 1e-5},
    ),
    "pd-bert": Recipe(
        "hinge(label) + 2*soft_cross_entropy(teacher)",
        "PD-BERT eq. 6",
        "one teacher of two logits; simple and strong",
        "one teacher model",
        n_logits=2,
        settings=PAIRS,
    ),
    "pd-bert-one-logit": Recipe(
        "hinge(label) + 2*soft_bce(teacher)",
        "PD-BERT eq. 6, a score s as the logits (0, s); the hinge is on s",
        "as pd-bert, where models have one logit",
        "one teacher model",
        settings=PAIRS,
    ),
    "stinybert": Recipe(
        f"cross_entropy(label) + soft_cross_entropy(teacher) + {INSIDES}",
        "PD-BERT eq. 2",
        "to compare: insides are matched too",
        "one teacher model",
        n_logits=2,
        settings=PAIRS,
    ),
    "stinybert+pairwise": Recipe(
        f"hinge(label) + 2*soft_cross_entropy(teacher) + {INSIDES_OF_A_PAIR}",
        "PD-BERT eq. 3 to 5",
        "to compare: the paper finds that insides hurt",
        "one teacher model",
        n_logits=2,
        settings=PAIRS,
    ),
    "minilmv2": Recipe(
        "relations(teacher)",
        "MiniLMv2 eq. 3 to 6; CC §2.2",
        "text without labels: a student of any shape, from random weights or layers, before it learns a task",
        "one teacher model",
        settings=MINILM,
        start={"start": "plain", "imitate": False, "student_network": "plain"},
    ),
}


def get_recipe(name: str) -> Recipe:
    """Look a recipe up; `UnknownNameError` lists the valid names and the nearest."""
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
