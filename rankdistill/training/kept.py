"""KeepModels: the model after chosen updates, each kept as an ordinary model folder while the training goes on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from rankdistill.models import CrossEncoder
from rankdistill.models.companions import without_companions
from rankdistill.training.checkpoints import saving
from rankdistill.training.distributed import processes

STEPS = "steps"
"""Folder of the models that are kept, each under its number of updates."""


class KeepModels(TrainerCallback):
    """Writes the model into ``folder/STEP`` after each of the updates ``steps``; what is beside it is left out.

    A training that begins anew removes what an earlier one kept; one that is resumed keeps it.
    """

    def __init__(self, cross_encoder: CrossEncoder, folder: Path, steps: Sequence[int]) -> None:
        self.cross_encoder, self.folder, self.steps = cross_encoder, folder, frozenset(steps)
        self._use_cache = getattr(cross_encoder.model.config, "use_cache", None)  # transformers turns it off

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not state.global_step and processes()[0] == 0:
            shutil.rmtree(self.folder, ignore_errors=True)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step not in self.steps or processes()[0] != 0:
            return
        model, target = self.cross_encoder.model, self.folder / str(state.global_step)
        use_cache = getattr(model.config, "use_cache", None)
        with saving(f"the model after {state.global_step:,} updates, {target}"), without_companions(model):
            if self._use_cache is not None:
                model.config.use_cache = self._use_cache
            self.cross_encoder.save(target)
        if use_cache is not None:
            model.config.use_cache = use_cache
