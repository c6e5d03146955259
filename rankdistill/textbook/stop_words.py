"""Words that are no part of a keyword: those with a grammatical function, and the emptiest ones."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from rankdistill.errors import MissingExtraError, UsageError
from rankdistill.textbook.words import folded_word

_DETERMINERS = """a all an another any both each either enough every few half less many more most much neither no
none other others own same several some such that the these this those various what whatever which whichever whose"""
_PRONOUNS = """anybody anyone anything everybody everyone everything he her hers herself him himself his i it its
itself me mine my myself nobody nothing oneself our ours ourselves she somebody someone something their theirs them
themselves they us we who whoever whom you your yours yourself yourselves"""
_PREPOSITIONS = """about above across after against along alongside amid among amongst around as at before behind
below beneath beside besides between beyond by concerning despite down during except for from in inside into like
near of off on onto out outside over per regarding since than through throughout till to toward towards under
underneath unlike until unto up upon versus via with within without"""
_CONJUNCTIONS = """albeit although and because but hence however if lest moreover nevertheless nonetheless nor once
or otherwise provided so therefore though thus unless when whenever where whereas wherever whether while yet"""
_AUXILIARIES = """am are be been being can cannot could did do does doing done had has have having is may might must
need ought shall should was were will would"""
_SHORTENED = """ain't aren't can't couldn't d didn't doesn't don't hadn't hasn't haven't he'd he'll he's here's
how's i'd i'll i'm i've isn't it's let's ll m mightn't mustn't n't needn't re s shan't she'd she'll she's shouldn't
t that's there's they'd they'll they're they've ve wasn't we'd we'll we're we've weren't what's when's where's who's
why's won't wouldn't you'd you'll you're you've"""
_ADVERBS = """again ago almost already also always anyway apart away back certainly else especially etc even ever
far finally further generally here how indeed instead just later likely mainly maybe merely mostly namely never not
now nowhere often only perhaps please possibly probably quite rather really respectively seldom simply sometimes
somewhat soon still then thereafter thereby there together too truly usually very well why"""
_VERBS = """became become becomes came come comes consider considered get gets getting give given gives go goes
going gone got keep keeps know known let made make makes making say says seem seemed seems see seen take taken takes
taking tell tend think thought took use used uses using want wants went"""

STOP_WORDS = frozenset(
    " ".join(
        (_DETERMINERS, _PRONOUNS, _PREPOSITIONS, _CONJUNCTIONS, _AUXILIARIES, _SHORTENED, _ADVERBS, _VERBS)
    ).split()
)
"""Of English."""


def stop_words_of(language: str, file: str | Path | None = None) -> frozenset[str]:
    """The stop words of a language, by its ISO code: ours of English, spaCy's of others; or those of a file.

    file: text in UTF-8, words apart by white space; of an empty file no word is one. Words are folded as texts are.
    Raises `MissingExtraError` where spaCy is not installed, `UsageError` for a language that it has no stop words of,
    and for a file that cannot be read.
    """
    words: Iterable[str] = STOP_WORDS
    if file is not None:
        try:
            words = Path(file).read_text(encoding="utf-8-sig").split()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} cannot be read as a file of stop words, text in UTF-8: {error}") from error
    elif language != "en":
        words = _words_of_spacy(language)
    return frozenset(map(folded_word, words))


def _words_of_spacy(language: str) -> Iterable[str]:
    if find_spec("spacy") is None:
        raise MissingExtraError(f"finding keywords in {language!r} without a file of stop words", "augment")
    try:
        words: Iterable[str] = import_module(f"spacy.lang.{language}.stop_words").STOP_WORDS
    except ImportError:
        raise UsageError(
            f"there are no stop words of the language {language!r}: give a file of them, an empty one for none"
        ) from None
    return words
