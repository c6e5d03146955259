"""Tag English words by their forms: lists of the closed classes, and the endings of the open ones.

It needs nothing and knows no context: *saw* is a verb, always. Tags are fewer than the Penn Treebank's, under names of
their own.
"""

from __future__ import annotations

import re
from functools import cache

CLOSED = {
    "determiner": "a an the this that these those each every either neither some any no all both half such another",
    "preposition": "of in to for with on at from by about as into like through after over between out against during "
    "without before under around among upon within across behind beyond near since until toward towards despite per "
    "than off along above below beside besides beneath onto via amid",
    "pronoun": "i you he she it we they me him her us them myself yourself himself herself itself ourselves themselves "
    "one someone anyone everyone something anything everything nothing nobody somebody everybody anybody",
    "possessive": "my your his its our their mine yours hers ours theirs 's",
    "conjunction": "and or but nor yet so plus",
    "subordinator": "if because although though while whereas unless whether lest",
    "modal": "can could may might must shall should will would ca wo 'll 'd cannot",
    "auxiliary": "is are was were be been being am do does did has have had 'm 're 've doing having done",
    "negation": "not n't never",
    "question word": "who whom whose which what where when why how whatever whoever whichever whenever wherever",
    "existential": "there here",
    "degree": "very too quite rather really just only even also still more most less least much almost enough far well "
    "ever already again always often now then perhaps maybe soon once twice",
    "number": "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand "
    "million billion",
}
"""Tag -> the words of it, lower case."""
_TAG_OF = {word: tag for tag, words in CLOSED.items() for word in words.split()}
ENDINGS = (
    ("adverb", ("ly",)),
    ("noun", ("tion", "sion", "ment", "ness", "ity", "ance", "ence", "ship", "hood", "ism", "ist", "dom", "ure")),
    ("adjective", ("ful", "ous", "ive", "able", "ible", "less", "ish", "ical", "ial", "ic", "al", "ary", "ant", "ent")),
    ("superlative", ("est",)),
    ("verb, -ing", ("ing",)),
    ("verb, -ed", ("ed",)),
    ("noun, -s", ("s",)),
)
"""Tags and their endings, tried in this order."""
_NUMBER = re.compile(r"[+-]?\d[\d.,:/%-]*(?:st|nd|rd|th|s|k|m|bn)?", re.I)
_SHORTEST_STEM = 3


@cache
def tag_by_form(word: str) -> str:
    """Tag a word, or punctuation."""
    folded = word.casefold().replace("\u2019", "'")
    if not any(map(str.isalnum, word)):
        return "punctuation"
    if tag := _TAG_OF.get(folded):
        return tag
    if _NUMBER.fullmatch(word):
        return "number"
    if word[0].isupper() and not word.isupper() and len(word) > 1 and any(map(str.isupper, word[1:])):
        return "name"
    for tag, endings in ENDINGS:
        if any(folded.endswith(ending) and len(folded) - len(ending) >= _SHORTEST_STEM for ending in endings):
            return "word, -ss" if folded.endswith("ss") and tag == "noun, -s" else tag
    return "word"
