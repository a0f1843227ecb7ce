"""Cross-entropy over all items with its gradient in one visit: logits are made, used and overwritten piece by piece.

Shapes: n rows, D width, I items.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

PIECE = {"cpu": 1 << 19, "cuda": 1 << 26}
"""Logits worked on at once: 2 MiB of float32, which a CPU's cache holds; a GPU wants fewer and larger steps."""


def cross_entropy(query: Tensor, items: Tensor, targets: Tensor) -> Tensor:
    """Query [n, D], items [I, D], targets [n] in 0..I-1 -> sum over rows of ln sum_i exp(q . items[i]) - q . target.

    Differentiable in query and items. There is never an array [n, I]: the gradient of a sum of rows needs nothing that
    comes later, so it is worked out while a piece of the logits is at hand.
    """
    total: Tensor = CrossEntropy.apply(query, items, targets)  # type: ignore[no-untyped-call]
    return total


def plain_cross_entropy(query: Tensor, items: Tensor, targets: Tensor) -> Tensor:
    """The same with all logits at once: what the piecewise form must equal."""
    return F.cross_entropy(query @ items.T, targets, reduction="sum")


class CrossEntropy(torch.autograd.Function):
    """See ``cross_entropy``; keeps the two gradients for the way back."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, items: Tensor, targets: Tensor) -> Tensor:
        """See ``cross_entropy``."""
        query, targets = query.contiguous(), targets[:, None]
        of_query, of_items = torch.empty_like(query), torch.zeros_like(items)
        losses = query.new_empty(len(query), 1)
        size = max(1, PIECE.get(query.device.type, PIECE["cpu"]) // len(items))
        logits = query.new_empty(min(size, len(query)), len(items))
        for start in range(0, len(query), size):
            rows = slice(start, start + size)
            asked, piece = query[rows], logits[: len(query[rows])]
            torch.mm(asked, items.T, out=piece)
            losses[rows] = -piece.gather(1, targets[rows])
            top = piece.amax(1, keepdim=True)
            total = piece.sub_(top).exp_().sum(1, keepdim=True)
            losses[rows] += top + total.log()
            # The softmax is piece / total; D numbers a row are divided instead of I.
            torch.mm(piece, items, out=of_query[rows]).div_(total)
            of_items.addmm_(piece.T, asked / total)
        of_query -= items[targets[:, 0]]
        of_items.index_add_(0, targets[:, 0], query, alpha=-1)
        ctx.save_for_backward(of_query, of_items)
        return losses.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradient of the sum -> of query [n, D] and of items [I, D]."""
        of_query, of_items = ctx.saved_tensors
        return given * of_query, given * of_items, None
