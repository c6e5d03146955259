"""Ranking losses over padded lists of scores: pure tensor functions, and a table of them."""

from rankdistill.losses.lambda_loss import lambda_loss
from rankdistill.losses.listwise import infonce, kl_list, list_cross_entropy, listmle, listnet
from rankdistill.losses.pairwise import hinge, margin_mse, pairwise_mse, ranknet, ranknet_order
from rankdistill.losses.pointwise import bce, gbce, pointwise_mse, soft_cross_entropy
from rankdistill.losses.registry import LOSSES, Loss, get_loss
from rankdistill.losses.soft_ranks import adr_mse

__all__ = [
    "LOSSES",
    "Loss",
    "adr_mse",
    "bce",
    "gbce",
    "get_loss",
    "hinge",
    "infonce",
    "kl_list",
    "lambda_loss",
    "list_cross_entropy",
    "listmle",
    "listnet",
    "margin_mse",
    "pairwise_mse",
    "pointwise_mse",
    "ranknet",
    "ranknet_order",
    "soft_cross_entropy",
]
