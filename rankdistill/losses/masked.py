"""The loss of a masked language model, as a term of an objective."""

from __future__ import annotations

from torch import Tensor

from rankdistill.inputs.masking import SHARE


def mlm(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    share: float = SHARE,
    shared: bool = False,
) -> Tensor:
    """Mean cross entropy, in nats, of the tokens that were masked: keep a model's language while it learns a task.

    scores: that mean, which the trainer computes by the head beside the student, as a model's outputs say nothing about
    masked tokens. share: of the tokens, that are masked. shared: the other terms read the masked text too, which saves
    a forward pass; else they read the text as it is. Neither targets nor labels are used. Source: UEGP eq. 1; Devlin et
    al. 2019, §3.1 (docs/papers.md).
    """
    return scores
