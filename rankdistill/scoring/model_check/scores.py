"""Checks of a model's scores: ties, ends, and agreement of transformers, exported files and sentence-transformers."""

from __future__ import annotations

import importlib.util
import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rankdistill.arrays import F32
from rankdistill.errors import RankDistillError
from rankdistill.models.base import quiet_loading
from rankdistill.models.causal.contract import PromptContract
from rankdistill.models.causal.stated import is_causal
from rankdistill.models.contract import CLASSES
from rankdistill.models.engines.check import TIED, TOLERANCES, is_rounded
from rankdistill.models.engines.outside import LOADERS
from rankdistill.models.precision import evaluating
from rankdistill.models.sentence.listed import listed_modules
from rankdistill.scoring.model_check.finding import Checked, ModelFinding, line

AGREEMENT = 1e-3
"""Greatest difference of two logits in float32, as a share of the logits' size."""
HALF_AGREEMENT = 0.05
"""The same where weights are stored in 16 bits, in which others then compute."""
LARGE = 17.0
"""A logit whose sigmoid float32 rounds to 1."""
EXPORTS = {"onnx": "onnx/*.onnx", "openvino": "openvino/*.xml"}
INT8_NAMES = ("int8", "quantized", "uint8")
UNCOMPARABLE = "not compared: every pair is longer than the model reads, and other tools cut the end of the prompt"


def ties(checked: Checked) -> Iterator[ModelFinding]:
    """Find pairs of other tokens that score alike, scores that are no numbers, and logits too large for a sigmoid."""
    name, logits = "ties", checked.logits
    if not np.isfinite(logits).all():
        n_bad = int((~np.isfinite(logits).all(axis=1)).sum())
        yield ModelFinding(name, "error", f"{n_bad} of {len(logits)} scores are no finite numbers")
        return
    if checked.model.contract.form == CLASSES:
        return
    scores = checked.scores[checked.distinct]
    values, counts = np.unique(scores, return_counts=True)
    if len(scores) > 1 and len(values) == 1:
        yield ModelFinding(name, "error", f"all {len(scores)} different pairs score {values[0]:g}: no text matters")
        return
    if len(values) < TIED * len(scores):
        most = values[counts.argmax()]
        ends = "saturated at an end" if most in (values[0], values[-1]) else "in the middle of the range"
        yield ModelFinding(
            name,
            "error",
            f"mass ties: {len(scores)} different pairs have {len(values)} scores, and {counts.max()} score {most:g}, "
            f"{ends}",
        )
        return
    if is_rounded(checked.logits[checked.distinct]):
        yield ModelFinding(name, "error", "all logits are rounded to 8 bits (bfloat16): many candidates will tie")
        return
    yield ModelFinding(name, "ok", f"{len(values)} scores of {len(scores)} different pairs")
    margins = np.abs(checked.model.contract.margins(logits))
    if np.median(margins) > LARGE:
        yield ModelFinding(
            "saturation",
            "warning",
            f"half of the logits are beyond ±{LARGE:g} (median {np.median(margins):.3g}): tools that show their "
            "sigmoid show 0 or 1",
        )


def transformers(checked: Checked) -> Iterator[ModelFinding]:
    """Compare with the plain way: tokenizer and model of transformers, each pair alone, and all in a padded batch."""
    model, name, rows = checked.model, "transformers", checked.comparable[:16]
    if not len(rows):
        yield ModelFinding(name, "note", UNCOMPARABLE)
        return
    expected, pairs = checked.logits[rows], [checked.pairs[row] for row in rows]
    takes = inspect.signature(model.model.forward).parameters
    allowed = set(checked.batch)

    def logits_of(some: list[tuple[str, str]]) -> F32:
        padding = {"padding": True} if len(some) > 1 else {}
        given = model.assembler.by_tokenizer(model.tokenizer, some, return_tensors="pt", **padding)
        inputs = {key: value.to(network.device) for key, value in given.items() if key in takes and key in allowed}
        with evaluating(network), torch.inference_mode():
            logits = network(**inputs).logits if tokens is None else _of_tokens(network, inputs, tokens)
        found: F32 = logits.float().cpu().numpy()
        return found

    tokens = model.asked if is_causal(checked.folder) else None
    try:
        network = model.model if tokens is None else _causal(checked.folder)
        alone, together = np.concatenate([logits_of([pair]) for pair in pairs]), logits_of(pairs)
    except Exception as error:  # whatever transformers says of this model is the finding
        yield ModelFinding(name, "error", f"transformers cannot score a padded batch of pairs ({line(error)})")
        return
    for what, found in (("alone", alone), ("in a padded batch", together)):
        apart = float(np.abs(found - expected).max())
        if not apart <= AGREEMENT * checked.size:
            level, hint = "error", "is the padding token right?" if what != "alone" else "is the tokenizer the model's?"
            if what != "alone" and model.reads_padding:
                level, hint = "warning", "this family reads its padding, rankdistill gives it none"
            yield ModelFinding(
                name,
                level,  # type: ignore[arg-type]
                f"pairs scored {what} by transformers differ by {apart:.3g}, where logits are of size "
                f"{checked.size:.3g}: {hint}",
            )
            return
    yield ModelFinding(name, "ok", "the same scores alone and in a padded batch")


def _causal(folder: Path) -> Any:
    """A causal language model by transformers, in float32."""
    from transformers import AutoModelForCausalLM

    with quiet_loading():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)


def _of_tokens(network: Any, inputs: Mapping[str, Tensor], asked: PromptContract) -> Tensor:
    """Scores (B, 1) by a causal model's ``lm_head``: logits of the last token of each text, which may be padded."""
    mask = inputs["attention_mask"]
    last = (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(dim=1)
    hidden = network.base_model(**inputs).last_hidden_state[torch.arange(len(mask)), last]
    logits = network.get_output_embeddings()(hidden)
    found: Tensor = logits[:, [asked.relevant_id]]
    if asked.other_id is not None:
        found = found - logits[:, [asked.other_id]]
    return found * asked.scale


def exported(checked: Checked) -> Iterator[ModelFinding]:
    """Compare each exported file in the folder with torch, whoever wrote it."""
    for engine, pattern in EXPORTS.items():
        for file in sorted(checked.folder.glob(pattern)):
            name = f"{engine}/{file.name}"
            if importlib.util.find_spec({"onnx": "onnxruntime"}.get(engine, engine)) is None:
                yield ModelFinding(name, "note", f"not checked, as {engine} is not installed")
                continue
            yield _of_file(checked, engine, file, name)


def _of_file(checked: Checked, engine: str, file: Path, name: str) -> ModelFinding:
    int8 = any(part in file.stem for part in INT8_NAMES)
    try:
        runner = LOADERS[engine](file, torch.get_num_threads(), "f32")
        logits = np.concatenate([runner(checked.batch_of(slice(at, at + 8))) for at in range(0, len(checked.pairs), 8)])
    except Exception as error:  # a file of another tool's may be anything
        return ModelFinding(name, "error", f"{engine} cannot score with it ({line(error)}): export it again")
    if logits.shape != checked.logits.shape:
        return ModelFinding(
            name, "error", f"it gives logits of shape {logits.shape}, torch {checked.logits.shape}: export it again"
        )
    apart = np.abs(logits - checked.logits)
    found = float(np.median(apart) if int8 else apart.max())
    if not found <= TOLERANCES["int8" if int8 else "float32"] * checked.size:
        return ModelFinding(
            name,
            "error",
            f"its logits differ from torch's by {found:.3g}, where they are of size {checked.size:.3g}: it holds other "
            "weights, or another model. Delete it, or export again (`rankdistill export`)",
        )
    return ModelFinding(name, "ok", f"as torch, {found:.2g} apart{' in the median' if int8 else ''}")


def engines(checked: Checked) -> Iterator[ModelFinding]:
    """Compare the engines asked for with torch, each by an export of its own, not by the files in the folder."""
    for engine in checked.engines:
        try:
            with TemporaryDirectory(prefix="rankdistill-") as empty:
                logits = checked.model.with_engine(engine, "float32", empty).logits(checked.pairs)
        except RankDistillError as error:
            yield ModelFinding(engine, "error", str(error))
            continue
        apart = float(np.abs(logits - checked.logits).max())
        if apart <= AGREEMENT * checked.size:
            yield ModelFinding(engine, "ok", f"as torch, {apart:.2g} apart")
        else:
            differ = (
                f"its logits differ from torch's by {apart:.3g}, where they are of size {checked.size:.3g}: use torch"
            )
            yield ModelFinding(engine, "error", differ)


def sentence_transformers(checked: Checked) -> Iterator[ModelFinding]:
    """Compare with sentence-transformers' CrossEncoder on the same folder, where that is installed."""
    name = "sentence-transformers"
    if importlib.util.find_spec("sentence_transformers") is None:
        yield ModelFinding(name, "note", "not compared, as it is not installed (pip install sentence-transformers)")
        return
    if checked.model.n_texts == 1:
        yield ModelFinding(name, "note", "not compared: the model reads single texts")
        return
    if is_causal(checked.folder) and not listed_modules(checked.folder):
        yield ModelFinding(name, "note", "not compared: nothing in the folder says to it how the model is asked")
        return
    if not len(checked.comparable):
        yield ModelFinding(name, "note", UNCOMPARABLE)
        return
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    try:
        with quiet_loading(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, found = _by_sentence_transformers(checked)
    except Exception as error:  # whatever it says of this folder is the finding
        yield ModelFinding(name, "error", f"it cannot score with this folder ({line(error)})")
        return
    found = found.reshape(len(found), -1)
    dtype = str(next(iter(theirs.parameters())).dtype).removeprefix("torch.")
    expected = checked.logits[checked.comparable]
    if found.shape != expected.shape:
        what = f"it gives scores of shape {found.shape}, expected {expected.shape}"
        yield ModelFinding(name, "error", what)
        return
    apart = float(np.abs(found - expected).max())
    distinct = found[np.isin(checked.comparable, checked.distinct)]
    n_distinct = len(np.unique(distinct, axis=0))
    if dtype != "float32" and n_distinct < TIED * len(distinct):
        yield ModelFinding(
            name,
            "error",
            f"mass ties: it computes in {dtype}, as the weights are stored, and gives {len(distinct)} "
            f"different pairs {n_distinct} scores. Store the weights in float32 (a causal model's by rankdistill "
            "export --classifier --dtype float32)",
        )
    elif not apart <= (AGREEMENT if dtype == "float32" else HALF_AGREEMENT) * checked.size:
        yield ModelFinding(
            name,
            "error",
            f"it gives other logits, {apart:.3g} apart where they are of size {checked.size:.3g}: it reads another "
            "length, prompt, tokenizer or head from this folder",
        )
    else:
        level = "ok" if dtype == "float32" else "warning"
        said = f"the same logits ({apart:.2g} apart)" if level == "ok" else f"it computes in {dtype}, {apart:.2g} apart"
        yield ModelFinding(name, level, said)  # type: ignore[arg-type]


def _by_sentence_transformers(checked: Checked) -> tuple[Any, F32]:
    import sentence_transformers as library

    theirs: Any = library.CrossEncoder(
        str(checked.folder), device="cpu", local_files_only=True, activation_fn=nn.Identity(), trust_remote_code=False
    )
    if not isinstance(theirs, nn.Module):
        raise RankDistillError(f"sentence-transformers {library.__version__} is too old, 5 or later is needed")
    scorer: Any = theirs
    pairs = [checked.pairs[row] for row in checked.comparable]
    found: F32 = np.asarray(scorer.predict(pairs, batch_size=16, show_progress_bar=False), np.float32)
    return theirs, found
