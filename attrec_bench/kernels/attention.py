"""AttRec's short-term interest m in one pass over each window, forward and backward.

The same steps as in attrec.py, for one shared projection and a mean or a sum over rows: with q the projected rows,
S = softmax(q q^T / sqrt(d)) row by row, r_j = scale * sum_i S_ij, m = sum_j r_j X_j. Since Q = K, q q^T is symmetric
and half of it is computed; padding stands on the left, so loops begin at the first real item.

Shapes: B windows, L window length, d width, I items; item 0 is padding.
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
from attrec_bench.kernels.compiled import fast_loop, inlined
from attrec_bench.kernels.dropout import drawn_seed, hashed
from attrec_bench.kernels.lanes import FOUR, add, products, softmax, softmax_back, weighted_sums

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

NO_MASK, BEFORE, AFTER = 0, 1, 2
"""Where the diagonal is removed."""


@dataclass(frozen=True)
class Form:
    """Which of the models' forms is asked for."""

    diagonal: int
    padding_rows: bool
    mean: bool
    dropout: float


def interest(X: Tensor, projected: Tensor, time: Tensor, windows: Tensor, form: Form) -> Tensor:
    """X [I+1, d], projected X W [I+1, d], TE W [L, d], windows [B, L] -> m [B, d], differentiable in the first three.

    Dropout draws its seed from torch's global generator.
    """
    seed = drawn_seed() if form.dropout else 0
    m: Tensor = Interest.apply(X, projected, time, windows, form, seed)  # type: ignore[no-untyped-call]
    return m


class Interest(torch.autograd.Function):
    """See ``interest``; keeps q [B, L, d] and S [B, L, L] for the way back."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, projected: Tensor, time: Tensor, windows: Tensor, form: Form, seed: int) -> Tensor:
        """See ``interest``."""
        (B, L), d = windows.shape, X.shape[1]
        windows = windows.contiguous()
        q, S, r, m = X.new_empty(B, L, d), X.new_empty(B, L, L), X.new_empty(B, L), X.new_empty(B, d)
        arrays = (X, projected.contiguous(), time.contiguous())
        attend(
            *(array.detach().numpy() for array in arrays),
            windows.numpy(),
            q.numpy(),
            S.numpy(),
            r.numpy(),
            m.numpy(),
            np.empty(L, np.int32),
            form.diagonal,
            form.padding_rows,
            form.mean,
            form.dropout,
            seed,
        )
        ctx.save_for_backward(X, windows, q, S, r)
        ctx.form = form
        return m

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient of m [B, d] -> of X, of the projected table and of TE W."""
        X, windows, q, S, r = ctx.saved_tensors
        L, d = windows.shape[1], X.shape[1]
        of_X, of_projected, of_time = torch.zeros_like(X), torch.zeros_like(X), X.new_zeros(L, d)
        attend_back(
            given.contiguous().numpy(),
            *(array.detach().numpy() for array in (X, windows, q, S, r, of_X, of_projected, of_time)),
            np.empty(L, np.float32),
            np.empty((FOUR, d), np.float32),
            ctx.form.diagonal,
            ctx.form.padding_rows,
            ctx.form.mean,
            ctx.form.dropout,
        )
        return of_X, of_projected, of_time, None, None, None


@inlined
def first_real(window: Ints) -> int:
    """Return where the padding on the left ends."""
    start = 0
    while start < len(window) and window[start] == PAD:
        start += 1
    return start


@fast_loop
def project(
    row: Floats, shift: Floats, out: Floats, counter: np.uint32, threshold: np.uint32, kept: np.float32
) -> None:
    """out = dropout(ReLU(row + shift)): an entry is dropped where a hash of its number lies below the threshold."""
    if threshold == 0:
        for k in range(len(out)):
            out[k] = max(row[k] + shift[k], np.float32(0))
        return
    for k in range(len(out)):
        kept_here = hashed(np.uint32(counter + np.uint32(k))) >= threshold
        out[k] = max(row[k] + shift[k], np.float32(0)) * kept if kept_here else np.float32(0)


@fast_loop
def attend(
    X: Floats,
    projected: Floats,
    time: Floats,
    windows: Ints,
    q: Floats,
    S: Floats,
    r: Floats,
    m: Floats,
    powers: NDArray[np.int32],
    diagonal: int,
    padding_rows: bool,
    mean: bool,
    dropout: float,
    seed: int,
) -> None:
    """Fill q, S, r and m; powers [L] is room to work in."""
    (B, L), d = windows.shape, X.shape[1]
    threshold, kept = np.uint32(dropout * 4294967296.0), np.float32(1 / (1 - dropout))
    root, begin = np.float32(1 / math.sqrt(d)), hashed(np.uint32(seed))
    for b in range(B):
        start = first_real(windows[b])
        m[b] = 0
        r[b] = 0
        if start == L:
            continue
        asking = 0 if padding_rows else start  # the first row that has a say in the mean
        for i in range(asking, L):
            counter = np.uint32(begin + np.uint32((b * L + i) * d))
            project(projected[windows[b, i]], time[i], q[b, i], counter, threshold, kept)
        for i in range(asking, L):
            products(q[b, i], q[b, start:], S[b, i, start : L if i < start else i + 1], root)
        for i in range(start, L):
            for j in range(i + 1, L):
                S[b, i, j] = S[b, j, i]
        received, scale = r[b, start:], np.float32(1 / (L - asking) if mean else 1)
        for i in range(asking, L):
            row = S[b, i, start:]
            softmax(row, i - start if diagonal == BEFORE and len(row) > 1 else -1, powers)
            add(received, scale, row)
            if diagonal == AFTER and i >= start:
                received[i - start] -= scale * row[i - start]
        for j in range(start, L):
            add(m[b], r[b, j], X[windows[b, j]])


@fast_loop
def attend_back(
    given: Floats,
    X: Floats,
    windows: Ints,
    q: Floats,
    S: Floats,
    r: Floats,
    of_X: Floats,
    of_projected: Floats,
    of_time: Floats,
    of_r: Floats,
    of_q: Floats,
    diagonal: int,
    padding_rows: bool,
    mean: bool,
    dropout: float,
) -> None:
    """Add to of_X, of_projected and of_time; S is overwritten with the gradient before the softmax.

    of_r [L] and of_q [4, d] are room to work in.
    """
    (B, L), d = windows.shape, X.shape[1]
    root, kept = np.float32(1 / math.sqrt(d)), np.float32(1 / (1 - dropout))
    for b in range(B):
        start = first_real(windows[b])
        if start == L:
            continue
        asking = 0 if padding_rows else start
        of_received = of_r[start:]
        for j in range(start, L):
            products(given[b], X[windows[b, j] :], of_r[j : j + 1], np.float32(1 / (L - asking) if mean else 1))
            add(of_X[windows[b, j]], r[b, j], given[b])
        for i in range(asking, L):
            softmax_back(S[b, i, start:], of_received, i - start if diagonal == AFTER else -1, root)
        for i in range(start, L):
            # q_i stands in row i and in column i of q q^T, so both slopes are added.
            S[b, i, i] *= 2
            for j in range(start, i):
                S[b, i, j] += S[b, j, i]
                S[b, j, i] = S[b, i, j]
        for first in range(asking, L, FOUR):
            rows = min(FOUR, L - first)
            weighted_sums(S[b, first : first + rows, start:], q[b, start:], of_q[:rows])
            for i in range(first, first + rows):
                if i >= start:
                    for j in range(asking, start):
                        add(of_q[i - first], S[b, j, i], q[b, j])
                is_item = windows[b, i] != PAD
                project_back(of_q[i - first], q[b, i], of_time[i], of_projected[windows[b, i]], is_item, kept)


@fast_loop
def project_back(given: Floats, out: Floats, of_shift: Floats, of_row: Floats, is_item: bool, kept: np.float32) -> None:
    """Add the gradient of ``project`` to of_shift, and for an item to of_row; out is above 0 where nothing was cut."""
    for k in range(len(given)):
        given[k] = given[k] * kept if out[k] > 0 else np.float32(0)
    add(of_shift, np.float32(1), given)
    if is_item:
        add(of_row, np.float32(1), given)
