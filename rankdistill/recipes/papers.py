"""The papers' recipes for ranking students, by name: objective, ensemble, head and settings.

Each part can be overridden. Sources are entries of docs/papers.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rankdistill.errors import UnknownNameError
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
    needs: Literal["teachers", "one teacher model"]
    method: Literal["single", "mean", "pile"] = "pile"
    """How teachers are ensembled, where the objective has a ``target``."""
    n_logits: int = 1
    """Logits of the student's head, and of a teacher beside it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Values of `TrainingSettings`, as in the paper."""

    @property
    def options(self) -> dict[str, Any]:
        """Values of `rankdistill distill`'s options, by their names, for those that are not given otherwise."""
        settings = {name.replace("_", "-"): value for name, value in self.settings.items()}
        return {"objective": self.objective, "method": self.method, **settings}


PILE_SETTINGS = {"adam_beta2": 0.99, "weight_decay": 0.0, "learning_rate": 2e-5, "list_size": 8, "lists_per_batch": 128}
PAIRS = {"list_size": 2, "lists_per_batch": 16}
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
}


def get_recipe(name: str) -> Recipe:
    """Look a recipe up; `UnknownNameError` lists the valid names and the nearest."""
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
