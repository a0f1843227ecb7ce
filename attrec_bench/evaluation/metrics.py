"""Metrics: functions of the ranks of the targets (1 is best), all in [0, 1], higher is better.

Shapes: n targets, U users who have one; r_1 < r_2 < ... < r_m are the ranks of one user's m targets.
With one target a user HR@K equals Recall@K, MAP equals MRR, and the ideal DCG is 1.
Ranks may be halves: a target that ties with others stands in the middle of them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attrec_bench.errors import InputError

Ranks = NDArray[np.float64]

METRICS = ("HR@1", "HR@5", "HR@10", "HR@20", "HR@50", "NDCG@10", "NDCG@20", "NDCG@50", "MRR")
OF_SEVERAL = (*(f"{name}@{k}" for name in ("Precision", "Recall") for k in (1, 5, 10)), "MAP")
"""What Caser's authors report (WSDM 2018), where users have several targets."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Ranks [n] grouped by user and ascending within each, with the place j = 1..m of each [n] among its user's.

    starts [U]: where each user's ranks begin; sizes [U]: m.
    """

    ranks: Ranks
    place: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def total(self, values: Ranks) -> Ranks:
        """[n] -> [U]: the sum over each user's targets."""
        return np.asarray(np.add.reduceat(values, self.starts)) if len(values) else values

    def hits(self, k: int) -> Ranks:
        """[U]: how many targets are among the first k."""
        return self.total((self.ranks <= k).astype(np.float64))


def grouped(ranks: Ranks, users: NDArray[np.integer] | None) -> Targets:
    """Ranks [n] and their users [n] -> Targets in the order of the users; None: each rank is a user's only one."""
    owners = np.arange(len(ranks)) if users is None else users
    order = np.lexsort((ranks, owners))
    _, starts, sizes = np.unique(owners[order], return_index=True, return_counts=True)
    place = np.arange(len(ranks)) - np.repeat(starts, sizes) + 1
    return Targets(ranks[order], place, starts.astype(np.int64), sizes.astype(np.int64))


def hit(own: Targets, k: int) -> Ranks:
    """HR@K [U]: 1 where a target is among the first k."""
    return (own.ranks[own.starts] <= k).astype(np.float64)


def ndcg(own: Targets, k: int) -> Ranks:
    """NDCG@K [U]: the sum of 1 / log2(1 + r_j) over targets among the first k, over the sum were r_j = j."""
    gain = own.total(np.where(own.ranks <= k, 1 / np.log2(1 + own.ranks), 0.0))
    return gain / own.total(np.where(own.place <= k, 1 / np.log2(1 + own.place), 0.0))


def precision(own: Targets, k: int) -> Ranks:
    """Precision@K [U]: the share of the first k that are targets."""
    return own.hits(k) / k


def recall(own: Targets, k: int) -> Ranks:
    """Recall@K [U]: the share of the targets that are among the first k."""
    return own.hits(k) / own.sizes


def reciprocal_rank(own: Targets) -> Ranks:
    """MRR [U]: 1 / r_1, uncut."""
    return 1 / own.ranks[own.starts]


def average_precision(own: Targets) -> Ranks:
    """MAP [U]: the mean over the targets of the precision at each, j / r_j, over the full list (Caser, WSDM 2018)."""
    return own.total(own.place / own.ranks) / own.sizes


CUT = {"HR": hit, "NDCG": ndcg, "Precision": precision, "Recall": recall}
UNCUT = {"MRR": reciprocal_rank, "MAP": average_precision}


def per_user(name: str, ranks: Ranks, users: NDArray[np.integer] | None = None) -> Ranks:
    """Metric name (``HR@10``, ``MAP``), ranks [n], whose each is [n] -> values [U] in the order of the users."""
    return value(name, grouped(ranks, users))


def value(name: str, own: Targets) -> Ranks:
    """Metric name, Targets -> values [U]; InputError for a name that is none."""
    if name in UNCUT:
        return UNCUT[name](own)
    match = re.fullmatch(r"(HR|NDCG|Precision|Recall)@([1-9]\d*)", name)
    if match is None:
        kinds = ", ".join(f"{kind}@K" for kind in CUT)
        raise InputError(f"metric must be {kinds}, {' or '.join(UNCUT)} with a whole K >= 1, got {name!r}")
    return CUT[match[1]](own, int(match[2]))


def means(
    ranks: Ranks, names: Iterable[str] | None = None, users: NDArray[np.integer] | None = None
) -> dict[str, float]:
    """Ranks [n], whose each is [n] -> the mean of each metric over the U users.

    Without names: METRICS, and those OF_SEVERAL where a user has several targets.
    """
    own = grouped(ranks, users)
    if names is None:
        names = METRICS if len(own.sizes) == len(own.ranks) else (*METRICS, *OF_SEVERAL)
    return {name: float(value(name, own).mean()) for name in names}
