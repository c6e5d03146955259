"""The numbers of the tokens that a contract names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rankdistill.errors import DataError
from rankdistill.models.causal.contract import HOW, PromptContract


def with_ids(contract: PromptContract, tokenizer: Any, where: object) -> PromptContract:
    """Return a contract whose tokens have their numbers and their texts.

    Raises `DataError` for a token that the tokenizer does not have, that is several, or a number out of range, and
    where no token is named.
    """
    if not contract.has_tokens:
        raise DataError(f"{where}: nothing says which token's logit is its score. {HOW}")
    relevant = _id(contract.relevant_token, contract.relevant_id, tokenizer, where)
    other = None
    if contract.other_token or contract.other_id is not None:
        other = _id(contract.other_token, contract.other_id, tokenizer, where)
    if relevant == other:
        raise DataError(f"{where}: the relevant token and the other are the same, number {relevant}")
    texts = (None if each is None else tokenizer.convert_ids_to_tokens(each) for each in (relevant, other))
    named = [text or "" for text in texts]
    return replace(
        contract,
        relevant_id=relevant,
        other_id=other,
        relevant_token=contract.relevant_token or named[0],
        other_token=contract.other_token or named[1],
    )


def _id(token: str, number: int | None, tokenizer: Any, where: object) -> int:
    if number is not None:
        if not 0 <= number < len(tokenizer):
            raise DataError(f"{where}: got {number} as a token's number, expected one of 0 to {len(tokenizer) - 1}")
        return int(number)
    ids = tokenizer(token, add_special_tokens=False, verbose=False)["input_ids"]
    if len(ids) != 1:
        parts = ", ".join(repr(part) for part in tokenizer.convert_ids_to_tokens(ids)) or "none"
        raise DataError(
            f"{where}: {token!r} is {len(ids)} tokens of its tokenizer ({parts}), expected one: name another by "
            "--relevant-token or --other-token"
        )
    if ids[0] == tokenizer.unk_token_id:
        raise DataError(
            f"{where}: its tokenizer does not know the token {token!r}: name another by --relevant-token or "
            "--other-token"
        )
    return int(ids[0])
