"""Words that a masked language model proposes, against transformers' own logits, one text at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pair_tasks import write_glue
from tiny import WORDS, lively, make_tokenizer
from transformers import AutoModelForMaskedLM

from rankdistill.augment import AugmentSettings, augment, contextual
from rankdistill.augment.contextual import MaskedWords
from rankdistill.data.pair_parts import read_pairs
from rankdistill.data.sources import load_collection
from rankdistill.errors import DataError, UsageError


def base(folder: Path, family: str = "bert", seed: int = 1) -> Path:
    torch.manual_seed(seed)
    AutoModelForMaskedLM.from_config(lively(family).config).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", ["bert", "distilbert", "modernbert"])
def test_proposals_are_the_likeliest_whole_words_but_the_word_itself(family: str, tmp_path: Path) -> None:
    model = MaskedWords(base(tmp_path / "base", family))
    assert sorted(model.texts) == sorted(WORDS)
    whole = AutoModelForMaskedLM.from_pretrained(tmp_path / "base").eval()
    befores, words, afters = (
        ["the ", "", "a [MASK] "],
        ["dog", "Cat", "unseen"],
        [" is first.", " list", " of the list"],
    )
    found = model.propose(befores, words, afters, 5)
    for row, (before, word, after) in enumerate(zip(befores, words, afters, strict=True)):
        inputs = model.tokenizer(f"{before}[MASK]{after}", return_tensors="pt")
        place = np.flatnonzero(inputs["input_ids"][0].numpy() == model.tokenizer.mask_token_id)[before.count("[MASK]")]
        with torch.no_grad():
            logits = whole(**inputs).logits[0, int(place)]
        order = [model.tokenizer.decode([token]) for token in logits.argsort(descending=True)]
        expected = [text for text in order if text in WORDS and text != word.lower()][:5]
        assert [model.texts[each] for each in found[row]] == expected


def test_a_place_beyond_what_the_model_reads_has_no_proposal(tmp_path: Path) -> None:
    model = MaskedWords(base(tmp_path / "base"))
    assert model.propose(["the " * 80], ["dog"], [""], 3).tolist() == [[-1, -1, -1]]


def test_variations_have_the_models_words(tmp_path: Path) -> None:
    collection = load_collection(f"glue:rte@{write_glue(tmp_path / 'glue')}")
    settings = AugmentSettings(p_mask=0, p_pos=0.1, p_context=0.5, n_iter=3, context_words=4, tagger="forms")
    for name in "ab":
        counts = augment(collection, tmp_path / name, settings, base=base(tmp_path / "base"), processes=1)
    assert counts["words replaced in context"] > 300
    texts = read_pairs(tmp_path / "a")["first"].to_pylist()
    assert {word for text in texts for word in text.split()} <= set(WORDS)
    assert (tmp_path / "a" / "00000.parquet").read_bytes() == (tmp_path / "b" / "00000.parquet").read_bytes()


def test_a_base_without_a_head_is_refused(tmp_path: Path) -> None:
    lively("bert").save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(DataError, match="has no head of a masked language model"):
        MaskedWords(tmp_path)


def test_a_killed_call_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = load_collection(f"glue:rte@{write_glue(tmp_path / 'glue')}")
    settings = AugmentSettings(p_mask=0, p_pos=0, p_context=0.5, n_iter=2, context_words=4)
    monkeypatch.setattr(contextual, "CHUNK", 20)
    propose, chunks, kill_after = MaskedWords.propose, list[int](), [1000]

    def counted(self: MaskedWords, befores: list[str], *rest: Any) -> Any:
        if len(chunks) == kill_after[0]:
            raise KeyboardInterrupt
        chunks.append(len(befores))
        return propose(self, befores, *rest)

    monkeypatch.setattr(MaskedWords, "propose", counted)
    model = base(tmp_path / "base")
    augment(collection, tmp_path / "whole", settings, base=model, processes=1)
    whole = chunks.copy()
    chunks.clear()
    kill_after[0] = 2
    with pytest.raises(KeyboardInterrupt):
        augment(collection, tmp_path / "killed", settings, base=model, processes=1)
    assert not (tmp_path / "killed").exists()
    kill_after[0] = 1000
    augment(collection, tmp_path / "killed", settings, base=model, processes=1)
    assert chunks == whole
    killed, uninterrupted = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("killed", "whole")
    )
    assert killed == uninterrupted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "glue", "killed", "whole"]


def test_a_base_that_was_trained_again_is_another(tmp_path: Path) -> None:
    collection = load_collection(f"glue:rte@{write_glue(tmp_path / 'glue')}")
    settings = AugmentSettings(p_mask=0, p_pos=0, p_context=0.5, n_iter=2, context_words=4)
    for _ in range(2):
        augment(collection, tmp_path / "out", settings, base=base(tmp_path / "base"), processes=1)
    base(tmp_path / "base", seed=2)
    with pytest.raises(UsageError, match="made with other weights"):
        augment(collection, tmp_path / "out", settings, base=tmp_path / "base", processes=1)
