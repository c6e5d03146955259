"""The words of a task's text, masked in turn: what each model says of the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rankdistill.augment.masked_case import Effect, Masked, effect, texts_of
from rankdistill.cli.output import print_json, print_rich, say, short_names, table
from rankdistill.data.collection import Collection
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.models import CrossEncoder

SHADES = " ░▒▓█"
"""From certain to knowing nothing."""


def show_masked_words(collection: Collection, pair_id: str, models: Sequence[str], as_json: bool) -> None:
    """Print, for a text as it is and with each word masked, every model's label, its probability and the entropy."""
    scored, texts = collection.scored_pairs, texts_of(collection, pair_id)
    assert scored is not None
    label = _label(collection, pair_id)
    told = scored.written(label) if label is not None and scored.kind == "similarity" else None
    if label is not None and scored.kind == "classification":
        told = scored.classes[int(label)]
    variants: list[Masked] = []
    effects: dict[str, Effect] = {}
    for name in models:
        model = CrossEncoder.from_pretrained(name, as_classifier=True)
        variants, effects[name] = effect(model, texts, scored, name)
    if as_json:
        rows = [
            {
                "text": variant.side + 1,
                "masked": variant.word or None,
                "models": {name: _facts(each, place, scored) for name, each in effects.items()},
            }
            for place, variant in enumerate(variants)
        ]
        print_json({"id": pair_id, "texts": list(texts), "label": told, "rows": rows})
        return
    say(f"{pair_id}: {' | '.join(texts)}" + (f" (label: {told})" if told is not None else ""))
    headings = ["masked word", *(["text"] if len(texts) == 2 else []), *short_names(models)]
    lines = [
        [
            variant.word or "(none)",
            *([str(variant.side + 1) if variant.word else ""] if len(texts) == 2 else []),
            *(_cell(each, place, scored) for each in effects.values()),
        ]
        for place, variant in enumerate(variants)
    ]
    print_rich(table(headings, lines))
    for short, each in zip(short_names(models), effects.values(), strict=True):
        if each.entropies is not None and len(variants) > 1:
            most = 1 + int(np.argmax(each.entropies[1:]))
            print(f"{short} is least sure without {variants[most].word!r}: entropy {each.entropies[most]:.3f}")


def _label(collection: Collection, pair_id: str) -> float | None:
    """The label of a pair; None where it has none."""
    if collection.qrels is None:
        return None
    known = collection.qrels.only_queries([pair_id])
    return float(known["label"][0]) if len(known) else None


def _facts(each: Effect, place: int, scored: ScoredPairs) -> dict[str, Any]:
    if each.probabilities is None or each.entropies is None:
        return {"score": float(each.labels[place])}
    return {
        "label": scored.classes[int(each.labels[place])],
        "probabilities": dict(zip(scored.classes, map(float, each.probabilities[place]), strict=True)),
        "entropy": float(each.entropies[place]),
    }


def _cell(each: Effect, place: int, scored: ScoredPairs) -> str:
    """A model's label, its probability, and the entropy with a shade; of a similarity the score and its change."""
    if each.probabilities is None or each.entropies is None:
        score = float(each.labels[place])
        return f"{score:.3f}" + (f" ({score - float(each.labels[0]):+.3f})" if place else "")
    entropy = float(each.entropies[place])
    shade = SHADES[min(len(SHADES) - 1, round(entropy / math.log(len(scored.classes)) * (len(SHADES) - 1)))]
    label = scored.classes[int(each.labels[place])]
    return f"{label} {each.probabilities[place].max():.3f}  {entropy:.3f} {shade}"
