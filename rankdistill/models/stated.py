"""What a sentence-transformers folder of a cross-encoder says beside its model: all is done, or refused."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdistill.errors import DataError
from rankdistill.files.facts import write_facts
from rankdistill.models.causal.contract import PromptContract
from rankdistill.models.load import json_object
from rankdistill.models.sentence.chain import SCORES, TOKENS, TRANSFORMER, check_prompt, is_chain, read_chain
from rankdistill.models.sentence.listed import MODULES, listed_modules
from rankdistill.models.sentence.stated import SETTINGS, check_of_library

MODULE_SETTINGS = "sentence_bert_config.json"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ORDERED = _words(
    "Identity Sigmoid Tanh LogSigmoid Softplus Softsign LeakyReLU ReLU ReLU6 ELU CELU SELU Hardsigmoid Hardtanh "
    "Softmax LogSoftmax"
)
"""Activations of torch that keep the order of scores."""
_IGNORED = _words(
    "max_seq_length do_lower_case transformer_task modality_config module_output_name unpad_inputs query_length "
    "document_length"
)
"""Settings of the module that are done, or say nothing about pairs of texts."""
_TASKS = {
    "sequence-classification": ("logits", SCORES),
    "feature-extraction": ("last_hidden_state", "token_embeddings"),
}
"""Task of the transformer -> what is taken of its output, and the name that this is given."""
_ALONE, _IN_CHAIN = _TASKS
_ASKED_TASKS = ("text-generation", _ALONE)
"""Tasks of a transformer that reads a prompt."""
_HOW_TO_LOAD = _words("torch_dtype dtype attn_implementation device_map use_safetensors trust_remote_code")


@dataclass(frozen=True)
class Stated:
    """What is done to a pair before the tokenizer cuts it."""

    prompt: str = ""
    """Text before every query."""
    max_length: int | None = None
    """Tokens of a pair; None: not said."""
    lower_case: bool = False
    """Whether texts are folded to lower case first."""
    opens_answer: bool = False
    """Whether the chat template of a prompt's messages is to write where the answer begins."""

    @classmethod
    def by(cls, folder: str | Path, asked: PromptContract | None = None) -> Stated:
        """Read what a folder states, as sentence-transformers 6 reads a folder of its class CrossEncoder.

        A folder of another class of it, a sentence encoder, says nothing about pairs but whether texts are folded.
        asked: the prompt that the texts are put in, None where they are read as a pair.
        Raises `DataError` for modules, tasks, prompts and settings that cannot be done here, by name.
        """
        folder = Path(folder)
        settings, module = (_object(folder / name) for name in (SETTINGS, MODULE_SETTINGS))
        chain = read_chain(folder) if is_chain(folder) else None
        if chain is not None and chain.transformer != folder:
            module = _object(chain.transformer / MODULE_SETTINGS)
        if not (folder / MODULES).is_file():
            if settings.get("default_prompt_name") is not None:
                warnings.warn(
                    f"{folder / SETTINGS} names a prompt, but there is no {MODULES}: without it sentence-transformers "
                    "uses no prompt, and so it is done here",
                    stacklevel=2,
                )
            return cls()
        lower_case = module.get("do_lower_case") is True
        if settings.get("model_type") != "CrossEncoder":
            return cls(lower_case=lower_case)
        if asked is not None:
            return cls._behind_prompt(folder, module, settings, asked)
        if chain is None:
            _check_modules(folder)
        place = (folder if chain is None else chain.transformer) / MODULE_SETTINGS
        _check_module_settings(place, module, _ALONE if chain is None else _IN_CHAIN)
        prompt = _prompt(folder / SETTINGS, settings)
        if chain is not None:
            check_prompt(folder, chain, prompt)
        return cls(prompt, _length(place, module), lower_case)

    @classmethod
    def _behind_prompt(
        cls, folder: Path, module: dict[str, Any], settings: dict[str, Any], asked: PromptContract
    ) -> Stated:
        """What is stated beside the prompt, whose text a chat template and a default prompt may have given."""
        _check_modules(folder, TOKENS)
        place = folder / MODULE_SETTINGS
        if (task := module.get("transformer_task", _ASKED_TASKS[0])) not in _ASKED_TASKS:
            raise DataError(f"{place} states the task {task!r}, expected {' or '.join(_ASKED_TASKS)}")
        said = module.get("processing_kwargs")
        opens_answer = said == _opening(True)
        done = opens_answer or said == _opening(False)
        _check_names(place, {**module, "processing_kwargs": None if done else said})
        prompt = "" if asked.prompt else _prompt(folder / SETTINGS, settings)
        return cls(prompt, _length(place, module), module.get("do_lower_case") is True, opens_answer)

    def write(self, folder: Path, activation: str) -> None:
        """Write the files by which sentence-transformers puts the prompt before every query, where there is one.

        A folder of several modules, whose list is written, has such files in any case.
        """
        in_chain = (folder / MODULES).is_file()
        if not self.prompt and not in_chain:
            return
        prompts = {"query": self.prompt} if self.prompt else {}
        named = {"prompts": prompts, "default_prompt_name": "query" if prompts else None, "activation_fn": activation}
        write_facts(folder / SETTINGS, {"model_type": "CrossEncoder", **named})
        if not in_chain:
            modules = [{"idx": 0, "name": "0", "path": "", "type": TRANSFORMER}]
            (folder / MODULES).write_text(json.dumps(modules, indent=1) + "\n", encoding="utf-8")
        task = _IN_CHAIN if in_chain else _ALONE
        taken, name = _TASKS[task]
        output = {"text": {"method": "forward", "method_output_name": taken}}
        how = {"transformer_task": task, "modality_config": output, "module_output_name": name}
        write_facts(folder / MODULE_SETTINGS, how)


def stated_activation(folder: str | Path | None, config: Any) -> str | None:
    """The activation that sentence-transformers puts on the logits, its dotted name; None where none is stated.

    folder: of the model (None: the config alone is read).
    """
    of_library = getattr(config, "sentence_transformers", None)
    of_config = of_library.get("activation_fn") if isinstance(of_library, dict) else None
    older = getattr(config, "sbert_ce_default_activation_function", None)
    of_folder = _object(Path(folder) / SETTINGS).get("activation_fn") if folder is not None else None
    stated = of_folder or of_config or older
    return None if stated is None else str(stated)


def check_activation(folder: str | Path, config: Any) -> None:
    """Raise `DataError` where the activation that a folder states would order candidates otherwise than its logits.

    Logits are the scores, so that an activation which keeps their order is left out. One that is no part of torch is
    code in the folder, which is never executed.
    """
    stated = stated_activation(folder, config)
    if stated is None or stated.rpartition(".")[2] in _ORDERED:
        return
    raise DataError(
        f"{folder} states the activation {stated!r}, which is not computed here and may order candidates otherwise "
        "than the logits do: give the run that this model made elsewhere as a teacher, or, where you want the logits, "
        "take the activation out of its config"
    )


def _check_modules(folder: Path, *may_follow: str) -> None:
    """Raise `DataError` unless the folder's first module is a transformers model in the folder itself.

    may_follow: kinds of the modules that may come after it.
    """
    modules = listed_modules(folder)
    for name, _ in modules:
        check_of_library(folder / MODULES, name)
    kinds = [name.rpartition(".")[2] for name, _ in modules]
    if kinds not in (["Transformer"], ["Transformer", *may_follow]) or modules[0][1] != folder:
        raise DataError(
            f"{folder / MODULES} states the modules {', '.join(name for name, _ in modules) or '(none)'}; computed "
            "here is one Transformer, in the folder itself, or a Transformer, a Pooling and what follows it to a "
            "Dense: give the run that this model made elsewhere as a teacher"
        )


def _check_module_settings(file: Path, module: dict[str, Any], expected: str) -> None:
    """Raise `DataError` for a setting of the transformer module that is not done here; expected: its task."""
    task = module.get("transformer_task", expected)
    if task != expected:
        raise DataError(f"{file} states the task {task!r}, expected {expected!r}: it is no cross-encoder")
    taken = _TASKS[expected][0]
    how = module.get("modality_config", {"text": {"method": "forward", "method_output_name": taken}})
    given = how.get("text") if isinstance(how, dict) and "message" not in how else None
    if not isinstance(given, dict) or (given.get("method"), given.get("method_output_name")) != ("forward", taken):
        raise DataError(
            f"{file} states by modality_config that texts are read in another way than as a pair ({how!r:.200})"
            ": chat templates and other inputs are not done here"
        )
    _check_names(file, module)


def _opening(opens_answer: bool) -> dict[str, Any]:
    """The setting ``processing_kwargs`` by which a chat template is to write where the answer begins, or is not."""
    return {"chat_template": {"add_generation_prompt": opens_answer}}


def _check_names(file: Path, module: dict[str, Any]) -> None:
    """Raise `DataError` for the first setting of the transformer module that is neither done nor harmless."""
    for name, value in module.items():
        known = name in _IGNORED or (name.endswith(("_args", "_kwargs")) and set(value or ()) <= _HOW_TO_LOAD)
        if value and not known:
            raise DataError(f"{file} states {name} = {value!r:.200}, which is not done here")


def _prompt(file: Path, settings: dict[str, Any]) -> str:
    """The prompt before every query: the default one, as no other is asked for."""
    prompts, default = settings.get("prompts") or {}, settings.get("default_prompt_name")
    if not isinstance(prompts, dict):
        raise DataError(f"{file}: got prompts {prompts!r:.100}, expected an object of names and texts")
    prompt = "" if default is None else prompts.get(str(default))
    if prompt is None or not isinstance(prompt, str):
        raise DataError(
            f"{file}: the default prompt {default!r} is none of its prompts, {', '.join(prompts) or 'none'}"
        )
    return prompt


def _length(file: Path, module: dict[str, Any]) -> int | None:
    length = module.get("max_seq_length")
    if length is not None and (not isinstance(length, int) or isinstance(length, bool) or length < 1):
        raise DataError(f"{file}: got max_seq_length {length!r}, expected a number of tokens")
    return length


def _object(file: Path) -> dict[str, Any]:
    return json_object(file) if file.is_file() else {}
