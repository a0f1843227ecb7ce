"""Windows out of one flat array of items, and the search for unseen items: one pass each, without temporary arrays.

Shapes: E events, B rows, N draws a row, S seen pairs.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attrec_bench.data.interactions import PAD
from attrec_bench.kernels.compiled import loop

Ints = NDArray[np.int64]


def slices(items: Tensor, at: Tensor, around: range, starts: Tensor, ends: Tensor) -> Tensor:
    """Items [E] around the indices ``at`` [B] -> [B, len(around)] int64; PAD outside starts[b]..ends[b]-1.

    E.g. a user with the items 7 8 9 at indices 4 5 6, at = 5: around -2..-1 -> [PAD, 7], around 0..1 -> [8, 9].
    """
    if items.device.type != "cpu":
        return plain_slices(items, at, around, starts, ends)
    found = torch.empty(len(at), len(around), dtype=torch.int64)
    if len(around):
        fill_slices(items.numpy(), at.numpy(), around.start, starts.numpy(), ends.numpy(), found.numpy())
    return found


def plain_slices(items: Tensor, at: Tensor, around: range, starts: Tensor, ends: Tensor) -> Tensor:
    """The same in torch: what the compiled loop must equal."""
    index = at[:, None] + torch.arange(around.start, around.stop, device=items.device)
    inside = (index >= starts[:, None]) & (index < ends[:, None])
    return items[index.clamp_(0, len(items) - 1)].long().masked_fill_(~inside, PAD)


@loop
def fill_slices(items: NDArray[np.int32], at: Ints, first: int, starts: Ints, ends: Ints, found: Ints) -> None:
    """Fill found [B, n]."""
    for b in range(found.shape[0]):
        for k in range(found.shape[1]):
            index = at[b] + first + k
            found[b, k] = items[index] if starts[b] <= index < ends[b] else PAD


def seen_before(gaps: Tensor, starts: Tensor, keys: Tensor, users: Tensor) -> Tensor:
    """Gaps [S] ascending, starts [U+1], keys [B, N], users [B] -> [B, N]: a user's gaps that are at most its key."""
    if gaps.device.type != "cpu":
        return plain_seen_before(gaps, starts, keys, users)
    found = torch.empty_like(keys)
    fill_seen_before(gaps.numpy(), starts.numpy(), keys.numpy(), users.numpy(), found.numpy())
    return found


def plain_seen_before(gaps: Tensor, starts: Tensor, keys: Tensor, users: Tensor) -> Tensor:
    """The same in torch: the keys of a user lie between those of its neighbours, so one search over all will do."""
    return torch.searchsorted(gaps, keys, right=True) - starts[users, None]


@loop
def fill_seen_before(gaps: Ints, starts: Ints, keys: Ints, users: Ints, found: Ints) -> None:
    """Fill found [B, N]: a binary search in the user's own part of the gaps."""
    for b in range(found.shape[0]):
        start, end = starts[users[b]], starts[users[b] + 1]
        for n in range(found.shape[1]):
            low, high, key = start, end, keys[b, n]
            while low < high:
                middle = (low + high) >> 1
                if gaps[middle] <= key:
                    low = middle + 1
                else:
                    high = middle
            found[b, n] = low - start
