"""LearnBPR's loss and its gradient in one pass over a batch's comparisons (Rendle et al., UAI 2009, fig. 4).

A comparison of user u, target i and negative j: x = p_u . (q_i - q_j) + b_i - b_j; its loss is -ln sigmoid(x) plus
half the regularised squared norms of the rows it touches.

Shapes: B rows, N negatives a row, d width, n users, I items.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from attrec_bench.kernels.compiled import fast_loop, loop

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Regularisers(NamedTuple):
    """Weights of half the squared norms: of the user's row, the target's, the negative's, and of both biases."""

    user: float
    positive: float
    negative: float
    bias: float


def comparisons_loss(
    indices: tuple[Tensor, Tensor, Tensor], tables: tuple[Tensor, Tensor, Tensor], weights: Regularisers
) -> Tensor:
    """Users [B], targets [B], negatives [B, N]; tables P [n, d], Q [I+1, d], b [I+1, 1] -> the sum over comparisons.

    Differentiable in the tables; float32 on the CPU.
    """
    loss: Tensor = Comparisons.apply(*indices, *tables, weights)  # type: ignore[no-untyped-call]
    return loss


class Comparisons(torch.autograd.Function):
    """See ``comparisons_loss``; the gradient is found together with the loss, while the rows are in the cache."""

    @staticmethod
    def forward(
        ctx: Any, users: Tensor, targets: Tensor, negatives: Tensor, P: Tensor, Q: Tensor, b: Tensor, weights: Any
    ) -> Tensor:
        """See ``comparisons_loss``."""
        found = (torch.zeros_like(P), torch.zeros_like(Q), torch.zeros_like(b))
        indices = (users.contiguous(), targets.contiguous(), negatives.contiguous())
        arrays = (array.detach().numpy() for array in (*indices, P, Q, b, *found))
        total = compare(*arrays, *(np.float32(weight) for weight in weights))
        ctx.save_for_backward(*found)
        return P.new_tensor(total)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient of P, Q and b."""
        of_tables = ctx.saved_tensors
        if float(given) != 1:
            of_tables = tuple(of_table * given for of_table in of_tables)
        return None, None, None, *of_tables, None


@fast_loop
def difference(own: Floats, one: Floats, other: Floats) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Return own . (one - other) and the squared norms of the three."""
    apart, of_own, of_one, of_other = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for k in range(len(own)):
        apart += own[k] * (one[k] - other[k])
        of_own += own[k] * own[k]
        of_one += one[k] * one[k]
        of_other += other[k] * other[k]
    return apart, of_own, of_one, of_other


@fast_loop
def along(out: Floats, slope: np.float32, one: Floats, other: Floats, weight: np.float32, own: Floats) -> None:
    """out += slope * (one - other) + weight * own."""
    for k in range(len(out)):
        out[k] += slope * (one[k] - other[k]) + weight * own[k]


@fast_loop
def toward(out: Floats, slope: np.float32, one: Floats, weight: np.float32, own: Floats) -> None:
    """out += slope * one + weight * own."""
    for k in range(len(out)):
        out[k] += slope * one[k] + weight * own[k]


@loop
def compare(
    users: Ints,
    targets: Ints,
    negatives: Ints,
    P: Floats,
    Q: Floats,
    b: Floats,
    of_P: Floats,
    of_Q: Floats,
    of_b: Floats,
    reg_user: np.float32,
    reg_positive: np.float32,
    reg_negative: np.float32,
    reg_bias: np.float32,
) -> float:
    """Add to of_P, of_Q and of_b and return the loss."""
    total = 0.0
    for row in range(negatives.shape[0]):
        u, i = users[row], targets[row]
        for n in range(negatives.shape[1]):
            j = negatives[row, n]
            apart, pp, ii, jj = difference(P[u], Q[i], Q[j])
            x = apart + b[i, 0] - b[j, 0]
            odds = math.exp(-abs(x))  # of the less likely outcome: neither branch overflows
            slope = np.float32(-(odds if x > 0 else 1.0) / (1.0 + odds))
            total += math.log1p(odds) - min(x, np.float32(0))
            norms = reg_user * pp + reg_positive * ii + reg_negative * jj
            total += 0.5 * (norms + reg_bias * (b[i, 0] * b[i, 0] + b[j, 0] * b[j, 0]))
            along(of_P[u], slope, Q[i], Q[j], reg_user, P[u])
            toward(of_Q[i], slope, P[u], reg_positive, Q[i])
            toward(of_Q[j], -slope, P[u], reg_negative, Q[j])
            of_b[i, 0] += slope + reg_bias * b[i, 0]
            of_b[j, 0] += -slope + reg_bias * b[j, 0]
    return total
