"""The logarithm of a softmax's denominator over all items, a piece of the batch at a time.

Shapes: B rows, D width, I items.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

PIECE = 1 << 19
"""Logits worked on at once, so that the passes over them find them in the cache: 2 MiB of float32."""


def log_sum_exp(query: Tensor, items: Tensor) -> Tensor:
    """Query [B, D], items [I, D] -> ln sum_i exp(query . items[i]) [B], differentiable in both.

    The cross-entropy of a target is this less the target's own score.
    """
    logarithms: Tensor = LogSumExp.apply(query, items)  # type: ignore[no-untyped-call]
    return logarithms


def plain_log_sum_exp(query: Tensor, items: Tensor) -> Tensor:
    """The same with all logits at once: what the piecewise form must equal."""
    return (query @ items.T).logsumexp(1)


class LogSumExp(torch.autograd.Function):
    """See ``log_sum_exp``; keeps the softmax [B, I] and makes no other array of that size."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, items: Tensor) -> Tensor:
        """See ``log_sum_exp``."""
        softmax = query.new_empty(len(query), len(items))
        logarithms = query.new_empty(len(query))
        size = max(1, PIECE // max(len(items), 1))
        for start in range(0, len(query), size):
            piece = softmax[start : start + size]
            torch.mm(query[start : start + size], items.T, out=piece)
            top = piece.amax(1, keepdim=True)
            total = piece.sub_(top).exp_().sum(1, keepdim=True)
            piece.div_(total)
            logarithms[start : start + size] = (top + total.log())[:, 0]
        ctx.save_for_backward(query, items, softmax)
        return logarithms

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient of the logarithms [B] -> of query [B, D] and of items [I, D]."""
        query, items, softmax = ctx.saved_tensors
        return given[:, None] * (softmax @ items), softmax.T @ (given[:, None] * query)
