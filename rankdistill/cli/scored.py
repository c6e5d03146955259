"""What score and rerank share: the run's candidates with a column of the model's scores, made resumably."""

from __future__ import annotations

from pathlib import Path

from rankdistill.cli.output import say
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.inputs.windows import Passages
from rankdistill.models import CrossEncoder
from rankdistill.scoring.score import score_with_report

FIRST_STAGE, MODEL = "score", "model"


def with_model_scores(
    model: CrossEncoder,
    candidates: Candidates,
    collection: Collection,
    store: Path,
    batch_tokens: int | None = None,
    dtype: str | None = None,
    passages: Passages = "first",
    description: str = "scoring",
) -> Candidates:
    """Add the column "model" to candidates and say what it took; scores are kept in ``store`` as they are made."""
    scores, report = score_with_report(
        model,
        candidates,
        collection,
        batch_tokens=batch_tokens,
        dtype=dtype,
        store=store,
        passages=passages,
        description=description,
    )
    say(f"{description}: {report}")
    return candidates.with_columns({MODEL: scores})


def store_beside(out: Path) -> Path:
    """The default folder of the scores that go into a run."""
    return out.with_name(f"{out.name}.scores")
