"""The XLM-R of the benchmark is a BERT in other names, so that it ranks as that does."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import WORDS, make_model, make_tokenizer

from benchmarks.causal_speed import as_xlm_roberta
from rankdistill.models import CrossEncoder

PAIRS = [(" ".join(random.Random(n).choices(WORDS, k=1 + n % 5)), " ".join(WORDS[n : 3 * n])) for n in range(12)]


def test_an_xlm_r_made_of_a_bert_gives_its_scores(tmp_path: Path) -> None:
    model = make_model()
    with torch.no_grad():
        for weight in model.parameters():  # those of token types and positions, too, so that scores differ by them
            weight.add_(0.2 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))
    bert = CrossEncoder(model, make_tokenizer())
    folder = as_xlm_roberta(bert, tmp_path / "model")
    made = CrossEncoder.from_pretrained(folder)
    assert (made.model.config.model_type, made.max_length) == ("xlm-roberta", bert.max_length)
    expected = bert.predict(PAIRS)
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(made.predict(PAIRS), expected, atol=1e-5)
    library = pytest.importorskip("sentence_transformers")
    theirs = library.CrossEncoder(str(folder), device="cpu")
    np.testing.assert_allclose(theirs.predict(PAIRS, activation_fn=None), 1 / (1 + np.exp(-expected)), atol=1e-5)
