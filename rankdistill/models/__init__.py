"""Models that score: the cross-encoder, its score contract, shallower copies, engines, and the base encoder."""

from rankdistill.inputs.batches import length_sorted_batches
from rankdistill.models.base import DEFAULT_BASE, resolve_base
from rankdistill.models.contract import CONTRACTS, ScoreContract
from rankdistill.models.cosine_start.start import cosine_start
from rankdistill.models.cosine_start.suited import is_sentence_encoder
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.encoder import Encoder
from rankdistill.models.engines.table import ENGINES
from rankdistill.models.heads import as_one_logit, relevant_second, with_two_logits
from rankdistill.models.layers import keep_layers

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
