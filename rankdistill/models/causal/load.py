"""Load a causal language model as a classifier of one logit: the difference of two rows of its ``lm_head``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL_TYPES
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED_TYPES

from rankdistill.errors import DataError
from rankdistill.models.causal.contract import PromptContract
from rankdistill.models.causal.stated import is_causal
from rankdistill.models.families import FAMILIES, family_of, head_of
from rankdistill.models.load import CONFIG, INDEX, WEIGHTS, json_object, load_classifier
from rankdistill.models.precision import default_device, has_bfloat16, own_dtype, reads_float32_alone

ROWS, BIAS = "lm_head.weight", "lm_head.bias"
_CHANGES = ("final_logit_softcapping", "logit_scale", "logits_scaling")
"""Settings of a config by which logits are not what the rows of ``lm_head`` give."""


def load_causal(folder: str | Path, contract: PromptContract, dtype: torch.dtype) -> Any:
    """Load a causal model's folder as its family's classifier, whose one logit is the contract's score.

    contract: with the numbers of its tokens. dtype: of the weights; the head's are float32. Only the rows of the named
    tokens are read of ``lm_head``. Raises `DataError` where the logits are not products of these rows, and as
    `load_classifier` does.
    """
    folder = Path(folder)
    model, missing = load_classifier(folder, 1, dtype=dtype)
    family = family_of(model)
    lost = [name for name in missing if not name.startswith(family.head)]
    if lost:
        raise DataError(f"{folder}: its weights lack {', '.join(lost[:3])}: is it a whole model?")
    if family.pooling != "last":
        raise DataError(f"{folder}: {family.name} as a classifier does not read the last token, as a causal model does")
    for name in _CHANGES:
        if getattr(model.config, name, None) not in (None, 1.0):
            raise DataError(f"{folder}: config.json states {name}, by which logits are changed; that is not done here")
    row = _row(folder, contract.relevant_id, model)
    if contract.other_id is not None:
        row = row - _row(folder, contract.other_id, model)
    head = head_of(model)
    if head.weight.shape != (1, len(row)) or head.bias is not None:
        raise DataError(f"{folder}: the head of {family.name} does not fit a row of {ROWS}, {tuple(row.shape)}")
    head.weight = nn.Parameter(row[None] * contract.scale)
    return model


def head_in_float32(folder: str | Path, model: Any) -> None:
    """Give a classifier whose other weights are rounded its head as it is stored."""
    if own_dtype(model) == "float32":
        return
    name = f"{family_of(model).head}.weight"
    file = _file_of(Path(folder), name)
    if file is not None:
        with safe_open(file, "pt") as weights:
            head_of(model).weight = nn.Parameter(weights.get_tensor(name).float())


def loading_dtype(folder: str | Path, engine: str, dtype: str | None) -> torch.dtype:
    """The dtype that a folder's weights are loaded in, for a computation in ``dtype`` by an engine.

    Encoders are small: float32, from which "bfloat16" is rounded while they compute. Decoders are not, see
    `is_decoder`: what is asked for, by None what is stored, by "auto" bfloat16 where the processor has it, else what is
    stored; float32 where `reads_float32_alone` says so.
    """
    if not is_decoder(folder) or reads_float32_alone(engine, dtype):
        return torch.float32
    if dtype == "bfloat16" or (dtype == "auto" and has_bfloat16(default_device())):
        return torch.bfloat16
    return stored_dtype(folder)


def is_decoder(folder: str | Path) -> bool:
    """Whether a folder holds a causal language model, or a classifier or an encoder made of one.

    By its family; of one without a row, whether transformers has causal language models of its type and no masked ones.
    """
    config = json_object(Path(folder) / CONFIG)
    kind = str(config.get("model_type"))
    if is_causal(folder):
        return True
    if kind in FAMILIES:
        return FAMILIES[kind].pooling == "last"
    return kind in CAUSAL_TYPES and kind not in MASKED_TYPES and not config.get("is_encoder_decoder", False)


def stored_dtype(folder: str | Path) -> torch.dtype:
    """The dtype of a folder's weights: float32, bfloat16 or float16; of any other, float32."""
    folder = Path(folder)
    file = folder / WEIGHTS
    if not file.is_file() and (folder / INDEX).is_file():
        file = folder / sorted(set(json_object(folder / INDEX).get("weight_map", {"": WEIGHTS}).values()))[0]
    if not file.is_file():
        return torch.float32
    try:
        with safe_open(file, "pt") as weights:
            kinds = [weights.get_slice(name).get_dtype() for name in weights.keys()]  # noqa: SIM118
    except Exception:  # a damaged file is reported by what loads it
        return torch.float32
    common = max(set(kinds), key=kinds.count, default="F32")
    return {"BF16": torch.bfloat16, "F16": torch.float16}.get(common, torch.float32)


def _row(folder: Path, token: int | None, model: Any) -> Tensor:
    """A token's row of ``lm_head``, float32 (H,): the embeddings' where none is stored and the config ties them.

    A stored one counts whatever the config says, as in transformers: merged adapters and tuned models keep an old
    ``tie_word_embeddings`` beside weights that differ.
    """
    embeddings = model.get_input_embeddings().weight
    file = _file_of(folder, ROWS)
    if file is None and not getattr(model.config, "tie_word_embeddings", False):
        raise DataError(
            f"{folder}: its weights hold no {ROWS}, and config.json does not say that embeddings take its place"
        )
    if _file_of(folder, BIAS) is not None:
        raise DataError(f"{folder}: its {BIAS} has no place in a classifier: that is not done here")
    n_rows = len(embeddings)
    if file is not None:
        with safe_open(file, "pt") as weights:
            rows = weights.get_slice(ROWS)
            n_rows = rows.get_shape()[0]
            if token is not None and token < n_rows:
                row: Tensor = rows[token : token + 1][0].float()
                return row
    if token is None or token >= n_rows:
        raise DataError(
            f"{folder}: its tokenizer's token {token} is none of the {n_rows} that the model has logits for"
        )
    return embeddings[token].detach().float().clone()


def _file_of(folder: Path, name: str) -> Path | None:
    """The file that holds a weight; None where none does."""
    if (folder / WEIGHTS).is_file():
        with safe_open(folder / WEIGHTS, "pt") as weights:
            return folder / WEIGHTS if name in weights.keys() else None  # noqa: SIM118
    listed = json_object(folder / INDEX).get("weight_map", {}) if (folder / INDEX).is_file() else {}
    return folder / listed[name] if name in listed else None
