"""Add a task's relevance labels to its candidates, and say how many candidates nobody judged."""

from __future__ import annotations

from rankdistill.data import Candidates
from rankdistill.progress import say
from rankdistill.tasks import Task


def with_labels(task: Task) -> Candidates:
    """The task's candidates with the column "label", see `Task.labelled`; prints how many of them are unjudged."""
    candidates, n_unjudged = task.labelled()
    if task.kind != "ranking":
        if n_unjudged:
            say(f"{n_unjudged:,} of {len(candidates):,} pairs have no label, so that terms of labels leave them out")
        return candidates
    fate = "count as irrelevant" if task.unjudged == "irrelevant" else "are left out"
    say(f"{n_unjudged:,} of {len(candidates):,} candidates are unjudged and {fate}")
    return candidates
