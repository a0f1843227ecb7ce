"""Softmax cross-entropy over all items and its gradient, a piece of the batch at a time.

For a query with logits z_i = q . c_i + b_i and targets T+:  sum over t in T+ of (ln sum_i exp z_i - z_t). Its gradient
in z is |T+| softmax(z) - [i in T+], and all that is wanted of z are its products with the queries and the items: so
both are taken while a piece of logits lies in the cache, and no array of B x I numbers is ever kept.

Shapes: B rows, D width, T targets, I items; item 0 is padding, takes no part and is no target.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from attrec_bench.data.interactions import PAD
from attrec_bench.kernels.compiled import loop
from attrec_bench.kernels.lanes import LEAST, add, exponentials, scale

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

PIECE = 1 << 19
"""Logits worked on at once: 2 MiB of float32."""


def cross_entropy(query: Tensor, items: Tensor, targets: Tensor, bias: Tensor | None = None) -> Tensor:
    """Query [B, D], items [I+1, D], targets [B, T], bias [I+1] -> the sum over all targets that are no padding.

    Differentiable in query, items and bias; without a bias it is 0.
    """
    if query.device.type == "cpu" and query.dtype == torch.float32:
        shifts = items.new_empty(0) if bias is None else bias
        total: Tensor = CrossEntropy.apply(query, items, targets, shifts)  # type: ignore[no-untyped-call]
        return total
    return plain_cross_entropy(query, items, targets, items.new_zeros(len(items)) if bias is None else bias)


def plain_cross_entropy(query: Tensor, items: Tensor, targets: Tensor, bias: Tensor) -> Tensor:
    """The same in torch with all logits at once: what the piecewise form must equal."""
    logits = (query @ items.T + bias)[:, PAD + 1 :]
    real = targets != PAD
    values = logits.logsumexp(1, keepdim=True) - logits.gather(1, (targets - 1).clamp(min=0))
    return torch.where(real, values, 0).sum()


class CrossEntropy(torch.autograd.Function):
    """See ``cross_entropy``; the gradient is found on the way there."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, items: Tensor, targets: Tensor, bias: Tensor) -> Tensor:
        """See ``cross_entropy``."""
        query, shifts = query.contiguous(), bias[PAD + 1 :].contiguous()
        of_query, of_items, of_bias = torch.empty_like(query), torch.zeros_like(items), torch.zeros_like(bias)
        n_items = len(items) - 1
        size = max(16, PIECE // max(n_items, 1))
        kept, wanted, total = query.new_empty(min(size, len(query)), n_items), targets.contiguous().numpy(), 0.0
        powers = np.empty(n_items, np.int32)
        for start in range(0, len(query), size):
            rows = slice(start, min(start + size, len(query)))
            logits = kept[: rows.stop - start]
            torch.mm(query[rows], items[PAD + 1 :].T, out=logits)
            total += slopes(logits.numpy(), shifts.detach().numpy(), wanted[rows], of_bias.numpy()[PAD + 1 :], powers)
            torch.mm(logits, items[PAD + 1 :], out=of_query[rows])
            of_items[PAD + 1 :].addmm_(logits.T, query[rows])
        ctx.save_for_backward(of_query, of_items, of_bias)
        return query.new_tensor(total)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor, None, Tensor]:
        """Gradient of query, items and bias."""
        of_query, of_items, of_bias = ctx.saved_tensors
        return of_query * given, of_items * given, None, of_bias * given


@loop
def slopes(logits: Floats, bias: Floats, targets: Ints, of_bias: Floats, powers: NDArray[np.int32]) -> float:
    """Replace logits [C, I] (without bias) by the gradient in them, add it to of_bias [I], return the loss.

    Where there is no bias it and of_bias are empty.
    powers [I] is room to work in.
    """
    total = 0.0
    for c in range(logits.shape[0]):
        row, n = logits[c], 0
        if len(bias):
            add(row, np.float32(1), bias)
        for target in targets[c]:
            if target != PAD:
                total -= float(row[target - 1])
                n += 1
        if n == 0:
            row[:] = 0
            continue
        top, denominator = exponentials(row, LEAST, powers)
        total += n * float(top + math.log(denominator))
        scale(row, np.float32(n / denominator))
        for target in targets[c]:
            if target != PAD:
                row[target - 1] -= np.float32(1)
        if len(of_bias):
            add(of_bias, np.float32(1), row)
    return total
