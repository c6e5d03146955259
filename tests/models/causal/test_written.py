"""A prompt is saved as it is read, whatever it ends in: the saved folder makes the same tokens and scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_causal import FAMILIES, write_causal
from tokenizers import processors
from transformers import AutoTokenizer

from rankdistill.models import CrossEncoder

TOKENS = {"relevant_token": "a", "other_token": "the"}
ENDINGS = {
    "word": "\nAnswer:",
    "nothing": "",
    "turn": "<|im_end|>\n<|im_start|>a",
    "line after the end": "<|im_end|>\n",
    "end": "<|im_end|>",
    "blank": "\nAnswer: ",
    "end twice": "<|im_end|><|im_end|>",
    "padding": "<|endoftext|>",
}
PAIRS = [
    (query, document)
    for query in ("what is a dog?", " a")
    for document in ("a dog", "the cat wrote a book.\n", "", "long " * 300)
]


def causal(folder: Path, family: str) -> Path:
    """A causal model whose tokenizer declares the tokens of a chat as special, as Qwen's does."""
    write_causal(folder, family)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.save_pretrained(folder)
    return folder


def check_saved(model: CrossEncoder, folder: Path) -> None:
    """Check that a model which is saved and loaded again reads the same tokens and gives the same scores."""
    again = CrossEncoder.from_pretrained(model.save(folder))
    inputs = [each.assembler.assemble(*each.assembler.tokenize_pairs(each.tokenizer, PAIRS)) for each in (model, again)]
    masks = [each["attention_mask"] for each in inputs]
    np.testing.assert_array_equal(*masks)
    np.testing.assert_array_equal(*(each["input_ids"][mask == 1] for each, mask in zip(inputs, masks, strict=True)))
    np.testing.assert_allclose(again.predict(PAIRS), model.predict(PAIRS), atol=1e-5)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_prompt_makes_the_same_tokens(tmp_path: Path, family: str, ending: str) -> None:
    folder = causal(tmp_path / "causal", family)
    prompt = "Query: {query}\nDocument: {document}" + ENDINGS[ending]
    check_saved(CrossEncoder.from_pretrained(folder, prompt=prompt, **TOKENS), tmp_path / "classifier")


@pytest.mark.parametrize("ending", ENDINGS)
def test_tokens_that_the_tokenizer_adds_are_spelled_out_once(tmp_path: Path, ending: str) -> None:
    folder = causal(tmp_path / "causal", "qwen3")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    added = [("<bos>", 3), ("<|im_end|>", 2)]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <|im_end|>", pair="<bos> $A $B <|im_end|>", special_tokens=added
    )
    tokenizer.save_pretrained(folder)
    prompt = "Query: {query}\nDocument: {document}" + ENDINGS[ending]
    model = CrossEncoder.from_pretrained(folder, prompt=prompt, **TOKENS)
    inputs = model.assembler.assemble(*model.assembler.tokenize_pairs(model.tokenizer, PAIRS[:1]))
    whole = model.tokenizer(prompt.format(query=PAIRS[0][0], document=PAIRS[0][1]))["input_ids"]
    assert inputs["input_ids"][0].tolist() == whole
    assert (whole[0], whole[-1]) == (3, 2)
    check_saved(model, tmp_path / "classifier")
