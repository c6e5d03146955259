"""A cross-encoder by mteb's protocol: ``mteb.evaluate(MtebCrossEncoder("runs/student/model"), tasks)``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.arrays import F32
from rankdistill.errors import MissingExtraError, UsageError
from rankdistill.models import CrossEncoder
from rankdistill.models.precision import default_device
from rankdistill.neighbours.loaded import loaded, margins

try:
    from mteb.models import ModelMeta
except ImportError as error:
    raise MissingExtraError("evaluation by mteb", "mteb") from error

NO_REVISION = (None, "no_revision_available")


class MtebCrossEncoder:
    """Score the pairs of mteb's re-ranking tasks by a cross-encoder: mteb's `CrossEncoderProtocol`.

    model_name: a `CrossEncoder`, its folder or its hub id. revision: of a hub id; only the one that is there is loaded.
    device: None, or the one that torch takes here. name: of the results, ORGANISATION/MODEL (None: the folder's name).
    The score is the logit, or of two logits the margin, before any sigmoid. Raises `UsageError` for another revision or
    device.
    """

    def __init__(
        self,
        model_name: CrossEncoder | str | Path,
        revision: str | None = None,
        device: str | None = None,
        *,
        name: str | None = None,
        batch_tokens: int | None = None,
    ) -> None:
        if revision not in NO_REVISION:
            raise UsageError(f"revision {revision!r} is not looked up: fetch it, and give the folder as the model")
        self.model = loaded(model_name)
        here = default_device().type
        if device is not None and device.partition(":")[0] != here:
            raise UsageError(f"device {device!r} is asked for, and this machine's models compute on {here!r}")
        self.batch_tokens = batch_tokens
        called = name or (Path(model_name).name if not isinstance(model_name, CrossEncoder) else "model")
        self._meta = ModelMeta.create_empty(
            overwrites={
                "name": called if "/" in called else f"rankdistill/{called}",
                "revision": self.model.fingerprint(),
                "n_parameters": self.model.n_parameters,
                "max_tokens": self.model.max_length,
                "framework": ["PyTorch"],
                "model_type": ["cross-encoder"],
                "loader": MtebCrossEncoder,
            }
        )

    @property
    def mteb_model_meta(self) -> ModelMeta:
        """The facts that mteb stores beside results; the revision is the fingerprint of the weights and settings."""
        return self._meta

    def predict(
        self,
        inputs1: Iterable[Mapping[str, Any]],
        inputs2: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        prompt_type: Any = None,
        **kwargs: Any,
    ) -> F32:
        """Score pairs, float32 (N,): the texts of ``inputs1``, batches of queries, with those of ``inputs2``.

        Sizes of batches and other settings of encoding are not needed. Raises `UsageError` for batches without texts,
        as those of images are, and where one side has more.
        """
        scores = [
            margins(self.model, list(zip(_texts(queries), _texts(documents), strict=True)), self.batch_tokens)
            for queries, documents in zip(inputs1, inputs2, strict=True)
        ]
        return np.concatenate(scores) if scores else np.zeros(0, np.float32)


def _texts(batch: Mapping[str, Any]) -> list[str]:
    if "text" not in batch:
        raise UsageError(
            f"a cross-encoder reads texts, and a batch has {', '.join(batch)} alone: choose tasks of texts"
        )
    return list(batch["text"])
