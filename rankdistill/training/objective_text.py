"""Objectives as people write them: a sum of losses with weights, read by Python's own grammar, and nothing is run."""

from __future__ import annotations

import ast
import re
from typing import Any

from rankdistill.errors import UsageError
from rankdistill.losses.limits import shown
from rankdistill.losses.registry import get_loss
from rankdistill.models.outputs import OWN
from rankdistill.training.terms import TEACHER, WEIGHTS, Term

LONGEST = 2000
"""Characters of an objective."""
STAND_IN = "_lambda_loss_"
"""What `lambda` is read as."""
SYNTAX = "a sum such as 'hinge(label) + 0.5*pairwise_mse(pile)', or with settings 'margin_mse(pile, label)'"


def terms_of(text: str) -> tuple[Term, ...]:
    """Read the terms of an objective, see `Objective.parse`. Raises `UsageError`."""
    terms = tuple(_terms(_tree(text), text, 1.0))
    first: dict[str, Term] = {}
    for term in terms:
        other = first.setdefault(term.name, term)
        if other is term:
            continue
        if other.settings != term.settings:
            raise UsageError(
                f"objective {text!r} has {term.name} with two sets of settings, expected one: an objective has each "
                "loss once for the same columns and head, so keep one of them"
            )
        raise UsageError(f"objective {text!r} names a term twice; add their weights instead")
    return terms


def _tree(text: str) -> ast.expr:
    """Parse an expression. Raises `UsageError` for what is none, and for what is too long or too deep to be meant."""
    if len(text) > LONGEST:
        raise UsageError(f"got an objective of {len(text):,} characters, expected at most {LONGEST:,}: {SYNTAX}")
    # `lambda` is a loss here and a keyword of Python's, whose grammar this is; quoted names are left alone
    named = re.sub(r"""('[^']*'|"[^"]*")|\blambda\b""", lambda match: match[1] or STAND_IN, text.strip())
    try:
        return ast.parse(named, mode="eval").body
    except SyntaxError as error:
        why = f" ({error.msg})" if "digits" in error.msg else ""
        raise UsageError(f"got objective {text!r}{why}, expected {SYNTAX}") from error
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL character; parentheses in parentheses
        raise UsageError(f"got objective {text!r}, which is too deep or no text, expected {SYNTAX}") from error


def _terms(node: ast.expr, text: str, weight: float) -> list[Term]:
    """The terms of a parsed sum; products may carry a number on either side."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _terms(node.left, text, weight) + _terms(node.right, text, weight)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for number, rest in ((node.left, node.right), (node.right, node.left)):
            if isinstance(number, ast.Constant) and not isinstance(rest, ast.Constant):
                return _terms(rest, text, weight * WEIGHTS("a weight", number.value))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return [_term(_as_written(node.func.id), node, text, weight)]
    raise UsageError(f"got {_shown(node)} in objective {text!r}, expected {SYNTAX}, weights above 0")


def _term(name: str, node: ast.Call, text: str, weight: float) -> Term:
    loss = get_loss(name)
    roles = [role for role, needed in (("targets", loss.needs_targets), ("labels", loss.needs_labels)) if needed]
    columns = [_name(argument, text) for argument in node.args]
    if len(columns) != len(roles):
        example = f"{name}({', '.join('target' if role == 'targets' else 'label' for role in roles)})"
        raise UsageError(
            f"{name} takes {len(roles)} column{'s' * (len(roles) != 1)}, the {' and the '.join(roles)}, got "
            f"{len(columns)}: write {example}"
        )
    if loss.needs_states and loss.needs_targets and columns[0] != TEACHER:
        raise UsageError(
            f"{name} fits the insides of a teacher beside the student: write {name}(teacher); a column holds "
            "scores alone"
        )
    named: dict[str, ast.expr] = {}
    for keyword in node.keywords:
        setting = _as_written(keyword.arg) if keyword.arg else None
        if setting is None or setting in named:
            given = f"{setting} twice" if setting else f"**{_shown(keyword.value)}"
            raise UsageError(f"got {given} in {name} of objective {text!r}, expected each setting once, by its name")
        named[setting] = keyword.value
    head = _name(named.pop("head"), text) if "head" in named else OWN
    if head != OWN and not head.isidentifier():
        raise UsageError(f"got head={head!r} in objective {text!r}, expected a name of letters, digits and underscores")
    if head != OWN and loss.needs_states:
        raise UsageError(f"{name} compares insides, which no head changes: leave head={head} out")
    settings = {setting: _constant(value, text) for setting, value in named.items()}
    return Term(name, weight=weight, settings=settings, head=head, **dict(zip(roles, columns, strict=True)))


def _name(node: ast.expr, text: str) -> str:
    if isinstance(node, ast.Name):
        return _as_written(node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise UsageError(f"got {_shown(node)} in objective {text!r}, expected the name of a column or head")


def _constant(node: ast.expr, text: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise UsageError(f"got {_shown(node)} as a setting in objective {text!r}, expected a value") from error


def _as_written(name: str) -> str:
    return "lambda" if name == STAND_IN else name


def _shown(node: ast.expr) -> str:
    """A part of the objective as it was written, for a message."""
    try:
        return shown(ast.unparse(node).replace(STAND_IN, "lambda"))
    except (ValueError, RecursionError):
        return "a part that is too long"
