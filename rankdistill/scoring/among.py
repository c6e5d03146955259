"""One model among several, of which some are causal language models: what of the settings is for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rankdistill.errors import UsageError
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


def check_asked(folders: Iterable[str | Path], scoring: ScoringSettings) -> None:
    """Raise `UsageError` where the settings say how models are asked, and none of several has a prompt.

    folders: of the transformers, see `resolve_base`.
    """
    from rankdistill.models.causal.stated import contract_of, is_causal

    given = [name for name, value in scoring.asking.items() if value is not None]
    if given and not any(is_causal(folder) or contract_of(folder) is not None for folder in folders):
        raise UsageError(
            "none of the models is a causal language model or reads its texts in a prompt: leave out "
            f"{', '.join(given)}"
        )
