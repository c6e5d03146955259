"""From texts to what a model reads: tokens, templates of pairs, windows over long documents, batches of like length."""

from rankdistill.inputs.batches import Batches, length_sorted_batches
from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.prompt import Prompt
from rankdistill.inputs.prompted import PromptAssembler
from rankdistill.inputs.template import PairTemplate
from rankdistill.inputs.tokens import NO_TEXT, TokenizedTexts
from rankdistill.inputs.windows import Windows

__all__ = [
    "NO_TEXT",
    "Batches",
    "PairAssembler",
    "PairTemplate",
    "Prompt",
    "PromptAssembler",
    "TokenizedTexts",
    "Windows",
    "length_sorted_batches",
]
