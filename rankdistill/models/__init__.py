"""Models that score: the cross-encoder, its score contract, shallower copies, engines, and the base encoder."""

from typing import TYPE_CHECKING

from rankdistill.inputs.batches import length_sorted_batches
from rankdistill.lazy import lazily

if TYPE_CHECKING:
    from rankdistill.models.base import DEFAULT_BASE, resolve_base
    from rankdistill.models.contract import CONTRACTS, ScoreContract
    from rankdistill.models.cosines.start import cosine_start
    from rankdistill.models.cosines.suited import is_sentence_encoder
    from rankdistill.models.cross_encoder import CrossEncoder
    from rankdistill.models.encoder import Encoder
    from rankdistill.models.engines.table import ENGINES
    from rankdistill.models.heads import as_one_logit, relevant_second, with_two_logits
    from rankdistill.models.layers import keep_layers

_HOMES = {
    "DEFAULT_BASE": "base",
    "resolve_base": "base",
    "CONTRACTS": "contract",
    "ScoreContract": "contract",
    "cosine_start": "cosines.start",
    "is_sentence_encoder": "cosines.suited",
    "CrossEncoder": "cross_encoder",
    "Encoder": "encoder",
    "ENGINES": "engines.table",
    "as_one_logit": "heads",
    "relevant_second": "heads",
    "with_two_logits": "heads",
    "keep_layers": "layers",
}

__all__ = [
    "CONTRACTS",
    "DEFAULT_BASE",
    "ENGINES",
    "CrossEncoder",
    "Encoder",
    "ScoreContract",
    "as_one_logit",
    "cosine_start",
    "is_sentence_encoder",
    "keep_layers",
    "length_sorted_batches",
    "relevant_second",
    "resolve_base",
    "with_two_logits",
]

__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
