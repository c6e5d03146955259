"""Tokenizers of the students: words of the training's texts, or the pieces of a base, always with segments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from rankdistill.errors import DataError
from rankdistill.inputs.template import PairTemplate
from rankdistill.retrieval.scripts import CHARACTERS

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
NAMES = ["input_ids", "token_type_ids", "attention_mask"]
_CHARACTERS = "".join(f"{chr(first)}-{chr(last)}" for first, last in CHARACTERS)
_LETTERS = rf"[\w&&[^{_CHARACTERS}]]+"
WORD = (
    rf"(?i){_LETTERS}(?=n't\b)|n't\b|'(?:s|re|ve|d|ll|m)\b|\d+(?:[.,]\d+)+"
    rf"|[{_CHARACTERS}]\p{{M}}*|{_LETTERS}|[^\w\s]"
)
"""A word, in Oniguruma's syntax: English endings apart (do n't, it 's), as published vectors have them; numbers whole;
each kana or Chinese character, as `augment` has them; each other mark."""
AROUND = "()[]{}<>,;:!?\"'`\u201c\u201d\u2018\u2019"
"""Marks around a word, with which it stands between blanks."""
LONGEST = 512


def word_tokenizer(words: Sequence[str], lower_case: bool, max_length: int) -> PreTrainedTokenizerFast:
    """Make a tokenizer of these words; others are [UNK]. Kana and Chinese characters are words, one each.

    A word that `WORD` would split, such as ``long-term``, ``u.s.`` or ``--``, is found whole where it stands by itself:
    of what the vocabulary has, the longest counts.
    """
    vocabulary = {token: place for place, token in enumerate(dict.fromkeys((*SPECIAL.values(), *words)))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL["unk_token"]))
    tokenizer.normalizer, tokenizer.pre_tokenizer = _normalizer(lower_case), _splitter()
    cls, sep = SPECIAL["cls_token"], SPECIAL["sep_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls}:0 $A:0 {sep}:0",
        pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
        special_tokens=[(token, vocabulary[token]) for token in (cls, sep)],
    )
    whole = [word for word in vocabulary if word not in SPECIAL.values() and is_split(word, lower_case)]
    tokenizer.add_tokens([AddedToken(word, single_word=True, normalized=True, special=False) for word in whole])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=max_length, model_input_names=NAMES, **SPECIAL
    )


def count_runs(texts: Iterable[Sequence[str]]) -> Counter[str]:
    """Count what stands between blanks in texts, given slice by slice; special tokens are none of their words."""
    special = re.compile("|".join(map(re.escape, SPECIAL.values())))
    runs: Counter[str] = Counter()
    for texts_of_slice in texts:
        for text in texts_of_slice:
            runs.update(special.sub(" ", text).split())
    return runs


def count_words(runs: Mapping[str, int], lower_case: bool) -> Counter[str]:
    """Count the words in what `count_runs` has counted, as `word_tokenizer` splits what no vocabulary has whole."""
    normalizer, splitter = _normalizer(lower_case), _splitter()
    counts: Counter[str] = Counter()
    for run, number in runs.items():
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(run)):
            counts[word] += number
    return counts


def count_compounds(runs: Mapping[str, int], lower_case: bool) -> Counter[str]:
    """Count what would be a word if a vocabulary had it whole, such as ``long-term``, ``u.s.`` or ``--``."""
    normalizer = _normalizer(lower_case)
    counts: Counter[str] = Counter()
    for run, number in runs.items():
        for word in dict.fromkeys(_unwrapped(normalizer.normalize_str(run).strip())):
            if is_split(word, lower_case):
                counts[word] += number
    return counts


def is_split(word: str, lower_case: bool) -> bool:
    """Whether a word that is written as texts are read is split into several where a vocabulary has it not whole."""
    return is_written(word, lower_case) and [part for part, _ in _splitter().pre_tokenize_str(word)] != [word]


def is_written(word: str, lower_case: bool) -> bool:
    """Whether a word is written as texts are read: in lower case where they are; else no text has it."""
    return bool(_normalizer(lower_case).normalize_str(word).strip() == word)


def _unwrapped(run: str) -> Iterator[str]:
    """What stands between blanks as it is, without the marks around it, and without a full stop at the end."""
    inside = run.strip(AROUND)
    yield from (run, inside, inside.rstrip("."))


@cache
def _normalizer(lower_case: bool) -> Any:
    own = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=False,  # `WORD` parts them, kana too
        strip_accents=False,
        lowercase=lower_case,
    )
    return normalizers.Sequence([own, normalizers.Replace("\u2019", "'")])


@cache
def _splitter() -> Any:
    return pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)


def with_segments(tokenizer: Any) -> Any:
    """Return a base's tokenizer as it is where it numbers a pair's texts 0 and 1, else one that does, of the same ids.

    Raises `DataError` where a pair follows no template of special tokens, or none of them stands between the texts.
    """
    template = PairTemplate.of(tokenizer)
    if template.text_types == (0, 1) and "token_type_ids" in tokenizer.model_input_names:
        return tokenizer
    if not len(template.ids[1]):
        raise DataError(
            f"{type(tokenizer).__name__} puts no special token between the texts of a pair, so that a student cannot "
            "tell them apart: name another base, or take words"
        )
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
