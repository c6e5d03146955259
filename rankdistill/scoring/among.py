"""One model among several, of which some are causal language models: what of the settings is for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rankdistill.errors import UsageError
from rankdistill.inputs.asking import Asking
from rankdistill.scoring.settings import ScoringSettings

if TYPE_CHECKING:  # torch is imported by what loads a model
    from rankdistill.models.cross_encoder import CrossEncoder


def settings_among(model: CrossEncoder | str | Path, scoring: ScoringSettings) -> ScoringSettings:
    """The settings for one model among several: those of causal language models are left out for others.

    model: one at hand, or a folder or hub id. A classifier whose own prompt has a place for an instruction is given
    that. For a model at hand that reads a prompt nothing is left out, see `refuse_asking`.
    """
    if not scoring.given:
        return scoring
    if not isinstance(model, str | Path):
        return scoring if model.asked is not None else scoring.without_asking()
    from rankdistill.models.base import resolve_base
    from rankdistill.models.causal.presets import takes_instruction
    from rankdistill.models.causal.stated import contract_of, is_causal

    folder = resolve_base(model)
    if is_causal(folder):
        return scoring
    own = contract_of(folder) if scoring.instruction is not None else None
    instruction = scoring.instruction if own is not None and takes_instruction(own) else None
    return replace(scoring.without_asking(), instruction=instruction)


def check_asked(models: Iterable[CrossEncoder | str | Path], scoring: ScoringSettings) -> None:
    """Raise `UsageError` where the settings say how models are asked, and none of several can be.

    models: those at hand, which cannot, folders and hub ids. Raises, too, where one at hand reads a prompt.
    """
    if not scoring.given:
        return
    from rankdistill.models.base import resolve_base
    from rankdistill.models.causal.stated import contract_of, is_causal

    models = list(models)
    if any(not isinstance(model, str | Path) and model.asked is not None for model in models):
        refuse_asking(scoring)
    folders = [resolve_base(model) for model in models if isinstance(model, str | Path)]
    if not any(is_causal(folder) or contract_of(folder) is not None for folder in folders):
        raise UsageError(
            "none of the models is a causal language model or reads its texts in a prompt: leave out "
            f"{', '.join(scoring.given)}"
        )


def refuse_asking(asking: Asking) -> None:
    """Raise `UsageError` where settings say how a model is asked that is loaded, and keeps how it is."""
    if asking.given:
        raise UsageError(
            f"a model that is loaded keeps its prompt and its tokens, got {', '.join(asking.given)}: give the model's "
            f"folder instead, or load it by CrossEncoder.from_pretrained(folder, {asking.given[0]}=...)"
        )
