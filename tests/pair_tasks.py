"""A few tasks of GLUE in its own format, small enough for tiny models to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LABELS = np.random.default_rng(0).integers(0, 2, 80)


def sentence(number: int, word: str) -> str:
    return f"{['a', 'the', 'first', 'long'][number % 4]} {word} {['is', 'to', 'of'][number % 3]} list"


def write_glue(folder: Path) -> Path:
    """SST-2 whose sentences about a cat are positive; RTE where two different animals are not entailed."""
    for name in ("SST-2", "RTE", "STS-B"):
        (folder / name).mkdir(parents=True)
    for split, start, number in (("train", 0, 60), ("dev", 60, 20)):
        rows = range(start, start + number)
        single = [f"{sentence(i, 'cat' if LABELS[i] else 'dog')}\t{LABELS[i]}" for i in rows]
        (folder / "SST-2" / f"{split}.tsv").write_text("\n".join(["sentence\tlabel", *single, ""]))
        words = [("cat", "cat" if LABELS[i] else "dog") for i in rows]
        names = ["not_entailment", "entailment"]
        double = [
            f"{i}\t{sentence(i, a)}\t{sentence(i, b)}\t{names[LABELS[i]]}"
            for i, (a, b) in zip(rows, words, strict=True)
        ]
        (folder / "RTE" / f"{split}.tsv").write_text("\n".join(["index\tsentence1\tsentence2\tlabel", *double, ""]))
        scores = [
            f"{sentence(i, a)}\t{sentence(i, b)}\t{5.0 * LABELS[i]}" for i, (a, b) in zip(rows, words, strict=True)
        ]
        (folder / "STS-B" / f"{split}.tsv").write_text("\n".join(["sentence1\tsentence2\tscore", *scores, ""]))
    (folder / "SST-2" / "test.tsv").write_text("index\tsentence\n0\tthe cat is list\n1\tthe dog is list\n")
    return folder
