"""Tokenizers of the students: words of the training's texts, or the pieces of a base, always with segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from rankdistill.errors import DataError
from rankdistill.inputs.template import PairTemplate

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
NAMES = ["input_ids", "token_type_ids", "attention_mask"]
WORD = r"\w+(?=n't\b)|n't\b|'(?:s|re|ve|d|ll|m)\b|\d+(?:[.,]\d+)+|\w+|[^\w\s]"
"""A word: English endings apart (do n't, it 's), as published vectors have them; numbers whole; each other mark."""
LONGEST = 512


def word_tokenizer(words: Sequence[str], lower_case: bool, max_length: int) -> PreTrainedTokenizerFast:
    """Make a tokenizer of these words; others are [UNK]. Chinese characters are words."""
    vocabulary = {token: place for place, token in enumerate(dict.fromkeys((*SPECIAL.values(), *words)))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL["unk_token"]))
    _split_words(tokenizer, lower_case)
    cls, sep = SPECIAL["cls_token"], SPECIAL["sep_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls}:0 $A:0 {sep}:0",
        pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
        special_tokens=[(token, vocabulary[token]) for token in (cls, sep)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=max_length, model_input_names=NAMES, **SPECIAL
    )


def _split_words(tokenizer: Tokenizer, lower_case: bool) -> None:
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=lower_case
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)


def count_words(texts: Iterable[Sequence[str]], lower_case: bool) -> Counter[str]:
    """Count the words of texts, given slice by slice, as `word_tokenizer` splits them."""
    splitter = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    _split_words(splitter, lower_case)
    normalizer, splits = splitter.normalizer, splitter.pre_tokenizer
    counts: Counter[str] = Counter()
    for texts_of_slice in texts:
        for text in texts_of_slice:
            counts.update(word for word, _ in splits.pre_tokenize_str(normalizer.normalize_str(text)))
    return counts


def with_segments(tokenizer: Any) -> Any:
    """Return a base's tokenizer as it is where it numbers a pair's texts 0 and 1, else one that does, of the same ids.

    Raises `DataError` where a pair follows no template of special tokens, or none of them stands between the texts.
    """
    template = PairTemplate.of(tokenizer)
    if template.text_types == (0, 1) and "token_type_ids" in tokenizer.model_input_names:
        return tokenizer
    single = PairTemplate.of_one(tokenizer)
    vocabulary = {place: token for token, place in tokenizer.get_vocab().items()}
    before, between, after = ([vocabulary[int(place)] for place in part] for part in template.ids)
    begin, _, end = ([vocabulary[int(place)] for place in part] for part in single.ids)
    if tokenizer.pad_token is None:
        raise DataError(
            f"{type(tokenizer).__name__} has no padding token, so that no student can be made of its tokens: name "
            "another base, or take words"
        )
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    backend.no_truncation()
    special = sorted({*before, *between, *after, *begin, *end})
    backend.post_processor = processors.TemplateProcessing(
        single=[*_in_segment(begin, 0), "$A:0", *_in_segment(end, 0)],
        pair=[*_in_segment([*before], 0), "$A:0", *_in_segment(between, 0), "$B:1", *_in_segment(after, 1)],
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token)) for token in special],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=min(int(tokenizer.model_max_length), LONGEST),
        model_input_names=NAMES,
        **{name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)},
    )


def _in_segment(tokens: Sequence[str], segment: int) -> list[str]:
    return [f"{token}:{segment}" for token in tokens]
