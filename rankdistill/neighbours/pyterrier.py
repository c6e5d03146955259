"""A cross-encoder as a transformer of PyTerrier (1.1 or later): ``bm25 % 100 >> ReRanker("runs/student/model")``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from rankdistill.errors import DataError, MissingExtraError
from rankdistill.models import CrossEncoder
from rankdistill.neighbours.loaded import loaded, margins

try:
    import pandas as pd
    import pyterrier as pt
except ImportError as error:
    raise MissingExtraError("re-ranking inside PyTerrier", "pyterrier") from error


class ReRanker(pt.Transformer):
    """Give each result the score of a cross-encoder, and ranks by it; all other columns and the rows' order stay.

    model: a `CrossEncoder`, its folder or its hub id. text_field: column of the documents' texts, as
    ``pt.text.get_text`` adds it. batch_tokens: padded tokens in a batch (None: by device).
    The score is the logit, or of two logits the margin, before any sigmoid. Transformers of the same weights, settings
    and columns are equal. A frame needs the columns ``qid``, ``query``, ``docno`` and the texts', else PyTerrier's
    error says so; one without rows gives one without rows. Raises `DataError` for a query or text that is no string.
    """

    def __init__(
        self, model: CrossEncoder | str | Path, *, text_field: str = "text", batch_tokens: int | None = None
    ) -> None:
        super().__init__()
        self.model = loaded(model)
        self.text_field = text_field
        self.batch_tokens = batch_tokens

    def transform_inputs(self) -> list[list[str]]:
        """Columns that a frame must have."""
        return [["qid", "query", "docno", self.text_field]]

    def transform_outputs(self, inp_cols: list[str]) -> list[str]:
        """Columns that a frame with these columns leaves with; raises PyTerrier's error where some are missing."""
        pt.validate.columns(inp_cols, includes=self.transform_inputs()[0], context=self)
        return [name for name in inp_cols if name not in ("score", "rank")] + ["score", "rank"]

    def transform(self, inp: pd.DataFrame) -> pd.DataFrame:
        """Score and rank the rows of a frame, which is not changed."""
        columns = self.transform_outputs(list(inp.columns))
        queries, texts = inp["query"].tolist(), inp[self.text_field].tolist()
        _check_strings("query", queries)
        _check_strings(self.text_field, texts)
        scores = margins(self.model, list(zip(queries, texts, strict=True)), self.batch_tokens)
        scored = inp.drop(columns=["score", "rank"], errors="ignore").assign(score=scores.astype("float64"))
        ranked: pd.DataFrame = pt.model.add_ranks(scored)
        return ranked[columns]

    @cached_property
    def _identity(self) -> tuple[str, str, str, str]:
        return self.model.fingerprint(), self.model.engine_name, str(self.model.dtype), self.text_field

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReRanker) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        fingerprint, engine, dtype, text_field = self._identity
        return f"ReRanker({fingerprint[:12]}, {engine}, {dtype}, text_field={text_field!r})"


def _check_strings(column: str, values: Sequence[object]) -> None:
    row = next((row for row, value in enumerate(values) if not isinstance(value, str)), None)
    if row is not None:
        raise DataError(
            f"row {row} of the results has {values[row]!r} in the column {column!r}, expected a text: add texts by "
            "pt.text.get_text before the re-ranker, and leave out results that have none"
        )
