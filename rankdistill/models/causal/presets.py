"""The prompts and tokens of re-rankers that are published without them, by the name that their folder states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from rankdistill.inputs.prompt import INSTRUCTION
from rankdistill.models.causal.contract import PromptContract

README = "README.md"


@dataclass(frozen=True)
class Preset:
    """A published re-ranker's contract, a pattern of its names, and the types of model that it is for."""

    names: str
    model_types: tuple[str, ...]
    """As ``config.json`` states them: a name says nothing of a model of another type."""
    contract: PromptContract
    instructed: str = ""
    """The prompt with a place for an instruction, where the contract's has none; empty: it takes none."""


_OF_QWEN = "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n"
_QWEN3 = PromptContract(
    prompt=_OF_QWEN.replace(
        "{system}",
        "Judge whether the Document meets the requirements based on the Query and the Instruct provided. Note that the "
        'answer can only be "yes" or "no".',
    )
    + "<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {document}"
    "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    instruction="Given a web search query, retrieve relevant passages that answer the query",
    relevant_token="yes",
    other_token="no",
    special_tokens=False,
)
_MXBAI = PromptContract(
    prompt=_OF_QWEN.replace("{system}", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
    + "query: {query}\ndocument: {document}\n"
    "You are a search relevance expert who evaluates how well documents match search queries. For each query-document "
    "pair, carefully analyze the semantic relationship between them, then provide your binary relevance judgment (0 "
    "for not relevant, 1 for relevant).\nRelevance:<|im_end|>\n<|im_start|>assistant\n",
    relevant_token="1",
    other_token="0",
    special_tokens=False,
)
_BGE_GEMMA = PromptContract(
    prompt="<bos>A: {query}\nB: {document}\nGiven a query A and a passage B, determine whether the passage contains an "
    "answer to the query by providing a prediction of either 'Yes' or 'No'.",
    relevant_token="Yes",
    special_tokens=False,
)
_ZERANK = PromptContract(
    prompt=_OF_QWEN.replace("{system}", "{query}") + "{document}<|im_end|>\n<|im_start|>assistant\n",
    relevant_token="Yes",
    scale=0.2,
    special_tokens=False,
    stripped=True,
)
PRESETS: dict[str, Preset] = {
    "qwen3-reranker": Preset(r"qwen3-reranker", ("qwen3",), _QWEN3),
    "mxbai-rerank-v2": Preset(
        r"mxbai-rerank-(base|large)-v2",
        ("qwen2",),
        _MXBAI,
        instructed=_MXBAI.prompt.replace("query: ", f"instruction: {INSTRUCTION}\nquery: ", 1),
    ),
    "bge-reranker-v2-gemma": Preset(r"bge-reranker-v2-gemma", ("gemma",), _BGE_GEMMA),
    "zerank": Preset(r"zerank-[12]", ("qwen3",), _ZERANK),
}
"""Name, as --prompt takes it -> the contract. Sources: the models' cards and reference codes."""


def preset_of(folder: Path, config: dict[str, Any]) -> tuple[str, str] | None:
    """Find the preset whose name a folder states: the preset's name and the place where it stands; None for none.

    Looked at are the name in ``config.json``, the title and the base models in ``README.md``, and the folder's own
    name, in the hub's cache that of the repository. A preset for other types of model than the folder's is none.
    """
    for place, text in _stated_names(folder, config):
        for name, preset in PRESETS.items():
            if config.get("model_type") in preset.model_types and re.search(preset.names, text, re.IGNORECASE):
                return name, place
    return None


def with_place(contract: PromptContract) -> PromptContract:
    """Return a contract whose prompt has a place for an instruction: a preset's has one where that model takes one."""
    for preset in PRESETS.values():
        if preset.instructed and contract.prompt == preset.contract.prompt:
            return replace(contract, prompt=preset.instructed)
    return contract


def takes_instruction(contract: PromptContract) -> bool:
    """Whether an instruction can be given to a model that is asked so."""
    return INSTRUCTION in with_place(contract).prompt


def _stated_names(folder: Path, config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "config.json", str(config.get("_name_or_path", ""))
    readme = folder / README
    if readme.is_file():
        metadata, body = _front_matter(readme.read_text(encoding="utf-8", errors="replace"))
        yield README, next((line for line in body.splitlines() if line.startswith("# ")), "")
        bases = metadata.get("base_model")
        for base in bases if isinstance(bases, list) else [bases]:
            yield README, str(base or "")
    yield "the folder's name", _repository(folder.absolute())


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The metadata at the head of a README, which the hub reads, and the text after it; without any where it is none.

    A README is free text: metadata that is no YAML says nothing.
    """
    found = re.match(r"\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*$", text, re.DOTALL | re.MULTILINE)
    if found is None:
        return {}, text
    try:
        metadata = yaml.safe_load(found.group(1))
    except (yaml.YAMLError, ValueError, RecursionError):
        metadata = None
    return metadata if isinstance(metadata, dict) else {}, text[found.end() :]


def _repository(folder: Path) -> str:
    """The folder's name; of ``models--ORG--NAME/snapshots/HASH``, as the hub's cache names folders, NAME."""
    parts = folder.parts
    if len(parts) > 2 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):
        return parts[-3].rpartition("--")[2]
    return folder.name
