"""The expected rank of each row's target among the items the row has not seen, in one pass over its scores.

Shapes: C rows, W scores a row, S seen pairs; column 0 belongs to the padding item and is not looked at.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attrec_bench.kernels.compiled import loop

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]


def expected_ranks(scores: Tensor, targets: Tensor, rows: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Scores [C, W], targets [C], seen (rows [S] ascending, items [S]; int32) -> (ranks [C] float64, all finite?).

    rank = 1 + unseen items that score higher + half of the others that score the same. All items are counted and what
    was seen is taken off again: much cheaper than masking a dense matrix. A row's target is not among its seen items.
    """
    if scores.device.type == "cpu" and scores.dtype == torch.float32:
        doubled = torch.empty(len(scores), dtype=torch.int64)
        arrays = (scores.contiguous(), targets, rows, seen, doubled)
        finite = count(*(array.numpy() for array in arrays))
        return (doubled + 1).double() / 2, torch.tensor(finite)
    return plain_expected_ranks(scores, targets, rows, seen)


def plain_expected_ranks(scores: Tensor, targets: Tensor, rows: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The same in torch: what the compiled loop must equal."""
    own = scores.gather(1, targets[:, None])
    items = scores[:, 1:]
    doubled = 2 * (items > own).sum(1) + (items == own).sum(1)
    seen_scores, seen_own = scores[rows, seen], own[rows, 0]
    off = 2 * (seen_scores > seen_own).long() + (seen_scores == seen_own).long()
    doubled.index_add_(0, rows, off, alpha=-1)
    # The target itself is among the equal ones: rank = 1 + above + (equal - 1) / 2.
    return (doubled + 1).double() / 2, items.isfinite().all()


@loop
def count(scores: Floats, targets: Ints, rows: Shorts, seen: Shorts, doubled: Ints) -> bool:
    """Fill doubled [C] with 2 * unseen above + unseen equal, the target included; say whether all scores are finite."""
    bits = scores.view(np.int32)
    odd, s = np.int32(0), 0
    for c in range(scores.shape[0]):
        own = scores[c, targets[c]]
        above, equal = np.int32(0), np.int32(0)
        for i in range(1, scores.shape[1]):
            above += np.int32(scores[c, i] > own)
            equal += np.int32(scores[c, i] == own)
            # Infinity and NaN have all eight bits of the exponent set; whole numbers let the loop run in lanes.
            odd += np.int32((bits[c, i] & np.int32(0x7F800000)) == np.int32(0x7F800000))
        while s < len(rows) and rows[s] == c:
            above -= np.int32(scores[c, seen[s]] > own)
            equal -= np.int32(scores[c, seen[s]] == own)
            s += 1
        doubled[c] = 2 * np.int64(above) + np.int64(equal)
    return bool(odd == 0)
