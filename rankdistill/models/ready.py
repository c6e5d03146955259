"""ReadyModel: a cross-encoder as it was left by an earlier command, which scores without torch and transformers.

A model that ONNX Runtime or OpenVINO computes is exported, checked against torch and, for engine "auto", chosen by a
measurement. What came out is kept in the cache folder, in ``ready/``: the exported file, the tokenizer, and all that
stands between texts and scores. It is taken again while every file of the model's folder is of the same size and time,
and settings, versions and processor are the same; else everything is done anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rankdistill.arrays import F32, I64
from rankdistill.errors import DataError, RankDistillError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.cache import cache_folder
from rankdistill.files.checksums import damage
from rankdistill.files.facts import digest, read_facts, write_facts
from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.template import PairTemplate
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.models.engines.outside import LOADERS
from rankdistill.models.engines.stored import files_of, versions
from rankdistill.models.engines.threads import LEAST_TOKENS
from rankdistill.progress import say

if TYPE_CHECKING:  # torch is imported by what makes a model ready
    from rankdistill.models.cross_encoder import CrossEncoder

FORM = 3
"""The number of what is kept, its graph included; another is not read."""
ENGINES = ("auto", "onnx", "openvino")
"""Engines that compute an exported model, or may."""
PACKAGES = ("rankdistill", "torch", "transformers", "tokenizers", "onnx", "onnxruntime", "openvino", "nncf")
SEGMENTS = "token_type_ids"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
FACTS, TOKENIZER, ENGINE = "ready.json", "tokenizer.json", "engine"
TOKENIZER_FACTS = ("model_input_names", "pad_token_id", "pad_token_type_id", "eos_token_id", "unk_token_id")
PROBES = ["", "Who wrote the first book?", "naïve café — 東京 №5", "a  b\tc\nd", "[SEP] <s> </s> <pad>", "x" * 300]
"""Texts by which the kept tokenizer is compared with the model's own."""


class PlainTokenizer:
    """A tokenizer by the library of fast tokenizers alone, with what assemblers read of transformers' class."""

    is_fast = True
    truncation_side = padding_side = "right"

    def __init__(self, file: Path, facts: Mapping[str, Any]) -> None:
        from tokenizers import Tokenizer

        self.backend_tokenizer = Tokenizer.from_file(str(file))
        self.backend_tokenizer.no_truncation()
        self.backend_tokenizer.no_padding()
        self.model_input_names: list[str]
        self.pad_token_id: int | None
        for name in TOKENIZER_FACTS:
            setattr(self, name, facts[name])

    def __call__(self, texts: Sequence[str], **_: Any) -> dict[str, list[list[int]]]:
        """Token ids of texts, without special tokens; the options that assemblers give are those of this class."""
        encoded = self.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False)  # fast: without offsets
        return {"input_ids": [each.ids for each in encoded]}


class ReadyEngine:
    """Logits by an exported file that was checked when it was made."""

    def __init__(self, file: Path, facts: Mapping[str, Any]) -> None:
        self.identity: str = facts["identity"]
        self.name: str = facts["name"]
        self.dtype: str = facts["dtype"]
        self.n_threads: int = facts["threads"]
        self.least_tokens = LEAST_TOKENS
        self._runner = LOADERS[self.name](file, self.n_threads, facts["precision"])

    def shared(self) -> AbstractContextManager[None]:
        """Nothing has to be prepared for several threads."""
        return nullcontext()

    def logits(self, batch: Mapping[str, I64]) -> F32:
        """Compute logits float32 (B, n_logits) of a batch of int64 (B, length) arrays."""
        return self._runner(batch)


class ReadyModel:
    """What scoring reads of a `CrossEncoder`."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.tokenizer = PlainTokenizer(folder / TOKENIZER, facts["tokenizer"])
        self.contract = ScoreContract(**facts["contract"])
        self.max_length, self.n_texts = facts["max_length"], facts["n_texts"]
        self.batching, self.batch_tokens = facts["batching"], facts["batch_tokens"]
        self.reads_apart: bool = facts["reads_apart"]
        self.engine = ReadyEngine(folder / ENGINE / facts["engine"]["file"], facts["engine"])
        self.assembler = PairAssembler(
            self.tokenizer,
            self.max_length,
            _template(facts["template"]),
            input_names=facts["inputs"],
            padding_side="right",
            prompt=facts["prompt"],
        )
        self._fingerprint: str = facts["fingerprint"]

    def fingerprint(self) -> str:
        """The hash of the model that this was made of, see `CrossEncoder.fingerprint`."""
        return self._fingerprint

    def keep_texts(self, most: int) -> bool:
        """False: an exported file reads both texts of a pair, see `CrossEncoder.keep_texts`."""
        return False


if TYPE_CHECKING:
    Scorer = CrossEncoder | ReadyModel
    """What scores pairs of texts."""


def ready_model(path: str | Path, settings: Mapping[str, Any]) -> ReadyModel | None:
    """The model of a folder as an earlier command left it; None where there is none, or the folder changed since.

    settings: all that was asked for beside the folder, as JSON can hold it, ``engine`` among it.
    """
    if settings["engine"] not in ENGINES or not Path(path).is_dir():
        return None
    folder = _place(path, settings)
    if not (folder / FACTS).is_file():
        return None
    if found := damage(folder):
        say(f"damaged, and made again: {found}")
        return None
    try:
        return ReadyModel(folder, read_facts(folder / FACTS))
    except Exception as error:  # libraries raise any type for a file that they do not take
        say(f"what {path} was made ready as does not load ({type(error).__name__}: {error}): it is made again")
        return None


def keep_ready(model: CrossEncoder, path: str | Path, settings: Mapping[str, Any]) -> None:
    """Keep a loaded model for `ready_model`, where an exported file computes it; it is exported once more if need be.

    Nothing is kept of a model that is asked by a prompt, or is a classifier. What was kept is said, and what cannot be
    written.
    """
    from rankdistill.models.engines.export import export_model, exported_file
    from rankdistill.models.engines.exported import ExportedEngine

    engine = model.engine
    plain = type(model.assembler) is PairAssembler and model.asked is None and model.contract.form != CLASSES
    if not isinstance(engine, ExportedEngine) or not plain or not Path(path).is_dir():
        return
    if SEGMENTS in model.assembler.input_names and SEGMENTS not in engine.takes:
        return  # it refuses every batch
    place, before = _place(path, settings), model.fingerprint()
    try:
        with atomic_path(place, sealed=True) as folder:
            folder.mkdir(parents=True)
            file = exported_file(model.folder, before, engine.name, engine.dtype)
            if file is None:
                file = export_model(model.model, before, folder / "export", engine.name, engine.dtype)
            (folder / ENGINE).mkdir()
            for part in files_of(file):
                shutil.copyfile(file.with_name(part), folder / ENGINE / part)
            shutil.rmtree(folder / "export", ignore_errors=True)
            (folder / TOKENIZER).write_text(model.tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
            facts = _facts(model, engine, file.name)
            _check_tokens(model, PlainTokenizer(folder / TOKENIZER, facts["tokenizer"]))
            write_facts(folder / FACTS, facts)
        say(f"{path} is ready now: the next command that scores with it in this way starts without torch")
    except (OSError, RankDistillError) as error:
        say(f"{path} is not kept ready for the next command: {error}")


def _facts(model: CrossEncoder, engine: Any, file: str) -> dict[str, Any]:
    import torch

    template = model.assembler.template
    return {
        "fingerprint": model.fingerprint(),
        "contract": asdict(model.contract),
        "max_length": model.max_length,
        "n_texts": model.n_texts,
        "prompt": model.prompt,
        "batching": model.batching,
        "batch_tokens": model.batch_tokens,
        "reads_apart": model.reads_apart,
        "inputs": list(model.assembler.input_names),
        "template": {
            "ids": [part.tolist() for part in template.ids],
            "types": [part.tolist() for part in template.types],
            "text_types": list(template.text_types),
            "n_texts": template.n_texts,
        },
        "tokenizer": {name: getattr(model.tokenizer, name) for name in TOKENIZER_FACTS},
        "engine": {
            "name": engine.name,
            "dtype": engine.dtype,
            "precision": engine.precision,
            "identity": engine.identity,
            "threads": torch.get_num_threads(),
            "file": file,
        },
    }


def _template(facts: Mapping[str, Any]) -> PairTemplate:
    ids, types = (tuple(np.array(part, np.int64) for part in facts[name]) for name in ("ids", "types"))
    first, second = facts["text_types"]
    return PairTemplate(
        (ids[0], ids[1], ids[2]), (types[0], types[1], types[2]), (first, second), n_texts=facts["n_texts"]
    )


def _check_tokens(model: CrossEncoder, plain: PlainTokenizer) -> None:
    """Raise `DataError` where the kept tokenizer makes other tokens than the model's."""
    own = model.tokenizer(PROBES, add_special_tokens=False, truncation=False, padding=False, verbose=False)["input_ids"]
    if plain(PROBES)["input_ids"] != own:
        raise DataError("its tokenizer makes other tokens without transformers")


def _place(path: str | Path, settings: Mapping[str, Any]) -> Path:
    """Where a model is kept: named by all that it depends on."""
    folder = Path(path).resolve()
    files = sorted(each for each in folder.rglob("*") if each.is_file() and not each.name.startswith("."))
    states = [(str(each.relative_to(folder)), each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    threads = [os.environ.get(name) for name in THREADS]
    machine = [_processor(), os.cpu_count(), threads, Path("/dev/nvidia0").exists()]
    return cache_folder() / "ready" / digest([FORM, str(folder), states, dict(settings), versions(PACKAGES), machine])


@cache
def _processor() -> list[str]:
    """Name the processor and what it can, by which engines choose their kernels."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # other systems have no such file
        import platform

        return [platform.processor() or platform.machine()]
    return list(dict.fromkeys(line for line in lines if line.startswith(("model name", "flags", "Features"))))
