"""Distil a teacher with a loss of your own: register it, and write it in the objective like any other.

python examples/distil_with_a_custom_loss.py my-data runs/teacher/model runs/student [base encoder]
"""

import sys

from torch import Tensor
from torch.nn.functional import huber_loss

import rankdistill as rd
from rankdistill.losses import LOSSES, Loss
from rankdistill.losses.inputs import counted, differences, mean_over, required


def pairwise_huber(
    scores: Tensor, targets: Tensor | None, mask: Tensor, *, labels: Tensor | None = None, delta: float = 1.0
) -> Tensor:
    """Huber loss of the differences of scores: as `pairwise_mse`, but a teacher's outliers pull less.

    scores, targets: float (Q, C). mask: bool (Q, C), False for padding. delta: where it becomes linear.
    """
    s, t, counts = counted(scores, mask, required(targets, "pairwise_huber", "targets"), loss="pairwise_huber")
    pairs = counts[:, :, None] & counts[:, None, :]
    return mean_over(huber_loss(differences(s), differences(t), reduction="none", delta=delta), pairs)


LOSSES["pairwise_huber"] = Loss(pairwise_huber, needs_targets=True)

folder, teacher, out, *base = sys.argv[1:]
collection = rd.load_collection(folder)
train = collection.in_split(rd.bm25(collection, k=20), "train")
student = rd.start_model(collection, *base, max_length=64)
settings = rd.TrainingSettings(list_size=4, lists_per_batch=8, learning_rate=5e-5, logging_steps=2)
student, _ = rd.distill(
    collection,
    train,
    {"t1": teacher},
    student,
    settings,
    objective="hinge(label) + 0.5*pairwise_huber(t1, delta=2)",
    out=out,
)
print(f"trained a student of {student.n_parameters:,} parameters")
