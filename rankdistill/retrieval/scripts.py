"""Regular expressions for words in any script: letters with their marks, and runs of scripts that use no blanks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache

# Blocks, from first to last code point. Only letters in them count, see `_letters`.
IDEOGRAPHIC = (
    (0x1100, 0x11FF),  # Hangul letters, of which syllables may be composed
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x312F),  # iteration marks, Hiragana, Katakana, Bopomofo
    (0x3131, 0x318E),  # Hangul letters
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0xA4CF),  # Han, Yi
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),  # Hangul syllables
    (0xF900, 0xFAFF),
    (0xFF66, 0xFFDC),  # forms of half the width
    (0x16FE0, 0x18DFF),  # Tangut, Khitan
    (0x1AFF0, 0x1B2FF),  # more of Kana, Nushu
    (0x20000, 0x323AF),  # Han
)
"""Chinese, Japanese, Korean and their like: a character is a syllable or a word."""
UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17DF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0xA980, 0xA9FF),  # Javanese, more of Burmese
    (0xAA60, 0xAADF),  # more of Burmese, Tai Viet
    (0x11700, 0x1173F),  # Ahom
)
"""Alphabets of South East Asia that are written without blanks between words."""
CHARACTERS = (
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x323AF),
)
"""Kana and Chinese characters, each of which a student of words and `augment` take for a word, as no blank parts them;
Hangul is none of them, as blanks part Korean words."""
IGNORED = (
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x180B, 0x180F),
    (0x200C, 0x200F),  # (non-)joiners, marks of direction; U+200B parts words and is none of these
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0xFE00, 0xFE0F),  # selectors of variants
    (0xFEFF, 0xFEFF),
    (0xE0100, 0xE01EF),
)
"""Characters that do not show, inside words. Source: Unicode's Default_Ignorable_Code_Point."""
POINTS = (
    *((0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2), (0x05C4, 0x05C5), (0x05C7, 0x05C7)),
    *((0x0640, 0x0640), (0x064B, 0x0652), (0x0670, 0x0670), (0x06D6, 0x06DC), (0x06DF, 0x06E4), (0x06E7, 0x06E8)),
    (0x06EA, 0x06ED),
)
"""Points that Arabic and Hebrew are mostly written without, and the Arabic stroke that stretches a word."""
PLAIN = (
    *((0x0000, 0x00AC), (0x00AE, 0x02FF), (0x0370, 0x0482), (0x048A, 0x0590), (0x1E00, 0x200B), (0x2010, 0x2029)),
    *((0x202F, 0x205F), (0x2070, 0x20CF), (0x2100, 0x2BFF), (0xFB00, 0xFB06)),
)
"""Letters, digits and signs of Latin, Greek and Cyrillic text, without marks and what does not show."""
_LAST_MARK = 0x1F000
_STACKERS = "\u17d2\u1039\u1a60"  # the next letter is written below the one before


@cache
def word_pattern(apostrophes: bool = False) -> re.Pattern[str]:
    """Compile the pattern of a word, whose group that matches is named "word", "ideographs" or "unspaced".

    A word is letters and digits, each with its marks and with characters that do not show. Source: Unicode, UAX #29,
    without its rules for punctuation inside words: "can't" and "3.5" are two words each. apostrophes: a word goes on
    over one straight apostrophe that a letter follows, so that "can't" is one.
    """
    within = within_words()
    ideographs, unspaced = _letters(IDEOGRAPHIC), _letters(UNSPACED)
    letters = rf"[^\W_{ideographs}{unspaced}]"
    word = f"{letters}+(?:[{within}]+{letters}*)*"
    if apostrophes:
        word += rf"(?:'(?!\d){word})?"
    return re.compile(
        f"(?P<word>{word})"
        f"|(?P<ideographs>[{ideographs}][{ideographs}{within}]*)"
        f"|(?P<unspaced>[{unspaced}][{unspaced}{within}]*)"
    )


@cache
def within_words() -> str:
    """Write the marks, and the characters that do not show, as the inside of a character class: no ``\\w`` has them."""
    return f"{_marks()}{character_class(IGNORED)}"


@cache
def other_than_plain() -> re.Pattern[str]:
    """Compile the pattern of a character outside `PLAIN`; in a text without one, words are runs of letters."""
    return re.compile(f"[^{character_class(PLAIN)}]")


@cache
def unparted_pattern() -> re.Pattern[str]:
    """Compile the pattern of a letter whose words no blanks part: of `CHARACTERS` and `UNSPACED`."""
    return re.compile(f"[{_letters(CHARACTERS)}{_letters(UNSPACED)}]")


@cache
def run_pattern() -> re.Pattern[str]:
    """Compile the pattern of a letter of a script that is written without blanks between words."""
    return re.compile(f"[{_letters(IDEOGRAPHIC)}{_letters(UNSPACED)}]")


@cache
def character_pattern() -> re.Pattern[str]:
    """Compile the pattern of what a reader takes for one character: a letter, its marks, letters written below it."""
    marks = _marks()
    return re.compile(f"[^{marks}][{marks}]*(?:(?<=[{_STACKERS}])[^{marks}][{marks}]*)*", re.DOTALL)


def _letters(blocks: Iterable[tuple[int, int]]) -> str:
    def is_letter(point: int) -> bool:
        return unicodedata.category(chr(point)) in {"Lo", "Lm", "Nl"} or 0x2E80 <= point <= 0x2FDF

    return character_class(_ranges(is_letter, blocks))


@cache
def _marks() -> str:
    return character_class(_ranges(lambda point: unicodedata.category(chr(point))[0] == "M", [(0x300, _LAST_MARK)]))


def _ranges(wanted: Callable[[int], bool], blocks: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Find the ranges of code points that are wanted, from first to last, within blocks."""
    found: list[tuple[int, int]] = []
    for first, last in blocks:
        for point in filter(wanted, range(first, last + 1)):
            if found and found[-1][1] == point - 1:
                found[-1] = found[-1][0], point
            else:
                found.append((point, point))
    return found


def character_class(ranges: Iterable[tuple[int, int]]) -> str:
    """Write ranges of code points as the inside of a character class."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
