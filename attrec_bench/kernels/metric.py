"""AttRec's score of some items a row: gathered, cut to norm 1 and compared in one pass, forward and backward.

With a = U_u, b = V_i (weight w) and a = m, b = X_i (weight 1 - w), where ^ marks a row cut to a norm of at most 1:

    inner   the sum over both of  weight a^.b^
    dist    minus the sum of  weight |a^ - b^|^2  =  weight (|a^|^2 + |b^|^2 - 2 a^.b^)

A row of norm above 1 has a^ = s a with s = 1 / |a|, and a change of a along itself has no effect. So for all four rows
and both modes the gradient has one form, c s (b^ - t a^) with c = weight (inner) or 2 weight (dist): t = a^.b^ if the
row was cut, else 1 (dist) or 0 (inner).

Shapes: B rows, N items a row, d width, I items; item 0 is padding and scores 0. m is never cut.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from attrec_bench.data.interactions import PAD
from attrec_bench.kernels.compiled import fast_loop, inlined, loop

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Measure:
    """Which of the models' forms is asked for: w weighs the long term; cut: rows of U, V and X have norms up to 1."""

    w: float
    dist: bool
    cut: bool


def metric_scores(
    users: Tensor, m: Tensor, items: Tensor, tables: tuple[Tensor, Tensor, Tensor], measure: Measure, l2: float
) -> tuple[Tensor, Tensor]:
    """Users [B], m [B, d], items [B, N], tables U [n, d], V and X [I+1, d] -> scores [B, N], l2 * the tables' squares.

    Differentiable in m and in the tables; float32 on the CPU. The two belong together because the gradient of the
    squares, where there is one, is what that of the scores is added to: no table of zeros, no sum of two.
    """
    found: tuple[Tensor, Tensor] = MetricScores.apply(users, m, items, *tables, measure, l2)  # type: ignore[no-untyped-call]
    return found


class MetricScores(torch.autograd.Function):
    """See ``metric_scores``."""

    @staticmethod
    def forward(
        ctx: Any, users: Tensor, m: Tensor, items: Tensor, U: Tensor, V: Tensor, X: Tensor, measure: Measure, l2: float
    ) -> tuple[Tensor, Tensor]:
        """See ``metric_scores``."""
        users, m, items = users.contiguous(), m.contiguous(), items.contiguous()
        ctx.save_for_backward(users, m, items, U, V, X)
        ctx.measure, ctx.l2 = measure, l2
        scores = m.new_empty(items.shape)
        arrays = (users, m, items, U, V, X)
        compare(*(array.detach().numpy() for array in arrays), measure.w, measure.dist, measure.cut, scores.numpy())
        flat = (table.reshape(-1) for table in (U, V, X) if l2)
        squares = sum((each.dot(each) for each in flat), start=m.new_zeros(()))
        return scores, l2 * squares

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor, given_squares: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the scores [B, N] and of the squares -> of m and of the tables."""
        users, m, items, U, V, X = ctx.saved_tensors
        measure, slope = ctx.measure, 2 * ctx.l2 * given_squares
        tables = (table * slope if ctx.l2 else torch.zeros_like(table) for table in (U, V, X))
        found = (torch.zeros_like(m), *tables)
        compare_back(
            given.contiguous().numpy(),
            *(array.detach().numpy() for array in (users, m, items, U, V, X)),
            measure.w,
            measure.dist,
            measure.cut,
            *(array.numpy() for array in found),
        )
        of_m, of_U, of_V, of_X = found
        return None, of_m, None, of_U, of_V, of_X, None, None


@fast_loop
def dots(own: Floats, row: Floats) -> tuple[np.float32, np.float32]:
    """Return own . row and row . row."""
    both, alone = np.float32(0), np.float32(0)
    for k in range(len(row)):
        both += own[k] * row[k]
        alone += row[k] * row[k]
    return both, alone


@inlined
def shrink(square: np.float32, cut: bool) -> np.float32:
    """Square of a row's norm -> s, the factor that brings the norm to at most 1."""
    return np.float32(1 / math.sqrt(square)) if cut and square > 1 else np.float32(1)


@loop
def compare(
    users: Ints, m: Floats, items: Ints, U: Floats, V: Floats, X: Floats, w: float, dist: bool, cut: bool, out: Floats
) -> None:
    """Fill out [B, N]."""
    long, short = np.float32(w), np.float32(1 - w)
    for b in range(items.shape[0]):
        u = U[users[b]]
        uu, mm = dots(u, u)[0], dots(m[b], m[b])[0]
        s = shrink(uu, cut)
        for n in range(items.shape[1]):
            i = items[b, n]
            if i == PAD:
                out[b, n] = 0
                continue
            uv, vv = dots(u, V[i])
            mx, xx = dots(m[b], X[i])
            of_v, of_x = shrink(vv, cut), shrink(xx, cut)
            near = long * s * of_v * uv + short * of_x * mx
            if dist:
                far = long * (s * s * uu + of_v * of_v * vv) + short * (mm + of_x * of_x * xx)
                out[b, n] = np.float32(2) * near - far
            else:
                out[b, n] = near


@fast_loop
def pull(of_own: Floats, own: Floats, other: Floats, toward: np.float32, back: np.float32) -> None:
    """of_own += toward * other - back * own."""
    for k in range(len(of_own)):
        of_own[k] += toward * other[k] - back * own[k]


@loop
def compare_back(
    given: Floats,
    users: Ints,
    m: Floats,
    items: Ints,
    U: Floats,
    V: Floats,
    X: Floats,
    w: float,
    dist: bool,
    cut: bool,
    of_m: Floats,
    of_U: Floats,
    of_V: Floats,
    of_X: Floats,
) -> None:
    """Add to of_m, of_U, of_V and of_X."""
    times, uncut = np.float32(2 if dist else 1), np.float32(1 if dist else 0)
    long, short = np.float32(w) * times, np.float32(1 - w) * times
    for b in range(items.shape[0]):
        u = U[users[b]]
        s = shrink(dots(u, u)[0], cut)
        for n in range(items.shape[1]):
            i, slope = items[b, n], given[b, n]
            if i == PAD or slope == 0:
                continue
            v, x = V[i], X[i]
            uv, vv = dots(u, v)
            mx, xx = dots(m[b], x)
            of_v, of_x = shrink(vv, cut), shrink(xx, cut)
            uv *= s * of_v
            mx *= of_x
            c = slope * long * s * of_v
            pull(of_U[users[b]], u, v, c, slope * long * s * s * (uv if s < 1 else uncut))
            pull(of_V[i], v, u, c, slope * long * of_v * of_v * (uv if of_v < 1 else uncut))
            c = slope * short * of_x
            pull(of_m[b], m[b], x, c, slope * short * uncut)
            pull(of_X[i], x, m[b], c, slope * short * of_x * of_x * (mx if of_x < 1 else uncut))
