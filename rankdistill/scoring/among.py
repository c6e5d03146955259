"""One model among several, of which some are causal language models: what of the settings is for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rankdistill.inputs.asking import ASKING
from rankdistill.inputs.prompt import INSTRUCTION
from rankdistill.scoring.settings import ScoringSettings


def settings_among(folder: str | Path, scoring: ScoringSettings) -> ScoringSettings:
    """The settings for one model among several: those of causal language models are left out for others.

    folder: of the transformer, see `resolve_base`. A classifier whose own prompt has a place for an instruction is
    given that.
    """
    from rankdistill.models.causal.stated import contract_of, is_causal

    if is_causal(folder):
        return scoring
    kept: dict[str, Any] = dict.fromkeys(ASKING)
    if scoring.instruction is not None:
        own = contract_of(folder)
        kept["instruction"] = scoring.instruction if own is not None and INSTRUCTION in own.prompt else None
    return replace(scoring, **kept)
