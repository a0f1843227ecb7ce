"""Sums of squares as L2 terms need them in every step: of a whole table, or of the rows that a batch names."""

from typing import Any

import torch
import torch.nn.functional as F
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


def norms(table: Tensor, rows: Tensor) -> Tensor:
    """Table [n, d], rows of any shape -> the sum of the rows' squared norms, a row as often as it is named."""
    if rows.numel() < len(table):
        return F.embedding(rows, table).square().sum()
    # Each row's norm times how often it is named: cheaper than a gather and a scatter once most rows are named.
    named = table.new_zeros(len(table)).index_add_(0, rows.flatten(), table.new_ones(rows.numel()))
    return table.square().sum(1) @ named
