"""Ranking losses over padded lists of scores: pure tensor functions, and a table of them."""

from rankdistill.losses.lambda_loss import lambda_loss
from rankdistill.losses.listwise import kl_list, list_cross_entropy, listmle, listnet
from rankdistill.losses.pairwise import hinge, margin_mse, pairwise_mse, ranknet
from rankdistill.losses.pointwise import bce, pointwise_mse, soft_cross_entropy
from rankdistill.losses.registry import LOSSES, Loss, get_loss

__all__ = [
    "LOSSES",
    "Loss",
    "bce",
    "get_loss",
    "hinge",
    "kl_list",
    "lambda_loss",
    "list_cross_entropy",
    "listmle",
    "listnet",
    "margin_mse",
    "pairwise_mse",
    "pointwise_mse",
    "ranknet",
    "soft_cross_entropy",
]
