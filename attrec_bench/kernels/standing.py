"""Where several targets of one row stand among its items: how many score higher, how many the same.

Shapes: C rows, W scores a row, m targets, S seen pairs; column 0 belongs to the padding item and is not looked at.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attrec_bench.kernels.compiled import loop

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]

PIECE = 4096
"""Targets that are compared at once where no loop is compiled: a row of scores is copied for each."""


def standings(scores: Tensor, rows: Tensor, targets: Tensor, seen_rows: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Scores [C, W], targets [m] of rows [m], seen (rows [S], items [S]) -> (above [m], equal [m]), int64.

    Counted are all items of the row but 0 and those it has seen; ``equal`` leaves the target itself out. Both rows and
    seen_rows ascend, a target is not among the seen items of its row, and the scores are finite.
    """
    if scores.device.type == "cpu" and scores.dtype == torch.float32:
        above, equal = torch.zeros_like(targets), torch.zeros_like(targets)
        bounds = torch.searchsorted(seen_rows.long(), torch.arange(len(scores) + 1))
        arrays = (scores.contiguous(), rows, targets, bounds, seen.int(), above, equal)
        count(*(array.numpy() for array in arrays))
        return above, equal
    return plain_standings(scores, rows, targets, seen_rows, seen)


def plain_standings(
    scores: Tensor, rows: Tensor, targets: Tensor, seen_rows: Tensor, seen: Tensor
) -> tuple[Tensor, Tensor]:
    """The same in torch: what the compiled loop must equal."""
    own = scores[rows, targets][:, None]
    listed = scores.clone()
    listed[:, 0] = -torch.inf
    listed[seen_rows.long(), seen.long()] = -torch.inf
    above, equal = torch.zeros_like(targets), torch.zeros_like(targets)
    for start in range(0, len(targets), PIECE):
        piece = slice(start, start + PIECE)
        above[piece] = (listed[rows[piece]] > own[piece]).sum(1)
        equal[piece] = (listed[rows[piece]] == own[piece]).sum(1) - 1
    return above, equal


@loop
def count(scores: Floats, rows: Ints, targets: Ints, bounds: Ints, seen: Shorts, above: Ints, equal: Ints) -> None:
    """Fill above [m] and equal [m]; all items are counted and what was seen is taken off again."""
    for m in range(len(targets)):
        row = rows[m]
        own = scores[row, targets[m]]
        higher, same = np.int32(0), np.int32(-1)
        for i in range(1, scores.shape[1]):
            higher += np.int32(scores[row, i] > own)
            same += np.int32(scores[row, i] == own)
        for s in range(bounds[row], bounds[row + 1]):
            higher -= np.int32(scores[row, seen[s]] > own)
            same -= np.int32(scores[row, seen[s]] == own)
        above[m], equal[m] = higher, same
