"""A re-ranker of modules as a classification model: a transformer, its pooling, and the modules to the logits."""

from __future__ import annotations

import copy
import inspect
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from rankdistill.errors import DataError
from rankdistill.files.facts import write_facts
from rankdistill.models.load import check_seal
from rankdistill.models.sentence.chain import CLASSES, SCORES, Chain, read_chain
from rankdistill.models.sentence.listed import MODULES
from rankdistill.models.sentence.modules import load_weights, make_module, pool
from rankdistill.models.sentence.stated import Module
from rankdistill.models.sentence.transformer import load_transformer

ENTRY = "sentence_modules"
"""Name of the config's entry that holds the chain while a model is in memory; folders hold `MODULES` instead."""
POOLINGS: dict[tuple[str, ...], str] = {("cls",): "first", ("mean",): "mean"}
"""Modes of a pooling -> what the head reads, as the table of families calls it; others are the model's own."""


class ChainForSequenceClassification(PreTrainedModel):
    """A transformer without a head, and after it the modules that its config lists.

    config: the transformer's, with the entry `ENTRY`; its ``num_labels`` is the width of the last module.
    """

    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = _supports_attention_backend = True
    supports_gradient_checkpointing = True

    def __init__(self, config: Any, transformer: Any = None) -> None:
        entry = getattr(config, ENTRY)
        transformer = AutoModel.from_config(config, trust_remote_code=False) if transformer is None else transformer
        setattr(transformer.config, ENTRY, entry)
        super().__init__(transformer.config)
        if getattr(transformer, "pooler", None) is not None:
            transformer.pooler = None  # nothing here reads it
        self.base_model_prefix = transformer.base_model_prefix
        setattr(self, self.base_model_prefix, transformer)
        chain = Chain.of_config(entry)
        self.pooling = chain.pooling
        self.kinds = [module.kind for module in chain.after]
        width = int(config.hidden_size) * len(chain.pooling.modes)
        self.after = nn.ModuleList()
        for at, module in enumerate(chain.after):
            if at == len(chain.after) - 1:
                module = Module(module.kind, module.folder, {**module.settings, "out_features": config.num_labels})
            made, width = make_module(module, width)
            self.after.append(made)
        self.num_labels = self.config.num_labels = width
        self.post_init()

    @property
    def family_changes(self) -> dict[str, Any]:
        """Where this model differs from its family in the table of `rankdistill.models.families`."""
        last: Any = self.after[-1]
        plain = isinstance(last.apply_activation, nn.Identity) and not last.adds
        return {
            "head": f"after.{len(self.after) - 1}.linear" if plain else "",
            "pooling": POOLINGS.get(self.pooling.modes, "own"),
            "positions": None,  # its forward pass takes none
        }

    def pooled(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Pool the last hidden states float (B, L, H), mask int64 (B, L), to (B, H times the modes)."""
        return pool(self.pooling, hidden, mask)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, output_hidden_states: bool | None = None
    ) -> SequenceClassifierOutput:
        """Compute logits float (B, n_logits)."""
        return self._forward({"input_ids": input_ids, "attention_mask": attention_mask}, output_hidden_states)

    def _forward(self, inputs: dict[str, Tensor | None], hidden_states: bool | None) -> SequenceClassifierOutput:
        transformer: Any = self.base_model
        given = transformer(**inputs, **({"output_hidden_states": True} if hidden_states else {}))
        mask = inputs["attention_mask"]
        tokens = given.last_hidden_state
        mask = torch.ones_like(inputs["input_ids"]) if mask is None else mask  # type: ignore[arg-type]
        vectors = self.pooled(tokens, mask)
        for module in self.after:
            vectors = module(vectors)
        return SequenceClassifierOutput(logits=vectors, hidden_states=given.hidden_states if hidden_states else None)

    def write(self, folder: Path) -> None:
        """Write the modules' files and ``modules.json``, as sentence-transformers reads them."""
        config = copy.deepcopy(self.config)
        delattr(config, ENTRY)
        transformer: Any = self.base_model
        transformer.config = config
        try:
            transformer.save_pretrained(folder)
        finally:
            transformer.config = self.config
        chain = Chain.of_config(getattr(self.config, ENTRY))
        kinds = ["Transformer", "Pooling", *self.kinds]
        paths = ["", *(f"{at}_{kind}" for at, kind in enumerate(kinds) if at)]
        rows = [
            {"idx": at, "name": str(at), "path": path, "type": CLASSES[kind]}
            for at, (kind, path) in enumerate(zip(kinds, paths, strict=True))
        ]
        (folder / MODULES).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        modes = list(self.pooling.modes)
        pooling = {
            "embedding_dimension": int(self.config.hidden_size),
            "pooling_mode": modes if modes[1:] else modes[0],
        }
        settings = [pooling | {"include_prompt": True}, *(dict(each.settings) for each in chain.after)]
        settings[-1] |= {"out_features": self.config.num_labels, "module_output_name": SCORES}
        weights: list[nn.Module] = [nn.Identity(), *self.after]
        for path, stated, module in zip(paths[1:], settings, weights, strict=True):
            (folder / path).mkdir()
            write_facts(folder / path / "config.json", stated)
            if state := {name: weight.contiguous() for name, weight in module.state_dict().items()}:
                save_file(state, folder / path / "model.safetensors")


class SegmentChainForSequenceClassification(ChainForSequenceClassification):
    """The same over a transformer that takes segments, too."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> SequenceClassifierOutput:
        """Compute logits float (B, n_logits)."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        return self._forward(inputs, output_hidden_states)


def load_chain(
    folder: Path, n_logits: int | None = None, *, dtype: torch.dtype = torch.float32
) -> tuple[ChainForSequenceClassification, list[str]]:
    """Load a re-ranker of modules, in eval mode; also return the names of weights that are new.

    n_logits: of the head (None: the folder's); where the folder's has others, the last Dense is a new one, with a
    warning. dtype: of the transformer's weights; those of the modules after it are float32, and so are all where
    the last Dense has an activation or adds what it reads. Raises `DataError` as `read_chain` and `load_transformer`
    do, and for weights that are missing or of another shape.
    """
    check_seal(folder)
    chain = read_chain(folder)
    transformer = load_transformer(chain.transformer, dtype)
    config = transformer.config
    stated = chain.after[-1].settings.get("out_features")
    if not isinstance(stated, int) or stated < 1:
        raise DataError(
            f"{chain.after[-1].folder / 'config.json'}: got out_features {stated!r}, expected a number above 0"
        )
    wanted = n_logits or stated
    config.num_labels = wanted
    entry = chain.to_config()
    if wanted != stated:
        entry["after"][-1]["settings"] |= {"activation_function": "torch.nn.modules.linear.Identity"}
    width = int(config.hidden_size) * len(chain.pooling.modes)
    for module in chain.after:
        _, width = make_module(module, width)  # an error names the module's own file
    setattr(config, ENTRY, entry)
    takes_segments = "token_type_ids" in inspect.signature(transformer.forward).parameters
    kind = SegmentChainForSequenceClassification if takes_segments else ChainForSequenceClassification
    model = kind(config, transformer)
    for made, module in zip(model.after, chain.after, strict=True):
        if module is chain.after[-1] and wanted != stated:
            continue
        load_weights(made, module)
    if not model.family_changes["head"]:  # what is more than a linear map is not computed in float32 on its own
        model.float()
    if wanted == stated:
        return model.eval(), []
    warnings.warn(
        f"{folder}: its head has not {n_logits} logits, so that it is replaced by a new one, which must be trained",
        stacklevel=3,
    )
    linear: Any = model.after[-1].linear
    nn.init.normal_(linear.weight, std=getattr(config, "initializer_range", 0.02))
    return model.eval(), [f"after.{len(model.after) - 1}.linear.weight"]
