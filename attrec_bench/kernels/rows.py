"""Windows, padded on the left, as rows one after another, so that no work goes into padding.

Shapes: B windows, L window length, n rows of all windows together.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from attrec_bench.data.interactions import PAD


@dataclass(frozen=True, eq=False)
class Rows:
    """Row r is position ``kept[r]`` of the flattened windows; window b has the rows starts[b]..ends[b]-1.

    kept [n], starts [B], ends [B]; int64. A row of no window is padding, and whatever stands there is of no use.
    """

    kept: Tensor
    starts: Tensor
    ends: Tensor
    L: int


def rows_of(windows: Tensor, *, packed: bool) -> Rows:
    """Windows [B, L] -> their real positions (packed), or all positions.

    How many positions are real is a number that the host has to wait for: a card keeps them all.
    """
    (B, L), real = windows.shape, windows != PAD
    counts = real.sum(1)
    if packed:
        ends = counts.cumsum(0)
        return Rows(real.flatten().nonzero()[:, 0], ends - counts, ends, L)
    ends = torch.arange(1, B + 1, device=windows.device) * L
    return Rows(torch.arange(B * L, device=windows.device), ends - counts, ends, L)
