"""The rows of a table that a batch's windows name, each once: what is computed of a row is computed of these alone.

Shapes: B windows, L window length, I items, k of which occur, padding always among them; d width; item 0 is padding.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from attrec_bench.data.interactions import PAD
from attrec_bench.kernels.compiled import loop

Ints = NDArray[np.int64]


def occurring(table: Tensor, windows: Tensor) -> tuple[Tensor, Tensor]:
    """Table [I+1, d], windows [B, L] of its rows -> (rows [k, d], windows [B, L] of those); row 0 stays row 0.

    Differentiable in the table; on the CPU.
    """
    places, items = windows.new_zeros(len(table)), windows.new_empty(len(table))
    named = torch.empty_like(windows, memory_format=torch.contiguous_format)
    k = number(windows.contiguous().numpy(), places.numpy(), items.numpy(), named.numpy())
    rows: Tensor = Rows.apply(table, items[:k])  # type: ignore[no-untyped-call]
    return rows, named


class Rows(torch.autograd.Function):
    """Distinct rows of a table: none is added to another on the way back."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, items: Tensor) -> Tensor:
        """Table [I+1, d], distinct items [k] -> [k, d]."""
        ctx.save_for_backward(items)
        ctx.shape = table.shape
        return table.index_select(0, items)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, None]:
        """Gradient of the rows -> of the table."""
        (items,) = ctx.saved_tensors
        found = given.new_zeros(ctx.shape)
        found[items] = given
        return found, None


@loop
def number(windows: Ints, places: Ints, items: Ints, named: Ints) -> int:
    """Fill items [k] in the order in which they occur, padding first, and named [B, L]; return k.

    places [I+1] holds zeros.
    """
    items[0], k = PAD, 1
    for b in range(windows.shape[0]):
        for j in range(windows.shape[1]):
            item = windows[b, j]
            if places[item] == 0 and item != PAD:
                places[item], items[k] = k, item
                k += 1
            named[b, j] = places[item]
    return k
