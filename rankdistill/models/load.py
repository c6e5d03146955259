"""Load the transformers model of a folder: whole and as the folder states it, or an error that names what is wrong."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as NATIVE

from rankdistill.errors import DataError, RankDistillError
from rankdistill.files.checksums import check_undamaged, is_sealed
from rankdistill.models.aligned import aligned
from rankdistill.models.base import quiet_loading
from rankdistill.models.encoder_parts import in_encoder
from rankdistill.models.families import FAMILIES, FROM_SCRATCH
from rankdistill.models.recurrent.register import OWN
from rankdistill.models.untrained import ENTRY as UNTRAINED

CONFIG, WEIGHTS, INDEX, ADAPTER = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "adapter_config.json",
)
NO_CODE = "code in a model's folder is never executed"
INSTEAD = "take a model of a type that transformers has, or give the run that this model made elsewhere as a teacher"


def load_classifier(
    folder: str | Path, n_logits: int | None = None, *, dtype: torch.dtype = torch.float32
) -> tuple[Any, list[str]]:
    """Load a folder's classification model, in eval mode; also return the names of the weights it lacks.

    n_logits: of the head (None: the folder's); where the folder's has others, a new one counts as lacking, with a
    warning. dtype: of the weights. Raises `DataError`, which names the folder and the file, where a file is damaged or
    says what cannot be, where its checksums are others, for weights of other shapes or that are no numbers, and for
    code, adapters and types of models that are not loaded.
    """
    folder = Path(folder)
    checked_config(folder)
    check_weights(folder)
    options = {} if n_logits is None else {"num_labels": n_logits}
    with reading(folder, "weights do not make the model that its config.json describes"), quiet_loading():
        model, report = AutoModelForSequenceClassification.from_pretrained(
            folder,
            output_loading_info=True,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            dtype=dtype,
            ignore_mismatched_sizes=True,  # they are reported below, by name
            **options,
        )
    model = aligned(model.eval())
    mismatched = sorted(report["mismatched_keys"])
    for name, stored, expected in mismatched:
        if n_logits is None or in_encoder(model, name) or not _is_of_logits(model, name):
            raise DataError(
                f"{folder}: its weight {name} has shape {tuple(stored)}, but in the model that config.json describes "
                f"it has {tuple(expected)}: one of the two files is another model's"
            )
    if mismatched and not getattr(model.config, UNTRAINED, False):
        warnings.warn(
            f"{folder}: its head has not {n_logits} logits, so that it is replaced by a new one, which must be trained "
            "(`as_one_logit` makes one logit of two)",
            stacklevel=3,
        )
    _check_positions(folder, model)
    check_numbers(folder, model)
    _check_all_used(folder, model, report["unexpected_keys"])
    return model, sorted({*report["missing_keys"], *(name for name, _, _ in mismatched)})


def _is_of_logits(model: Any, weight: str) -> bool:
    """Whether a weight outside the encoder depends on the number of logits; True where the family is not known."""
    family = FAMILIES.get(model.config.model_type) or FROM_SCRATCH.get(model.config.model_type)
    return family is None or weight.startswith(f"{family.head}.")


def checked_config(folder: str | Path) -> Any:
    """Read the transformers config of a folder's classification model, without its weights.

    Raises `DataError` where its checksums are others, for what is not loaded, and for values that cannot be.
    """
    folder = Path(folder)
    check_seal(folder)
    _check_config(folder)
    with reading(folder, f"{CONFIG} describes no model"), quiet_loading():
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def check_seal(folder: Path) -> None:
    """Raise `DataError` where the folder has checksums and a file is not as it was written."""
    if is_sealed(folder):
        check_undamaged(
            folder,
            "the model",
            "copy it again, or train it again; where the change was meant, delete checksums.json in the folder",
        )


def json_object(file: Path) -> dict[str, Any]:
    """Read the object in a JSON file; `DataError` where it is none."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is damaged: no JSON ({error}); copy the model again") from error
    if not isinstance(value, dict):
        raise DataError(f"{file}: got a JSON {type(value).__name__}, expected an object; copy the model again")
    return value


@contextmanager
def reading(folder: Path, what: str) -> Iterator[None]:
    """Turn whatever a library raises inside the block into a `DataError` that names the folder.

    transformers, safetensors and tokenizers raise any of a dozen types for a folder that they cannot read.
    """
    try:
        yield
    except (RankDistillError, MemoryError):
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = " ".join(lines)[:300] or "no more is known"
        raise DataError(f"{folder}: the {what} ({type(error).__name__}: {reason})") from error


def _check_config(folder: Path) -> None:
    """Raise `DataError` where ``config.json`` says what is not loaded, or what cannot be."""
    config = json_object(folder / CONFIG)
    if (folder / ADAPTER).is_file():
        raise DataError(
            f"{folder} holds an adapter ({ADAPTER}), which is not applied: merge it into the model once "
            "(`merge_and_unload()` of peft, then `save_pretrained`) and give the merged folder"
        )
    kind = config.get("model_type")
    if kind is None:
        raise DataError(f"{folder / CONFIG} states no model_type: it is not the config of a transformers model")
    known = NATIVE.get(str(kind)) or OWN.get(str(kind))
    own = _own_class(config)
    if own and own.rpartition(".")[2] != known:
        raise DataError(f"{folder} is a model with code of its own (auto_map: {own}); {NO_CODE}: {INSTEAD}")
    architectures = [str(each) for each in config.get("architectures") or []]
    family = FAMILIES.get(str(kind))
    if architectures and architectures[0].endswith("ForCausalLM") and family is not None and family.pooling != "last":
        raise DataError(
            f"{folder} is a language model ({architectures[0]}), and as a classifier {family.name} does not read the "
            "last token, whose logits are a causal model's score: take its version for sequence classification, or "
            "give the run that it made elsewhere as a teacher"
        )
    if known is None:
        raise DataError(
            f"{folder} is a model of type {kind!r}, which transformers has no classification model for: {INSTEAD}"
        )


def _own_class(config: dict[str, Any]) -> str:
    """The class that a config wants to be executed; empty where it wants none."""
    wanted = config.get("auto_map")
    if not isinstance(wanted, dict):
        return ""
    return str(
        next((wanted[name] for name in ("AutoModelForSequenceClassification", "AutoModel") if name in wanted), "")
    )


def check_weights(folder: Path) -> None:
    """Raise `DataError` where a file of weights is missing, outside the folder or not whole."""
    names = [WEIGHTS]
    if not (folder / WEIGHTS).is_file() and (folder / INDEX).is_file():
        listed = json_object(folder / INDEX).get("weight_map")
        if not isinstance(listed, dict) or not listed:
            raise DataError(f"{folder / INDEX} names no weights: copy the model again")
        names = sorted({str(name) for name in listed.values()})
    for name in names:
        if Path(name).name != name:
            raise DataError(
                f"{folder / INDEX} names {name!r}, which is no file in the folder: it is damaged, or not to be trusted"
            )
        file = folder / name
        if not file.is_file():
            raise DataError(f"{folder} lacks its weights {name}: copy the model again")
        try:
            with safe_open(file, "pt"):
                pass
        except Exception as error:
            raise DataError(f"{file} is damaged: {error}; copy the model again") from error


def _check_positions(folder: Path, model: Any) -> None:
    """Raise `DataError` for RoBERTa's way to count positions, from its padding token on, without such a token."""
    for module in model.modules():
        if hasattr(module, "create_position_ids_from_input_ids") and getattr(module, "padding_idx", 0) is None:
            raise DataError(
                f"{folder / CONFIG} states no pad_token_id, from which models of type {model.config.model_type!r} "
                "count positions: write the one of its tokenizer there"
            )


def check_numbers(folder: Path, model: nn.Module) -> None:
    """Raise `DataError` where a weight is infinite or undefined."""
    for name, weight in model.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise DataError(
                f"{folder}: the weight {name} holds values that are no finite numbers: the training that wrote it "
                "diverged, or the file is damaged"
            )


def _check_all_used(folder: Path, model: Any, unused: Iterable[str]) -> None:
    """Raise `DataError` where the folder has weights of more layers than its config says."""
    layers = {name: len(module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    layers |= {name.removeprefix(f"{model.base_model_prefix}."): size for name, size in layers.items()}
    for key in sorted(unused):
        for name, size in layers.items():
            place = key.removeprefix(f"{name}.").partition(".")[0]
            if key.startswith(f"{name}.") and place.isdecimal() and int(place) >= size:
                raise DataError(
                    f"{folder}: its weights are of more layers than its config.json says, {key} is one: one of the two "
                    "files is another model's (to leave out layers, use `keep_layers` or --layers)"
                )
