"""Terms: what words and identifiers of a text are indexed under, in any script and encoding."""
# ruff: noqa: RUF001

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.retrieval.scripts import other_than_plain, word_pattern
from rankdistill.retrieval.terms import is_unsegmented, query_terms, singular, terms


def test_words_are_lower_cased_and_stop_words_dropped():
    assert terms("The Sum of an Array, of 3-D!") == ["sum", "array", "3", "d"]


def test_identifiers_are_found_whole_and_by_their_parts():
    assert terms("GridSpec") == ["gridspec", "grid", "spec"]
    assert terms("np.random.default_rng(HTTPServer2)") == [
        *("np", "random", "default", "rng"),
        *("httpserver2", "http", "server", "2"),
    ]
    assert terms("NASA Numbers lower") == ["nasa", "number", "lower"]


@pytest.mark.parametrize(
    "word",
    [
        *["पुस्तक", "বই", "పుస్తకం", "புத்தகம்", "പുസ്തകം", "ಪುಸ್ತಕ", "પુસ્તક", "ਕਿਤਾਬ", "ପୁସ୍ତକ", "පොත"],
        *["книга", "βιβλίο", "գիրք", "წიგნი", "መጽሐፍ", "ᠨᠣᠮ", "კ̣"],
        *["naïve", "été", "đường", "ångström", "2²", "10⁶", "a1b2"],
    ],
)
def test_a_word_is_one_term_with_its_marks(word):
    assert terms(f"{word} x, {word}!") == [unicodedata.normalize("NFC", word), "x", unicodedata.normalize("NFC", word)]


@pytest.mark.parametrize(
    "words",
    [
        ("Größe", "GRÖSSE", "größe", "Gro\u0308ße"),
        ("Straße", "STRASSE", "STRAẞE"),
        ("İstanbul", "istanbul", "ISTANBUL", "ıstanbul"),
        ("ＧｒｉｄＳｐｅｃ", "GridSpec"),
        ("dictionary", "dic\u00adtionary"),
        ("ﬁnding", "finding"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("क़लम", "\u0915\u093cलम"),
        ("क्\u200dष", "क्\u200cष", "क्ष"),
        ("می\u200cخواهم", "میخواهم"),
        ("كِتَابٌ", "كتاب", "كـــتاب"),
        ("آب", "ا\u0653ب"),
        ("שָׁלוֹם", "שלום", "\ufb2aָלוֹם"),
        ("२०२३", "2023", "٢٠٢٣", "２０２３"),
        ("ｶﾞｽ", "ガス", "カ\u3099ス"),
        ("학교", "\u1112\u1161\u11a8\u1100\u116d"),
        ("한", "하\u11ab"),
        ("葛\U000e0100城", "葛城"),
        ("ni\u200b", "ni"),
        ("Việt", unicodedata.normalize("NFD", "Việt")),
    ],
)
def test_ways_to_write_a_word_are_one_word(words):
    assert {tuple(terms(word)) for word in words} == {tuple(terms(words[0]))}
    assert {tuple(query_terms(word)) for word in words} == {tuple(query_terms(words[0]))}


@pytest.mark.parametrize("words", [("кот", "кит"), ("किताब", "किताबें"), ("10⁶", "106"), ("café", "cafe"), ("म", "मा")])
def test_different_words_stay_different(words):
    assert terms(words[0]) != terms(words[1])


@pytest.mark.parametrize("text", ["\u0301", "\u0930\u094d"[1:], "…—“”", "☕️🙂", "\u200d\u00ad", "ـ", "\ufe0f", "ּ"])
def test_marks_signs_and_what_does_not_show_are_no_words(text):
    assert terms(text) == query_terms(text) == []


def test_text_without_blanks_is_indexed_by_characters_and_pairs_and_looked_up_by_pairs():
    assert terms("学习ranking方法。") == ["学", "习", "学习", "ranking", "方", "法", "方法"]
    assert query_terms("学习ranking方法。") == ["学习", "ranking", "方法"]
    assert query_terms("猫") == ["猫"]
    assert terms("2023年") == ["2023", "年"]
    assert query_terms("図書館へ") == ["図書", "書館", "館へ"]
    assert query_terms("学校에서") == ["学校", "校에", "에서"]


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("น้ำดื่ม", ["น" + "\u0e49\u0e4d", "า", "ดื่", "ม"]),
        ("ປຶ້ມ", ["ປຶ້", "ມ"]),
        ("ខ្មែរ", ["ខ្មែ", "រ"]),
        ("မြန်မာ", ["မြ", "န်", "မာ"]),
        ("ဗုဒ္ဓ", ["ဗု", "ဒ္ဓ"]),
        ("ᦅᦱ", ["ᦅ", "ᦱ"]),
    ],
)
def test_a_character_has_its_vowels_tones_and_what_is_written_below(text, characters):
    assert terms(f"{text}!") == [*characters, *(first + second for first, second in pairwise(characters))]


@pytest.mark.parametrize(
    ("text", "unsegmented"),
    [("a plain text", False), ("naïve книга किताब", False), ("ราคา", True), ("the word 猫", True), ("한국어", True)],
)
def test_text_that_is_not_segmented_is_known(text, unsegmented):
    assert is_unsegmented(text) is unsegmented


@given(st.text())
def test_any_text_has_the_same_terms_composed_and_decomposed(text):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert terms(composed) == terms(decomposed)
    assert set(query_terms(text)) <= set(terms(text))
    assert all(terms(text)), "no term is empty"


@given(st.text(st.characters(max_codepoint=0x2BFF)))
def test_the_fast_way_through_plain_text_finds_the_same_words(text):
    if not other_than_plain().search(text):
        assert [match[0] for match in word_pattern().finditer(text)] == re.findall(r"[^\W_]+", text)


@pytest.mark.parametrize(
    ("word", "folded"),
    [
        *[("queries", "query"), ("images", "image"), ("matrices", "matrice"), ("cats", "cat"), ("gas", "gas")],
        *[("class", "class"), ("focus", "focus"), ("shoes", "shoes"), ("axes", "axe"), ("is", "is")],
    ],
)
def test_plurals_fold_as_the_s_stemmer_says(word, folded):
    assert singular(word) == folded


def test_text_without_words_has_no_terms():
    assert terms("") == terms("?! -- the of") == []
