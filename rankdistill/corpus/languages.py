"""Languages that text is split into sentences by: their codes, and whose rules sentencex has for each."""

from __future__ import annotations

import warnings
from difflib import get_close_matches

from rankdistill.errors import UsageError

# sentencex takes any word for a language and does not list those it knows. These are of its releases 1.0.30 to 1.0.32,
# src/languages/fallbacks.rs.
RULES = {
    "am": "Amharic",
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "ca": "Catalan",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "gu": "Gujarati",
    "hi": "Hindi",
    "hy": "Armenian",
    "it": "Italian",
    "ja": "Japanese",
    "kk": "Kazakh",
    "kn": "Kannada",
    "ml": "Malayalam",
    "mr": "Marathi",
    "my": "Burmese",
    "nl": "Dutch",
    "pa": "Punjabi",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sk": "Slovak",
    "ta": "Tamil",
    "te": "Telugu",
    "uk": "Ukrainian",
}
"""Code -> name of each language that sentencex has rules of its own for."""
_LIKE = {
    "ar": "acm aeb aeb-arab apc arq ary arz",
    "bn": "bpy",
    "ca": "oc",
    "da": "jut kl",
    "de": "als bar de-at de-ch de-formal dsb frr gsw hrx hsb ksh lb nds pdc pdt pfl rm sli stq vmf",
    "el": "pnt",
    "es": "an arn ast ay cbk-zam es-formal ext gn guc lad nah qu qug",
    "fi": "fit krl olo smn vot",
    "fr": "atj avk bci bm dua fon frc frp gcf gcr hke ht kab kbp ln lua mg pcd ses sg shy shy-latn ty wa wls wo",
    "hi": "anp awa mag mai sa",
    "hy": "hyw",
    "it": "aae co egl eml fur lij lld lmo nap pms rgn roa-tara scn sdc sro vec",
    "kk": "kaa kk-arab kk-cn kk-cyrl kk-kz kk-latn kk-tr",
    "kn": "tcy",
    "my": "blk kjp ksw mnw",
    "nl": "li nds-nl nl-informal srn vls",
    "pl": "csb szl",
    "pt": "gl kea mwl pt-br tet vmw",
    "ru": "ab alt av ba bxr ce cv gld inh kjh koi krc kum kv lbe lez mdf "
    "mhr mrj myv os rut sah sjd sty tt tt-cyrl tyv udm xal",
    "sk": "cs",
    "uk": "rue",
}
"""Code -> codes of related languages, which are split by its rules."""
_OTHERS = """
aa abs ace ady ady-cyrl ae af ak aln ami as az azb ban ban-bali bat-smg bbc bbc-latn bcc bdr be be-tarask be-x-old bew
bgn bh bho bi bjn bo bqi br bs btm bug bug-bugi cdo cdo-hant cdo-latn ch ckb cpx cpx-hans cpx-hant cpx-latn cr crh
crh-cyrl crh-latn cu cy dtp dty dv dz ee eo et eu fa ff fiu-vro fj fo fy ga gag gan gan-hans gan-hant gd glk gom
gom-deva gom-latn gor grc gv ha hak he hif hif-latn ho hr hsn hu hu-formal hz ia iba id ie ig ii ik ike-cans ike-latn
io is iu jv ka kbd kbd-cyrl kg kge khw ki kiu kj km kmr knc ko ko-kp kr ks ks-arab ku ku-arab ku-latn kw ky la lg liv
ljp lki lo lrc lt ltg lu luz lv lzh lzz mad map-bms mh mi min mk mn mnc mnc-latn mnc-mong mo ms ms-arab mt mui mzn na
nan nan-hant nan-latn nan-latn-pehoeji nan-latn-tailo nb nd ne ng nia nn no nr nrf nrm nv ny nyn nyo oj om or pi ps
pwn rmy rn ro roa-rup rsk rup ruq ruq-cyrl ruq-latn rw sc sd sdh se se-fi se-no se-se sgs sh sh-cyrl sh-latn shi
shi-latn si skr skr-arab sl sm sma sn so sq sr sr-cyrl sr-ec sr-el sr-latn ss st su sv sw szy tay tg tg-cyrl tg-latn
th ti tk tl tn to tr trv ts ttj tw ug ug-arab ur uz ve vep vi vo vro wuu wuu-hans wuu-hant xh xmf yi yo yue yue-hans
yue-hant za zh zh-classical zh-cn zh-hans zh-hant zh-hk zh-min-nan zh-mo zh-my zh-sg zh-tw zh-yue zu
"""
"""Codes of languages that are split by the rules of English."""

_UNRULED = frozenset(_OTHERS.split())
LIKE = {code: rules for rules, codes in _LIKE.items() for code in codes.split()}
"""Code -> that of the related language whose rules sentencex takes."""
LANGUAGES = frozenset([*RULES, *LIKE, *_UNRULED])
"""All codes: of ISO 639-1, those that sentencex lists, and those that spaCy has stop words of."""


def check_language(language: str) -> None:
    """Raise `UsageError`, with the nearest code, for what is no code of a language; sentencex takes it as English."""
    if language in LANGUAGES:
        return
    near = _nearest(language.casefold().replace("_", "-"))
    hint = f"; did you mean {near!r}{f' ({RULES[near]})' if near in RULES else ''}?" if near else "."
    raise UsageError(
        f"unknown language {language!r}{hint} Expected an ISO code in lower case, such as de, zh or pt-br; text in a "
        "language that is not known can be split by the rules of English, en"
    )


def warn_without_rules(language: str) -> None:
    """Warn where sentencex has no rules of a language, nor of a related one."""
    if language in _UNRULED:
        warnings.warn(
            f"there are no rules of the language {language!r}: sentences end at the marks of all scripts, but for the "
            "abbreviations of English",
            stacklevel=3,
        )


def _nearest(written: str) -> str | None:
    """The code that is meant: written otherwise, without the region, or in place of the language's name."""
    for code in (written, written.partition("-")[0]):
        if code in LANGUAGES:
            return code
    names = {name.casefold(): code for code, name in RULES.items()}
    if found := get_close_matches(written, names, n=1, cutoff=0.7):
        return names[found[0]]
    found = get_close_matches(written, sorted(LANGUAGES), n=1, cutoff=0.6)
    return found[0] if found else None
