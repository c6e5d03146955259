"""Parse a docstring: its summary, the rest of its text, and the names in its "See Also" section."""

from __future__ import annotations

import re
from dataclasses import dataclass
from inspect import cleandoc

_ROLE = re.compile(r":[\w:+-]+:`~?\.?([^`<]*?)(?:\s*<[^`]*>)?`")
_LINK = re.compile(r"`([^`<]+?)\s*<[^`>]+>`_{0,2}")
_MARKS = re.compile(r"`~(?=\w)|``|`_{0,2}|\*\*|\[\w+\]_|\|(?=\w)|(?<=\w)\||%\([^)]*\)s")
_EMPHASIS = re.compile(r"(?<![\w*])\*(\w[^*\n]*?)\*(?![\w*])")
_SIGNATURE = re.compile(r"[\w.]+\(.*\)(\s*->.*)?\s*", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!vs)(?<!etc)(?<!cf)[.!?](?=\s+[A-Z`:*\d(])")
_UNDERLINE = re.compile(r"\s*([-=~^\"])\1{2,}\s*")
_MARKUP_LINE = re.compile(
    r"^[ \t]*(?:\.\. [\w-]+::[ \t]*\n?|:[\w-]+:[ \t]*\S*[ \t]*(?:\n|$)|\.\. _[^\n]*:[ \t]*(?:\n|$))", re.MULTILINE
)
_SEE_ALSO_HEAD = re.compile(r"\s*see also:?\s*", re.IGNORECASE)
_DIRECTIVE = re.compile(r"\s*\.\. seealso::", re.IGNORECASE)
_INLINE_SEE = re.compile(r"\b[Ss]ee (?:also:?\s)?.{0,40}?:\w+:`[^`]+`")
_REFERENCE = re.compile(r":\w+:`[~!]?([\w.]+)(?:\(\))?`|`{1,2}[~!]?([A-Za-z_.][\w.]*)(?:\(\))?`{1,2}")
_ITEM = re.compile(r"\s*(?::\w+:)?`{0,2}[~!]?([A-Za-z_.][\w.]*)(?:\(\))?`{0,2}\s*")


@dataclass(frozen=True)
class Docstring:
    """summary: one line without markup. body: the rest, without the See Also section. see_also: names as written.

    signature: the call with which docstrings of compiled functions begin, or "".
    """

    summary: str
    body: str
    see_also: tuple[str, ...]
    signature: str = ""


def parse_docstring(text: str) -> Docstring:
    """Parse a docstring; a summary that the body repeats is removed from the body."""
    paragraphs = re.split(r"\n\s*\n", cleandoc(text).strip())
    signature = ""
    while len(paragraphs) > 1 and (opening := _opening_signature(paragraphs[0])):
        signature = signature or opening
        paragraphs.pop(0)
    first = paragraphs[0].split("\n")
    heading = next((i for i, line in enumerate(first) if i and _UNDERLINE.fullmatch(line)), None)
    if heading is not None:  # a title, or a section that follows the summary without an empty line
        paragraphs[0:1] = ["\n".join(first[: max(1, heading - 1)]), "\n".join(first[max(1, heading - 1) :])]
    opening = " ".join(paragraphs[0].split())
    end = _SENTENCE_END.search(opening)
    cut = end.end() if end else len(opening)
    summary = " ".join(clean_markup(opening[:cut]).split())
    rest, see_also = split_see_also("\n\n".join([opening[cut:].strip(), *paragraphs[1:]]).strip())
    body = clean_markup(rest)
    if len(summary.split()) > 3:
        words = r"\s+".join(re.escape(word) for word in summary.rstrip(".").split())
        body = re.sub(words + r"\.?", "", body, flags=re.IGNORECASE)
    return Docstring(summary, re.sub(r"\n{3,}", "\n\n", body).strip(), see_also, signature)


def clean_markup(text: str) -> str:
    """Drop reStructuredText marks (roles, links, literals, emphasis, footnotes, rules, directives), keep the words."""
    text = _LINK.sub(r"\1", _ROLE.sub(r"\1", _MARKUP_LINE.sub("", text)))
    text = _EMPHASIS.sub(r"\1", _MARKS.sub("", text))
    lines = [line.rstrip() for line in text.split("\n") if not _UNDERLINE.fullmatch(line)]
    return "\n".join(lines).strip()


def split_see_also(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text without its See Also sections, and the names in them, in order of appearance.

    Known forms: a numpydoc section (heading and rule), ``.. seealso::``, a Google-style ``See Also:`` block, and
    "see also :func:`name`" in running text (which stays in the text).
    """
    lines = text.split("\n")
    kept: list[str] = []
    names: list[str] = []
    i = 0
    while i < len(lines):
        line = lines[i]
        ruled = i + 1 < len(lines) and _UNDERLINE.fullmatch(lines[i + 1]) is not None
        if _SEE_ALSO_HEAD.fullmatch(line) and ruled:
            end = _next_heading(lines, i + 2)
            names += _listed_names(lines[i + 2 : end])
        elif _DIRECTIVE.match(line) or (_SEE_ALSO_HEAD.fullmatch(line) and line.rstrip().endswith(":")):
            end = _end_of_block(lines, i)
            names += _listed_names([line.partition("::")[2].strip(), *lines[i + 1 : end]])
        else:
            kept.append(line)
            i += 1
            continue
        i = end
    for found in _INLINE_SEE.finditer("\n".join(kept)):
        names += [a or b for a, b in _REFERENCE.findall(found.group())]
    return "\n".join(kept), tuple(dict.fromkeys(names))


def _opening_signature(paragraph: str) -> str:
    text = re.sub(r"\n-{2}\s*$", "", paragraph).strip().replace("$self, ", "").replace("$self", "")
    if not _SIGNATURE.fullmatch(text):
        return ""
    first_call = re.split(r"\n(?=[\w.]+\()", text)[0]
    return " ".join(first_call.replace("\\", "").split())


def _next_heading(lines: list[str], start: int) -> int:
    for i in range(start, len(lines) - 1):
        if lines[i].strip() and _UNDERLINE.fullmatch(lines[i + 1]):
            return i
    return len(lines)


def _end_of_block(lines: list[str], start: int) -> int:
    indent = len(lines[start]) - len(lines[start].lstrip())
    for i in range(start + 1, len(lines)):
        if lines[i].strip() and len(lines[i]) - len(lines[i].lstrip()) <= indent:
            return i
    return len(lines)


def _listed_names(lines: list[str]) -> list[str]:
    """List the names at the start of entries (``a, b : description``) or, in prose, those marked as references."""
    filled = [line for line in lines if line.strip()]
    indent = min((len(line) - len(line.lstrip()) for line in filled), default=0)
    names: list[str] = []
    for line in filled:
        entry = line.strip().lstrip("-* ") if len(line) - len(line.lstrip()) <= indent else ""
        listed = _entry_names(entry)
        if listed:
            names += listed
        else:
            names += [a or b for a, b in _REFERENCE.findall(line)]
    return names


def _entry_names(entry: str) -> list[str]:
    """List the names at the start of ``a, b : description``; none where the line has another form."""
    names: list[str] = []
    at = 0
    while item := _ITEM.match(entry, at):
        names.append(item.group(1).rstrip("."))
        at = item.end()
        if entry[at : at + 1] != ",":
            break
        at += 1
    return names if not entry[at:] or entry[at] == ":" else []
