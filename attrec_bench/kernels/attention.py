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
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from attrec_bench.data.interactions import PAD
from attrec_bench.kernels.dropout import drawn_seed, hashed

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
        of_X, of_projected = torch.zeros_like(X), torch.zeros_like(X)
        of_time = X.new_zeros(windows.shape[1], X.shape[1])
        attend_back(
            given.contiguous().numpy(),
            *(array.detach().numpy() for array in (X, windows, q, S, r, of_X, of_projected, of_time)),
            ctx.form.diagonal,
            ctx.form.padding_rows,
            ctx.form.mean,
            ctx.form.dropout,
        )
        return of_X, of_projected, of_time, None, None, None


@njit(cache=True, fastmath=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def first_real(window: Ints) -> int:
    """Return where the padding on the left ends."""
    start = 0
    while start < len(window) and window[start] == PAD:
        start += 1
    return start


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
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


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def softmax(row: Floats, start: int, left_out: int) -> None:
    """Softmax in place over row[start:] without one entry, which becomes 0; left_out = -1 leaves none out."""
    top = np.float32(-np.inf)
    for j in range(start, len(row)):
        if j != left_out:
            top = max(top, row[j])
    total = np.float32(0)
    for j in range(start, len(row)):
        row[j] = math.exp(row[j] - top) if j != left_out else np.float32(0)
        total += row[j]
    for j in range(start, len(row)):
        row[j] /= total


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def softmax_back(row: Floats, given: Floats, start: int, left_out: int, root: np.float32) -> None:
    """Replace a softmax's row by the gradient of what it was taken of, times root; ``left_out`` was not used after."""
    dot = np.float32(0)
    for j in range(start, len(row)):
        if j != left_out:
            dot += row[j] * given[j]
    for j in range(start, len(row)):
        row[j] *= ((given[j] if j != left_out else np.float32(0)) - dot) * root


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def attend(
    X: Floats,
    projected: Floats,
    time: Floats,
    windows: Ints,
    q: Floats,
    S: Floats,
    r: Floats,
    m: Floats,
    diagonal: int,
    padding_rows: bool,
    mean: bool,
    dropout: float,
    seed: int,
) -> None:
    """Fill q, S, r and m."""
    (B, L), d = windows.shape, X.shape[1]
    threshold, kept = np.uint32(dropout * 4294967296.0), np.float32(1 / (1 - dropout))
    root, begin = np.float32(1 / math.sqrt(d)), hashed(np.uint32(seed))
    for b in range(B):
        start = first_real(windows[b])
        m[b] = 0
        r[b] = 0
        if start == L:
            continue
        rows = 0 if padding_rows else start
        for i in range(rows, L):
            counter = np.uint32(begin + np.uint32((b * L + i) * d))
            project(projected[windows[b, i]], time[i], q[b, i], counter, threshold, kept)
        for i in range(rows, L):
            for j in range(start, L if i < start else i + 1):
                total = np.float32(0)
                for k in range(d):
                    total += q[b, i, k] * q[b, j, k]
                S[b, i, j] = total * root
                if i >= start:
                    S[b, j, i] = total * root
        scale = np.float32(1 / (L - rows) if mean else 1)
        for i in range(rows, L):
            softmax(S[b, i], start, i if diagonal == BEFORE and start < L - 1 else -1)
            for j in range(start, L):
                if diagonal != AFTER or i != j:
                    r[b, j] += scale * S[b, i, j]
        for j in range(start, L):
            for k in range(d):
                m[b, k] += r[b, j] * X[windows[b, j], k]


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
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
    diagonal: int,
    padding_rows: bool,
    mean: bool,
    dropout: float,
) -> None:
    """Add to of_X, of_projected and of_time; S is overwritten with the gradient before the softmax."""
    (B, L), d = windows.shape, X.shape[1]
    root, kept = np.float32(1 / math.sqrt(d)), np.float32(1 / (1 - dropout))
    of_r, of_q = np.empty(L, np.float32), np.empty(d, np.float32)
    for b in range(B):
        start = first_real(windows[b])
        rows = 0 if padding_rows else start
        scale = np.float32(1 / (L - rows) if mean else 1) if start < L else np.float32(0)
        for j in range(start, L):
            row, of_row, total = X[windows[b, j]], of_X[windows[b, j]], np.float32(0)
            for k in range(d):
                total += given[b, k] * row[k]
                of_row[k] += r[b, j] * given[b, k]
            of_r[j] = total * scale
        for i in range(rows if start < L else L, L):
            softmax_back(S[b, i], of_r, start, i if diagonal == AFTER else -1, root)
        for i in range(rows if start < L else L, L):
            of_q[:] = 0
            for j in range(rows, L):
                weight = np.float32(0)
                if j >= start:
                    weight += S[b, i, j]
                if i >= start:
                    weight += S[b, j, i]
                for k in range(d):
                    of_q[k] += weight * q[b, j, k]
            of_row, of_shift = of_projected[windows[b, i]], of_time[i]
            for k in range(d):
                # q is above 0 exactly where neither the ReLU nor dropout has cut it.
                slope = of_q[k] * kept if q[b, i, k] > 0 else np.float32(0)
                of_shift[k] += slope
                if windows[b, i] != PAD:
                    of_row[k] += slope
