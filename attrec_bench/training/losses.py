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


def reduce(values: Tensor, counts: Tensor, reduction: str) -> Tensor:
    """Add (``sum``) or average (``mean``) the values whose comparison counts (boolean, broadcast to values)."""
    kept = torch.where(counts, values, values.new_zeros(()))
    if reduction == "sum":
        return kept.sum()
    return kept.sum() / counts.expand_as(values).sum().clamp(min=1)
