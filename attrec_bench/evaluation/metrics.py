"""Metrics: functions of the ranks of the targets (1 is best), all in [0, 1], higher is better.

One relevant item a user: HR@K equals Recall@K, and the ideal DCG is 1.
Ranks may be halves: a target that ties with others stands in the middle of them.
"""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from attrec_bench.errors import InputError

Ranks = NDArray[np.float64]

METRICS = ("HR@1", "HR@5", "HR@10", "HR@20", "HR@50", "NDCG@10", "NDCG@20", "NDCG@50", "MRR")


def hit(ranks: Ranks, k: int) -> Ranks:
    """[n] -> [n]: 1 where the target is among the first k."""
    return (ranks <= k).astype(np.float64)


def ndcg(ranks: Ranks, k: int) -> Ranks:
    """[n] -> [n]: 1 / log2(1 + rank) where the target is among the first k, else 0."""
    return np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0)


def reciprocal_rank(ranks: Ranks) -> Ranks:
    """[n] -> [n]: 1 / rank, uncut."""
    return 1 / ranks


def per_user(name: str, ranks: Ranks) -> Ranks:
    """Metric name (``HR@10``, ``NDCG@50``, ``MRR``), ranks [n] -> values [n]."""
    if name == "MRR":
        return reciprocal_rank(ranks)
    match = re.fullmatch(r"(HR|NDCG)@([1-9]\d*)", name)
    if match is None:
        raise InputError(f"metric must be HR@K, NDCG@K or MRR with a whole K >= 1, got {name!r}")
    function = {"HR": hit, "NDCG": ndcg}[match[1]]
    return function(ranks, int(match[2]))


def means(ranks: Ranks, names: Iterable[str] = METRICS) -> dict[str, float]:
    """Ranks [n] -> the mean of each metric over the n targets."""
    return {name: float(per_user(name, ranks).mean()) for name in names}
