"""The word embeddings in a model's folder, without the rest of its weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoModelForSequenceClassification

from rankdistill.arrays import F32
from rankdistill.errors import DataError
from rankdistill.models.base import quiet_loading
from rankdistill.models.load import INDEX, WEIGHTS, check_weights, checked_config, json_object, load_classifier, reading


def stored_embeddings(folder: str | Path) -> F32:
    """Read the input embeddings of a folder's model, float32 (V, D).

    Only that tensor is read, where the folder has one under the name that the model's class gives it; else the model is
    loaded. Raises `DataError` as `load_classifier` does.
    """
    folder = Path(folder)
    config = checked_config(folder)
    check_weights(folder)
    with reading(folder, "model cannot be made of its config.json"), quiet_loading(), torch.device("meta"):
        shell = AutoModelForSequenceClassification.from_config(config)
    own = shell.get_input_embeddings().weight
    name = next(name for name, weight in shell.named_parameters() if weight is own)
    for key in (name, name.removeprefix(f"{shell.base_model_prefix}.")):
        file = _file_of(folder, key)
        if file is None:
            continue
        with safe_open(file, "pt") as weights:
            matrix = weights.get_tensor(key).float()
        if matrix.shape != own.shape:
            break  # the error that names both is that of loading
        if not bool(torch.isfinite(matrix).all()):
            raise DataError(f"{folder}: the weight {key} holds values that are no finite numbers")
        return matrix.numpy()
    model, _ = load_classifier(folder)
    return model.get_input_embeddings().weight.detach().float().numpy()


def _file_of(folder: Path, key: str) -> Path | None:
    """The file of a folder that holds a weight; None where none does."""
    if (folder / WEIGHTS).is_file():
        with safe_open(folder / WEIGHTS, "pt") as weights:
            return folder / WEIGHTS if key in weights.keys() else None  # noqa: SIM118  # no dictionary
    named = json_object(folder / INDEX).get("weight_map", {}).get(key)
    return None if named is None else folder / str(named)
