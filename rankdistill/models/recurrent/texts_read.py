"""A recurrent network that reads another number of texts than it was made for."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from rankdistill.models.encoder_parts import encoder_parts
from rankdistill.models.recurrent.vocabulary import with_segments


def with_texts(model: Any, tokenizer: Any, n_texts: int) -> tuple[Any, Any, list[str]]:
    """Make a network read ``n_texts`` texts, 1 or 2; also return its tokenizer and the names of its new weights.

    It shares the encoder of ``model``, and the head where that reads a vector of the same width; else the head is drawn
    from torch's generator, with a warning. The tokenizer of a single text, which need not number segments, is made to.
    Networks whose config states no number of texts are returned as they are.
    """
    if getattr(model.config, "n_texts", n_texts) == n_texts:
        return model, tokenizer, []
    config = copy.deepcopy(model.config)
    config.n_texts = n_texts
    network = type(model)(config).eval().to(model.device)
    tokenizer = with_segments(tokenizer) if n_texts == 2 else tokenizer
    keeps_head = config.hidden_size == model.config.hidden_size
    for name, module in model.named_children():
        if keeps_head or name in encoder_parts(model):
            setattr(network, name, module)
    if keeps_head:
        return network, tokenizer, []
    warnings.warn(
        f"a {config.model_type} that reads {model.config.n_texts} of a pair's texts is made to read {n_texts}: the "
        "layers after its encoder are new, and must be trained",
        stacklevel=3,
    )
    inside = encoder_parts(model)
    new = [name for name, _ in network.named_parameters() if name.partition(".")[0] not in inside]
    return network, tokenizer, new
