"""Load the transformer of a sentence-transformers folder, the model without a head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModel

from rankdistill.errors import DataError
from rankdistill.models.aligned import aligned
from rankdistill.models.base import quiet_loading
from rankdistill.models.load import check_numbers, check_seal, check_weights, reading

_ENCODERS_OF = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}
"""Model types with a decoder, too -> the class of the encoder alone."""


def load_transformer(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """Load a folder's transformer, of one with a decoder the encoder alone, in eval mode; dtype: of its weights.

    Raises `DataError` where its checksums are others, and for weights that are missing, damaged or no numbers.
    """
    check_seal(folder)
    check_weights(folder)
    with reading(folder, "weights and config.json do not make an encoder that transformers can load"):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        name = _ENCODERS_OF.get(config.model_type)
        if name is None and getattr(config, "is_encoder_decoder", False):
            raise DataError(
                f"{folder} is of type {config.model_type!r}, an encoder with a decoder; of these "
                f"{', '.join(_ENCODERS_OF)} are read as encoders"
            )
        kind = AutoModel if name is None else getattr(transformers, name)
        with quiet_loading():
            model, report = kind.from_pretrained(
                folder,
                output_loading_info=True,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                dtype=dtype,
            )
    # A pooler is no part of what is read here, and many encoders are stored without one.
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing:
        raise DataError(f"{folder} lacks weights of its encoder, the first is {missing[0]}: is it a whole model?")
    check_numbers(folder, model)
    return aligned(model.eval())
