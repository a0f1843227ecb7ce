"""The sum of squares of a whole table, as L2 terms need it in every step: one pass there and one back."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def sum_of_squares(table: Tensor) -> Tensor:
    """Tensor of any shape -> the sum of its squares, differentiable."""
    total: Tensor = SumOfSquares.apply(table)  # type: ignore[no-untyped-call]
    return total


class SumOfSquares(torch.autograd.Function):
    """A dot product of the table with itself; torch's square().sum() writes the squares and reads them again."""

    @staticmethod
    def forward(ctx: Any, table: Tensor) -> Tensor:
        """See ``sum_of_squares``."""
        ctx.save_for_backward(table)
        flat = table.reshape(-1)
        return flat.dot(flat)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> Tensor:
        """2 * given * table."""
        (table,) = ctx.saved_tensors
        scaled: Tensor = table * (2 * given)
        return scaled
