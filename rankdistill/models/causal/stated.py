"""What a folder states about the prompt that its model reads, and the tokens that are its score."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.asking import Asking
from rankdistill.models.causal.chat import PAIR
from rankdistill.models.causal.contract import ENTRY, HOW, PromptContract
from rankdistill.models.causal.presets import PRESETS, preset_of, with_place
from rankdistill.models.load import CONFIG, json_object
from rankdistill.models.sentence.json_file import read_object
from rankdistill.models.sentence.listed import MODULES, listed_modules
from rankdistill.models.sentence.stated import check_of_library
from rankdistill.progress import say

OURS = "rankdistill"
CAUSAL = "ForCausalLM"


def is_causal(folder: str | Path) -> bool:
    """Whether a folder holds a causal language model."""
    config = json_object(Path(folder) / CONFIG)
    architectures = config.get("architectures")
    return isinstance(architectures, list) and bool(architectures) and str(architectures[0]).endswith(CAUSAL)


def contract_of(folder: str | Path, options: Asking | None = None) -> PromptContract | None:
    """Read how a folder's model is asked; None for one that reads pairs without a prompt.

    What is given counts more than what the folder states; that is our own entry in its config, else the files of
    sentence-transformers, else its name, where it is one of `PRESETS`, which is said. Raises `DataError` for a causal
    model of which neither says prompt and tokens.
    """
    folder, options = Path(folder), options or Asking()
    config = json_object(folder / CONFIG)
    causal = is_causal(folder)
    contract = _by_us(folder, config) or _by_library(folder, causal)
    if contract is None and options.prompt is None:
        contract = _by_name(folder, config, causal)
    if options.given and not causal:
        heads = [name for name in options.given if name not in ("prompt", "instruction")]
        if contract is None or heads:
            what = "reads no prompt" if contract is None else "has a head of its own"
            raise UsageError(
                f"{folder} is no causal language model and {what}: leave out "
                f"{', '.join(heads or options.given)}, which are for causal language models"
            )
    if options.given:
        preset = PRESETS.get(options.prompt or "")
        if preset:
            contract = preset.contract
        if contract is not None and options.instruction and (preset or options.prompt is None):
            contract = with_place(contract)
        contract = (contract or PromptContract()).given(
            prompt=None if preset else _lines(options.prompt),
            instruction=options.instruction,
            relevant_token=options.relevant_token,
            other_token=options.other_token,
            scale=options.token_scale,
        )
    if causal and (contract is None or not contract.has_tokens):
        raise DataError(
            f"{folder} is a causal language model ({config['architectures'][0]}), and nothing in it says how it is "
            f"asked and which tokens' logits are its score. {HOW}. Known prompts: {', '.join(PRESETS)}"
        )
    return contract


def _lines(prompt: str | None) -> str | None:
    """A prompt as it is typed: \\n, which shells leave as it is, is a line break. JSON has its own."""
    return prompt if prompt is None or prompt.lstrip().startswith("[") else prompt.replace("\\n", "\n")


def base_contract(folder: str | Path) -> PromptContract | None:
    """Read the prompt that a model which is trained from a folder's is to read; of a causal one, always some."""
    try:
        return contract_of(folder)
    except DataError:
        if not is_causal(folder):
            raise
        return PromptContract(prompt="Query: {query}\nDocument: {document}\nRelevance:")


def _by_us(folder: Path, config: dict[str, Any]) -> PromptContract | None:
    entry = config.get(OURS)
    return PromptContract.of_config(entry.get(ENTRY) if isinstance(entry, dict) else None, folder)


def _by_library(folder: Path, causal: bool) -> PromptContract | None:
    """What sentence-transformers' files state: tokens of its LogitScore, and the roles of a pair in a chat template."""
    modules = listed_modules(folder)
    kinds = [name.rpartition(".")[2] for name, _ in modules]
    messages = "message" in (read_object(folder / "sentence_bert_config.json").get("modality_config") or {})
    settings = read_object(folder / "config_sentence_transformers.json")
    if settings.get("model_type", "CrossEncoder" if causal else "") == "CrossEncoder":
        for name, _ in modules:
            check_of_library(folder / MODULES, name)
    default = (settings.get("prompts") or {}).get(settings.get("default_prompt_name"))
    chat = json.dumps([*([{"role": "system", "content": default}] if default else []), *PAIR])
    if causal and kinds == ["Transformer", "LogitScore"]:
        tokens = read_object(modules[1][1] / CONFIG)
        ids = tokens.get("true_token_id"), tokens.get("false_token_id")
        if not isinstance(ids[0], int) or not isinstance(ids[1], int | None):
            raise DataError(f"{modules[1][1] / CONFIG}: got {tokens!r:.100}, expected the numbers of one or two tokens")
        return PromptContract(prompt=chat if messages else "", relevant_id=ids[0], other_id=ids[1])
    if not causal and kinds == ["Transformer"] and messages:
        return PromptContract(prompt=chat)
    if causal and not kinds and _takes_pairs(folder):  # read as that library does
        return PromptContract(prompt=chat, relevant_token="yes", other_token="no")
    return None


def _takes_pairs(folder: Path) -> bool:
    """Whether the chat template in a folder has the roles of a pair."""
    file = folder / "chat_template.jinja"
    stated = read_object(folder / "tokenizer_config.json").get("chat_template")
    template = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else str(stated or "")
    return "role" in template and all(each["role"] in _quoted(template) for each in PAIR)


def _quoted(template: str) -> set[str]:
    """The texts between quotes in a template."""
    return set(re.findall(r"[\"'](\w+)[\"']", template))


def _by_name(folder: Path, config: dict[str, Any], causal: bool) -> PromptContract | None:
    """The contract of a known name; of classifiers only those made of such a causal model."""
    found = preset_of(folder, config)
    architecture = str((config.get("architectures") or [""])[0])
    if found is None or not (causal or architecture.endswith("ForSequenceClassification")):
        return None
    say(f"{folder}: asked as {found[0]}, by {found[1]}; --prompt, --relevant-token and --other-token say otherwise")
    return PRESETS[found[0]].contract
