"""Losses: functions of the scores of targets and negatives; higher scores are better.

Each returns one value a comparison (shapes broadcast); ``reduce`` adds or averages those that count.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def hinge(positive: Tensor, negative: Tensor, gamma: float) -> Tensor:
    """max(0, gamma - positive + negative): the margin loss of AttRec (eq. 7 of its model section)."""
    return F.relu(gamma - positive + negative)


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """-ln sigmoid(positive - negative): Rendle et al., UAI 2009."""
    return F.softplus(negative - positive)


def binary_cross_entropy(positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """-ln sigmoid(positive) and -ln(1 - sigmoid(negative)), apart since their numbers may differ (Caser, eq. 12)."""
    return F.softplus(-positive), F.softplus(negative)


def sampled_softmax(positive: Tensor, negative: Tensor) -> Tensor:
    """-ln of the target's share of exp(score) among itself [..., 1] and its negatives [..., N] -> [...]."""
    return torch.cat([positive, negative], -1).logsumexp(-1) - positive[..., 0]


def bpr_max(positive: Tensor, negative: Tensor, reg: float) -> Tensor:
    """-ln sum_j s_j sigmoid(positive - negative_j) + reg sum_j s_j negative_j^2, s the negatives' softmax -> [...].

    Hidasi and Karatzoglou, CIKM 2018: the negatives that score highest, where learning is due, weigh most.
    """
    won = F.log_softmax(negative, -1) + F.logsigmoid(positive - negative)
    return -won.logsumexp(-1) + reg * (F.softmax(negative, -1) * negative.square()).sum(-1)


def reduce(values: Tensor, counts: Tensor, reduction: str) -> Tensor:
    """Add (``sum``) or average (``mean``) the values whose comparison counts (boolean, broadcast to values)."""
    kept = torch.where(counts, values, values.new_zeros(()))
    if reduction == "sum":
        return kept.sum()
    return kept.sum() / counts.expand_as(values).sum().clamp(min=1)
