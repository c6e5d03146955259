"""The student whose speed is measured unless another is given: one that ranks without any training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import rankdistill as rd
from rankdistill.data import Collection

LAYERS = {2: (5,), 4: (0, 2, 5), 6: (0, 1, 2, 4, 5)}
"""How many layers the student has -> which of the default base's it keeps; the last one makes the cosine its score."""
Model = Annotated[
    Path | None,
    Parameter(help="Folder of a one-logit cross-encoder. [default: a start from the cosine, nothing is trained]"),
]


def student(folder: Path | None, collection: Collection, layers: int = 4, max_length: int = 256) -> rd.CrossEncoder:
    """Load the model of a folder; without one make the start of a student of 2, 4 or 6 layers, always the same one."""
    if folder is not None:
        given = rd.CrossEncoder.from_pretrained(folder)
        return rd.CrossEncoder(given.model, given.tokenizer, given.contract, max_length=max_length)
    return rd.start_model(collection, layers=LAYERS[layers], imitate=False, max_length=max_length)
