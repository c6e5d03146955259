"""PromptContract: how a model is asked about a pair, and which tokens' logits answer; a part of its score contract."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.prompt import INSTRUCTION, Prompt

ENTRY = "prompt_contract"
"""Name of the contract in the entry ``rankdistill`` of a model's ``config.json``."""
HOW = (
    'Give --prompt, a text such as "Query: {query}\\nDocument: {document}\\nRelevant (yes or no):" or the name of a '
    "known one, and --relevant-token and --other-token, whose logits at its end are compared (prompt=, "
    "relevant_token=, other_token= in Python)"
)


@dataclass(frozen=True)
class PromptContract:
    """A prompt, and the score: the logit of a token at its end, minus that of another, times a scale.

    The score is a logit, before any sigmoid. A classifier that reads its texts in a prompt has no tokens.
    """

    prompt: str = ""
    """The text with ``{query}`` and ``{document}``, and ``{instruction}`` where it has one; or messages, as JSON, each
    with role and content, which the tokenizer's chat template makes a text of."""
    instruction: str = ""
    relevant_token: str = ""
    """As text, such as yes, which must be one token."""
    other_token: str = ""
    """Empty: the score is the logit of the relevant token alone."""
    scale: float = 1.0
    relevant_id: int | None = None
    """Number of the token, which counts where there is one."""
    other_id: int | None = None
    special_tokens: bool = True
    """See `Prompt`, like ``stripped``."""
    stripped: bool = False

    def __post_init__(self) -> None:
        number = isinstance(self.scale, int | float) and not isinstance(self.scale, bool)
        if not number or not np.isfinite(self.scale) or self.scale <= 0:
            raise UsageError(f"the scale of a token's logit must be finite and positive, got {self.scale!r}")

    @property
    def has_tokens(self) -> bool:
        """Whether a token is named whose logit is the score."""
        return bool(self.relevant_token) or self.relevant_id is not None

    def asked(self) -> Prompt | None:
        """The prompt to put texts in; None where there is none. Raises `UsageError` where it cannot be one."""
        if not self.prompt:
            return None
        instruction = self.instruction or None
        if instruction is None and INSTRUCTION in self.prompt:
            raise UsageError(f"the prompt has a place {INSTRUCTION}: give --instruction (instruction= in Python)")
        return Prompt.parse(self.prompt, instruction, special_tokens=self.special_tokens, stripped=self.stripped)

    def given(self, **changes: Any) -> PromptContract:
        """Return a contract with what is given, None leaving a field as it is; a new token has no number yet.

        A relevant token that is given alone is compared with no other; another that is given alone leaves it.
        """
        kept = {name: value for name, value in changes.items() if value is not None}
        if "other_token" in kept:
            kept = {"other_id": None, **kept}
        if "relevant_token" in kept:
            kept = {"relevant_id": None, "other_id": None, "other_token": "", **kept}
        if "prompt" in kept:
            kept = {"special_tokens": True, "stripped": False, "instruction": "", **kept}
        return replace(self, **kept)

    def to_config(self) -> dict[str, Any]:
        """Return what the entry ``rankdistill`` of ``config.json`` holds: all that is not the default."""
        default = asdict(PromptContract())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    @classmethod
    def of_config(cls, stated: Any, where: object) -> PromptContract | None:
        """Read the entry in a model's ``config.json``, None where there is none; `DataError` where it is wrong."""
        if stated is None:
            return None
        known = {field.name: field.type for field in fields(cls)}
        kinds: dict[str, Any] = {"str": str, "float": (int, float), "int | None": int, "bool": bool}
        if not isinstance(stated, dict) or not all(
            name in known and isinstance(value, kinds[str(known[name])]) for name, value in stated.items()
        ):
            raise DataError(
                f"{where}: config.json states {stated!r:.200} as {ENTRY}, expected an object of {', '.join(known)}"
            )
        try:
            return cls(**stated)
        except UsageError as error:
            raise DataError(f"{where}: config.json states {ENTRY} {stated!r:.200}: {error}") from error
