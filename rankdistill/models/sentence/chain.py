"""Re-rankers that sentence-transformers publishes as modules: Transformer, Pooling, Dense … to the logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdistill.errors import DataError
from rankdistill.models.sentence.json_file import read_object
from rankdistill.models.sentence.listed import MODULES, listed_modules
from rankdistill.models.sentence.stated import SETTINGS, Module, Pooling, read_module, read_pooling

SCORES = "scores"
"""Name under which the last module gives the logits."""
TOKENS = "LogitScore"
"""The module after a causal language model, whose score is the logits of tokens."""
TRANSFORMER = "sentence_transformers.base.modules.transformer.Transformer"
CLASSES = {
    "Transformer": TRANSFORMER,
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Dense": "sentence_transformers.base.modules.dense.Dense",
    "LayerNorm": "sentence_transformers.sentence_transformer.modules.layer_norm.LayerNorm",
    "Normalize": "sentence_transformers.base.modules.normalize.Normalize",
    "Dropout": "sentence_transformers.sentence_transformer.modules.dropout.Dropout",
}
"""Kind of a module -> the class that is written, of sentence-transformers 5.4 and later."""


@dataclass(frozen=True)
class Chain:
    """What follows the transformer of a re-ranker: the pooling, and the modules to the logits, a Dense the last."""

    transformer: Path
    """Folder of the transformer and its tokenizer."""
    pooling: Pooling
    after: tuple[Module, ...]

    def to_config(self) -> dict[str, Any]:
        """Return the chain as JSON can hold it."""
        return {
            "pooling": list(self.pooling.modes),
            "after": [{"kind": each.kind, "settings": dict(each.settings)} for each in self.after],
        }

    @classmethod
    def of_config(cls, entry: Mapping[str, Any]) -> Chain:
        """Read what `to_config` gave."""
        after = (Module(each["kind"], Path(), each["settings"]) for each in entry["after"])
        return cls(Path(), Pooling(tuple(entry["pooling"])), tuple(after))


def is_cross_encoder(folder: Path) -> bool:
    """Whether a folder says that it is one of sentence-transformers' class CrossEncoder, as modules."""
    return (folder / MODULES).is_file() and read_object(folder / SETTINGS).get("model_type") == "CrossEncoder"


def is_chain(folder: Path) -> bool:
    """Whether a folder holds a re-ranker of several modules, and none that reads a language model's tokens."""
    if not is_cross_encoder(folder):
        return False
    kinds = [name.rpartition(".")[2] for name, _ in listed_modules(folder)]
    return len(kinds) > 1 and TOKENS not in kinds


def read_chain(folder: Path) -> Chain:
    """Read the modules of a re-ranker's folder.

    Raises `DataError`, which names the file, for code of the model's own, for other modules, another order, and for
    modules that read or write anything else than one vector a pair.
    """
    file, listed = folder / MODULES, listed_modules(folder)
    last = len(listed) - 1
    modules = [
        read_module(file, name, inside, SCORES if at == last else "") for at, (name, inside) in enumerate(listed)
    ]
    kinds = [module.kind for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or "Pooling" in kinds[2:] or "Transformer" in kinds[2:]:
        raise DataError(
            f"{file} states the modules {', '.join(kinds)}; computed is a Transformer, a Pooling, and then Dense, "
            "LayerNorm, Normalize or Dropout: give the run that this model made elsewhere as a teacher"
        )
    if kinds[-1] != "Dense" or modules[-1].settings.get("module_output_name") != SCORES:
        raise DataError(
            f"{file}: the last module of a re-ranker must be a Dense that gives {SCORES!r} (module_output_name), got a "
            f"{kinds[-1]}: is it an encoder of single texts?"
        )
    return Chain(modules[0].folder, read_pooling(modules[1]), tuple(modules[2:]))


def check_prompt(folder: Path, chain: Chain, prompt: str) -> None:
    """Raise `DataError` where the prompt's tokens are to be left out of the pooling."""
    if prompt and not chain.pooling.include_prompt:
        raise DataError(
            f"{folder} states include_prompt false and a prompt for its pairs: pooling without the prompt is done for "
            "encoders of single texts alone"
        )
