"""Chat templates: the text that a tokenizer's template makes of messages, and the template that makes a prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rankdistill.errors import DataError
from rankdistill.inputs.prompt import DOCUMENT, INSTRUCTION, QUERY, Prompt
from rankdistill.models.causal.contract import PromptContract

PAIR = ({"role": "query", "content": QUERY}, {"role": "document", "content": DOCUMENT})
"""The messages of a pair, by the roles that templates of re-rankers have for its two texts."""
_MARKS = {QUERY: "qqueryq", DOCUMENT: "ddocumentd", INSTRUCTION: "iinstructioni"}


def in_plain_text(
    contract: PromptContract, tokenizer: Any, where: object, opens_answer: bool = False
) -> PromptContract:
    """Return a contract whose prompt is a text: messages are put into the tokenizer's chat template.

    opens_answer: whether the template is to write where the answer begins, for roles that do not say so themselves.
    Raises `DataError` where the tokenizer has no template, or one that leaves a text out.
    """
    if not contract.prompt.lstrip().startswith("["):
        return contract
    messages = messages_of(contract.prompt, where)
    roles = {str(message["role"]) for message in messages}
    answers = opens_answer or not roles & {"query", "document"}  # the latter's templates spell it out
    return replace(contract, **rendered(tokenizer, messages, where, add_generation_prompt=answers))


def messages_of(prompt: str, where: object) -> list[dict[str, str]]:
    """Read messages from JSON; `DataError` where it is no list of roles and contents with both texts in them."""
    try:
        messages = json.loads(prompt)
        valid = all(isinstance(message["role"], str) and isinstance(message["content"], str) for message in messages)
    except (ValueError, TypeError, KeyError, RecursionError):
        valid = False
    if not valid:
        raise DataError(
            f"{where}: got the prompt {prompt!r:.200}, expected a text, or a JSON list of messages, each with a role "
            "and a content"
        )
    Prompt.parse("\n".join(message["content"] for message in messages))
    return list(messages)


def rendered(
    tokenizer: Any, messages: Sequence[dict[str, str]], where: object, *, add_generation_prompt: bool
) -> dict[str, Any]:
    """Put messages into a tokenizer's chat template: the fields of `PromptContract` that describe the text."""
    if not tokenizer.chat_template:
        raise DataError(
            f"{where}: the prompt is given as messages, and the tokenizer has no chat template: give it as a text"
        )
    marked = [dict(message) for message in messages]
    for message in marked:
        for place, mark in _MARKS.items():
            message["content"] = message["content"].replace(place, f" {mark} " if place != INSTRUCTION else mark)
    try:
        text = tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=add_generation_prompt)
    except Exception as error:  # a template is a program of the folder's, which may raise whatever it likes
        raise DataError(
            f"{where}: the tokenizer's chat template does not take the roles "
            f"{', '.join(message['role'] for message in messages)} ({str(error).strip() or type(error).__name__})"
        ) from error
    kept = {place: f" {mark} " in text for place, mark in _MARKS.items() if place != INSTRUCTION}
    for place, mark in _MARKS.items():
        if text.count(mark) != 1 and (place != INSTRUCTION or text.count(mark) > 1):
            raise DataError(
                f"{where}: the tokenizer's chat template has {place} {text.count(mark)} times in its text, expected "
                "once: give a prompt as a text"
            )
        text = text.replace(f" {mark} " if kept.get(place) else mark, place)
    return {"prompt": text, "special_tokens": False, "stripped": not all(kept.values())}


def template_of(prompt: Prompt) -> str:
    """Write the chat template that makes a prompt's text of the messages of `PAIR`."""
    first, second = ("document", "query") if prompt.document_first else ("query", "document")
    parts = [prompt.prefix, _content(first, prompt), prompt.between, _content(second, prompt), prompt.suffix]
    return "".join(part if "messages" in part and part.startswith("{{") else _literal(part) for part in parts)


def _content(role: str, prompt: Prompt) -> str:
    stripped = " | trim" if prompt.stripped else ""
    chosen = f"messages | selectattr('role', 'eq', '{role}') | map(attribute='content') | first"
    return "{{ " + f"({chosen}){stripped}" + " }}"


def _literal(text: str) -> str:
    """Text as an expression of the template's language, whatever is in it."""
    return "{{ " + json.dumps(text, ensure_ascii=False) + " }}" if text else ""
