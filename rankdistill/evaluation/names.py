"""Parse measures as people write them: ``nDCG@10``, ``AP(rel=2)@100``, ``PNR(avg=macro)``."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any

import ir_measures
from ir_measures.providers.base import NOT_PROVIDED

from rankdistill.data.trec.forms import LARGEST_GRADE
from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.evaluation.measures.outside import DIVERSITY, check_subtopics, usable

DEFAULT_MEASURES = ("nDCG@10", "RR@10", "PNR")
SYNTAX = "Family, Family@cutoff or Family(parameter=value)@cutoff"


def parse_measures(measures: str | ir_measures.Measure | Sequence[str | ir_measures.Measure]) -> dict[str, Any]:
    """Parse measures: {name as given: `ir_measures.Measure`}; raise the errors of `parse_measure`."""
    if isinstance(measures, str | ir_measures.Measure):
        measures = [measures]
    if not measures:
        raise UsageError("no measure given, expected at least one, for example nDCG@10")
    return {str(measure): parse_measure(measure) for measure in measures}


def parse_measure(text: str | ir_measures.Measure) -> ir_measures.Measure:
    """Parse one measure in ir_measures' syntax, words without quotes allowed: ``DCG(gain=exp)@10``.

    Raises `UnknownNameError` for an unknown family, `UsageError` for a malformed name, a parameter that the family does
    not take or a value that it does not allow, and for a cutoff below 1 (which crashes trec_eval).
    """
    if isinstance(text, ir_measures.Measure):
        return _checked(text, str(text))
    try:
        family, parameters, at = _parts(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"cannot read the measure {text!r}, expected {SYNTAX}") from error
    known = ir_measures.measures.registry
    if family not in known:
        raise UnknownNameError("measure", family, families())
    if at is not None:
        parameters[known[family].AT_PARAM] = at
    return _checked(known[family](**parameters), text)


def families() -> list[str]:
    """List the measure families, aliases included, that an installed provider computes here."""
    supported = {str(m.NAME) for p in usable() if p.is_available() for m in p.SUPPORTED_MEASURES} - DIVERSITY
    return sorted(name for name, measure in ir_measures.measures.registry.items() if measure.NAME in supported)


def _parts(node: ast.expr) -> tuple[str, dict[str, Any], Any]:
    """Split a parsed name into family, parameters and what follows the @; `ValueError` for anything else."""
    at = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        at, node = ast.literal_eval(node.right), node.left
    parameters: dict[str, Any] = {}
    if isinstance(node, ast.Call):
        if node.args or any(keyword.arg is None for keyword in node.keywords):
            raise ValueError("parameters must be named")
        parameters = {str(keyword.arg): _value(keyword.value) for keyword in node.keywords}
        node = node.func
    if not isinstance(node, ast.Name):
        raise ValueError("no family")
    return node.id, parameters, at


def _is_grade(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_GRADE


def _value(node: ast.expr) -> Any:
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)


def _checked(measure: ir_measures.Measure, text: str) -> ir_measures.Measure:
    """Return the measure if its family takes its parameters, else raise `UsageError` (ir_measures asserts)."""
    check_subtopics(measure, text)
    supported = measure.SUPPORTED_PARAMS
    for name in measure.params:
        if name not in supported:
            takes = ", ".join(supported) or "none"
            raise UsageError(f"measure {text!r}: {measure.NAME} has no parameter {name!r}; it takes: {takes}")
    for name, info in supported.items():
        value = measure.params.get(name, NOT_PROVIDED)
        if info.dtype is float and isinstance(value, int) and not isinstance(value, bool):
            value = measure.params[name] = float(value)
        if not info.validate(value):
            got = "is missing" if value is NOT_PROVIDED else f"cannot be {value!r}"
            choices = "" if info.choices is NOT_PROVIDED else f", one of {', '.join(map(repr, info.choices))}"
            kind = "" if info.dtype is None else f"; expected {info.dtype.__name__}{choices}"
            raise UsageError(f"measure {text!r}: parameter {name!r} ({info.desc}) {got}{kind}")
        if name == "cutoff" and value is not NOT_PROVIDED and (isinstance(value, bool) or value < 1):
            raise UsageError(f"measure {text!r}: the cutoff cannot be {value!r}, expected a rank of 1 or more")
        if name == "recall" and isinstance(value, float) and not (0 <= value <= 1 and value == round(value, 2)):
            raise UsageError(f"measure {text!r}: the recall cannot be {value!r}, expected 0 to 1 in hundredths")
        if name in ("beta", "p") and isinstance(value, float) and not 0 < value < math.inf:
            raise UsageError(f"measure {text!r}: {name} cannot be {value!r}, expected a number above 0")
        if name == "gains" and isinstance(value, dict) and not all(map(_is_grade, [*value, *value.values()])):
            raise UsageError(f"measure {text!r}: the gains cannot be {value!r}, expected {{grade: gain}} of integers")
    return measure
