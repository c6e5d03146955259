"""The prompts and tokens of re-rankers that are published without them, by the name that their folder states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdistill.models.causal.contract import PromptContract

README = "README.md"


@dataclass(frozen=True)
class Preset:
    """A published re-ranker's contract, and a pattern of its names."""

    names: str
    contract: PromptContract


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
PRESETS: dict[str, Preset] = {
    "qwen3-reranker": Preset(r"qwen3-reranker", _QWEN3),
    "mxbai-rerank-v2": Preset(r"mxbai-rerank-(base|large)-v2", _MXBAI),
    "bge-reranker-v2-gemma": Preset(r"bge-reranker-v2-gemma", _BGE_GEMMA),
}
"""Name, as --prompt takes it -> the contract. Sources: the models' cards and reference codes."""


def preset_of(folder: Path, config: dict[str, Any]) -> tuple[str, str] | None:
    """Find the preset whose name a folder states: the preset's name and the place where it stands; None for none.

    Looked at are the name in ``config.json``, the title and the base model in ``README.md``, the folder's own path.
    """
    for place, text in _stated_names(folder, config):
        for name, preset in PRESETS.items():
            if re.search(preset.names, text, re.IGNORECASE):
                return name, place
    return None


def _stated_names(folder: Path, config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "config.json", str(config.get("_name_or_path", ""))
    readme = folder / README
    if readme.is_file():
        lines = readme.read_text(encoding="utf-8", errors="replace").splitlines()
        title = next((line for line in lines if line.startswith("# ")), "")
        yield README, title
        yield README, next((line for line in lines if line.startswith("base_model:")), "")
    yield "the folder's name", "/".join(folder.absolute().parts[-3:])
