"""Read what a sentence-transformers folder states about its encoder; what is not done here is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rankdistill.errors import DataError
from rankdistill.models.sentence.json_file import read_object
from rankdistill.models.sentence.listed import MODULES, listed_modules
from rankdistill.models.sentence.prompts import Prompts, read_prompts

SETTINGS = "config_sentence_transformers.json"
LIBRARY = "sentence_transformers."
AFTER_POOLING = ("Dense", "LayerNorm", "Normalize", "Dropout")
"""Modules that may follow the pooling. Dropout does nothing outside training."""
KNOWN = ("Transformer", "Pooling", *AFTER_POOLING)
SIMILARITIES = ("cosine", "dot")
TRANSFORMER_SETTINGS = tuple(
    f"sentence_{name}_config.json"
    for name in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
POOLING_MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
"""In the order in which several are joined where a folder states them by one flag each."""
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_TEXT = {"method": "forward", "method_output_name": "last_hidden_state"}
# Settings of the Transformer -> values that ask for nothing beyond what is done here (None: any value does not matter).
_HARMLESS: dict[str, tuple[Any, ...] | None] = {
    "max_seq_length": None,
    "do_lower_case": None,
    "unpad_inputs": None,
    "transformer_task": ("feature-extraction",),
    "module_output_name": ("token_embeddings",),
}
_HARMLESS_OPTIONS = ("torch_dtype", "dtype", "attn_implementation", "add_pooling_layer", "use_safetensors", "use_cache")


@dataclass(frozen=True)
class Pooling:
    """How token vectors become one: modes of `POOLING_MODES`, joined in this order."""

    modes: tuple[str, ...] = ("mean",)
    include_prompt: bool = True
    """Whether the prompt's tokens are pooled, too."""


@dataclass(frozen=True)
class Module:
    """A module after the pooling: its kind, of `AFTER_POOLING`, the folder of its files and its settings."""

    kind: str
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stated:
    """All that a folder states about an encoder, beside the transformer itself."""

    transformer: Path
    """Folder of the transformer and its tokenizer."""
    pooling: Pooling = field(default_factory=Pooling)
    after: tuple[Module, ...] = ()
    max_length: int | None = None
    """Tokens read of a text; None: as many as the transformer and its tokenizer read."""
    lower_case: bool = False
    """Whether texts are lower-cased before the tokenizer sees them."""
    prompts: Prompts = field(default_factory=Prompts)
    similarity: str = "cosine"
    """Of `SIMILARITIES`."""
    truncate_dim: int | None = None
    """Components kept of a vector; None: all."""

    @property
    def beyond_mean(self) -> list[str]:
        """What is stated beyond the mean of the tokens' vectors, compared by their cosine, in words."""
        found = []
        if self.pooling.modes != ("mean",):
            found.append(f"pooling by {' and '.join(self.pooling.modes)}")
        found += [module.kind for module in self.after if module.kind not in ("Normalize", "Dropout")]
        if self.similarity != "cosine" and all(module.kind != "Normalize" for module in self.after):
            found.append(f"similarity {self.similarity}")
        if self.lower_case:
            found.append("do_lower_case")
        if self.truncate_dim is not None:
            found.append(f"truncate_dim {self.truncate_dim}")
        return found


def read_stated(folder: Path) -> Stated:
    """Read what an encoder's folder states; a folder without ``modules.json`` pools by the mean unless it says else.

    Raises `DataError` that names the file and what in it is not done here.
    """
    settings = read_object(folder / SETTINGS)
    if (kind := settings.get("model_type", "SentenceTransformer")) != "SentenceTransformer":
        raise DataError(f"{folder / SETTINGS} states a {kind}, expected an encoder of texts (SentenceTransformer)")
    similarity = settings.get("similarity_fn_name") or "cosine"
    if similarity not in SIMILARITIES:
        raise DataError(
            f"{folder / SETTINGS} states the similarity {similarity!r}, computed are {' and '.join(SIMILARITIES)}"
        )
    truncate = settings.get("truncate_dim")
    if truncate is not None and not (isinstance(truncate, int) and truncate > 0):
        raise DataError(f"{folder / SETTINGS}: got truncate_dim {truncate!r}, expected a number above 0")
    modules = _modules(folder)
    first = modules[0]
    lengths = _transformer_settings(first.folder)
    return Stated(
        first.folder,
        read_pooling(modules[1]),
        tuple(modules[2:]),
        lengths.get("max_seq_length"),
        bool(lengths.get("do_lower_case")),
        read_prompts(folder / SETTINGS, settings),
        similarity,
        truncate,
    )


def _modules(folder: Path) -> list[Module]:
    """The transformer, the pooling, and what follows; `DataError` for any other module or order."""
    file = folder / MODULES
    if not file.is_file():
        numbered = sorted(path.name for path in folder.glob("[1-9]_*") if path.is_dir() and path.name != "1_Pooling")
        if numbered:
            raise DataError(f"{folder} holds {numbered[0]} but no {MODULES}, which says what it is: copy that, too")
        return [Module("Transformer", folder), Module("Pooling", folder / "1_Pooling", _default_pooling(folder))]
    modules = [read_module(file, name, inside) for name, inside in listed_modules(folder)]
    kinds = [module.kind for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or not set(kinds[2:]) <= set(AFTER_POOLING):
        raise DataError(
            f"{file} states the modules {', '.join(kinds) or '(none)'}; computed is a Transformer, a Pooling, and then "
            f"any of {', '.join(AFTER_POOLING)}"
        )
    return modules


def read_module(file: Path, name: str, inside: Path, gives: str = "") -> Module:
    """Read a module's settings. name: its class. inside: its folder. gives: another name that it may write to.

    Raises `DataError`, which names ``file`` or the module's own, for code of the model's own, for what is not computed
    here, and where its settings are missing.
    """
    check_of_library(file, name)
    kind = name.rpartition(".")[2]
    if kind not in KNOWN:
        raise DataError(
            f"{file} states the module {kind} ({name}), which is not computed here; computed are {', '.join(KNOWN)}"
        )
    if kind == "Transformer":
        return Module(kind, inside)
    settings = read_object(inside / "config.json")
    if not settings and kind not in ("Normalize", "Dropout"):
        raise DataError(f"{file} states a {kind} in {inside}, where there is no config.json: copy it, too")
    for key in ("module_input_name", "module_output_name"):
        allowed = ("sentence_embedding", None, *([gives] if gives and key == "module_output_name" else []))
        if settings.get(key, "sentence_embedding") not in allowed:
            raise DataError(
                f"{inside / 'config.json'} states {key} {settings[key]!r}; computed are modules that read and write "
                "sentence_embedding"
            )
    return Module(kind, inside, settings)


def check_of_library(file: Path, name: str) -> None:
    """Raise `DataError`, which names ``file``, for a module whose class is not one of sentence-transformers."""
    if not name.startswith(LIBRARY):
        raise DataError(
            f"{file} states the module {name!r}, which is code of the model's own: it is never executed. Give a model "
            "whose modules are those of sentence-transformers, or the run that this one made elsewhere"
        )


def _default_pooling(folder: Path) -> dict[str, Any]:
    """Settings of the pooling where no ``modules.json`` is: its own file, else the mean, or a decoder's last token."""
    stated = read_object(folder / "1_Pooling" / "config.json")
    config = read_object(folder / "config.json")
    decoder = str((config.get("architectures") or [""])[0]).endswith("ForCausalLM") and config.get("is_causal", True)
    return stated or {"pooling_mode": "lasttoken" if decoder else "mean"}


def read_pooling(module: Module) -> Pooling:
    """Read a pooling module's settings; `DataError` for a mode that is not computed here."""
    settings = module.settings
    stated = settings.get("pooling_mode")
    if stated is None:
        stated = [mode for flag, mode in _FLAGS.items() if settings.get(flag)] or ["mean"]
    modes = [stated] if isinstance(stated, str) else stated
    if not isinstance(modes, list) or not modes or not set(map(str, modes)) <= set(POOLING_MODES):
        raise DataError(
            f"{module.folder / 'config.json'} states the pooling {stated!r}; computed are {', '.join(POOLING_MODES)}"
        )
    unknown = [key for key in settings if key.startswith("pooling_mode_") and key not in _FLAGS and settings[key]]
    if unknown:
        raise DataError(f"{module.folder / 'config.json'} states {unknown[0]}, which is not computed here")
    return Pooling(tuple(modes), bool(settings.get("include_prompt", True)))


def _transformer_settings(folder: Path) -> dict[str, Any]:
    """Settings of the Transformer module, in the first of its files that there is; `DataError` for unknown ones."""
    for name in TRANSFORMER_SETTINGS:
        settings = read_object(folder / name)
        if settings:
            break
    else:
        return {}
    for key, value in settings.items():
        if not _does_nothing_more(key, value):
            raise DataError(f"{folder / name} states {key} = {value!r:.100}, which is not done here")
    length = settings.get("max_seq_length")
    if length is not None and not (isinstance(length, int) and not isinstance(length, bool) and length > 0):
        raise DataError(f"{folder / name}: got max_seq_length {length!r}, expected a number of tokens above 0")
    return settings


def _does_nothing_more(key: str, value: Any) -> bool:
    """Whether a setting of the Transformer is done here, or changes no vector of a text."""
    if value is None or value in ({}, [], False):
        return True
    if key in _HARMLESS:
        allowed = _HARMLESS[key]
        return allowed is None or value in allowed
    if key == "modality_config":
        return isinstance(value, dict) and value.get("text") == _TEXT
    if key.endswith(("_args", "_kwargs")) and isinstance(value, dict):
        return set(value) <= {*_HARMLESS_OPTIONS, "trust_remote_code"}
    return False
