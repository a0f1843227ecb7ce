"""Causal self-attention over windows whose rows stand one after another, forward and backward.

Shapes: n rows of all windows together, B windows, H heads, e width of a head, L window length.
"""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from attrec_bench.kernels.compiled import fast_loop
from attrec_bench.kernels.dropout import drawn_seed, hashed
from attrec_bench.kernels.lanes import FOUR, add, copy, products, softmax, softmax_back, weighted_sum
from attrec_bench.kernels.rows import Rows

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def causal_attention(q: Tensor, k: Tensor, v: Tensor, rows: Rows, dropout: float) -> Tensor:
    """Queries, keys and values [H, n, e] -> [H, n, e]: softmax(q k^T / sqrt(e)) v, no look ahead.

    A row looks at itself and at those before it in its window. ``dropout`` is the share of weights that are dropped
    after the softmax, its seed drawn from torch's generator.
    """
    if q.device.type != "cpu" or q.dtype != torch.float32:
        return plain_causal_attention(q, k, v, rows, dropout)
    seed = drawn_seed() if dropout else 0
    out: Tensor = CausalAttention.apply(q, k, v, rows, dropout, seed)  # type: ignore[no-untyped-call]
    return out


def plain_causal_attention(q: Tensor, k: Tensor, v: Tensor, rows: Rows, dropout: float) -> Tensor:
    """The same in torch, each window padded on the right: what the compiled loops must equal."""
    n, columns = q.shape[1], torch.arange(rows.L, device=q.device)
    places = rows.starts[:, None] + columns
    real = places < rows.ends[:, None]
    gathered = places.clamp(max=n - 1)
    asked, keys, values = (part[:, gathered] for part in (q, k, v))  # [H, B, L, e]
    found = F.scaled_dot_product_attention(asked, keys, values, dropout_p=dropout, is_causal=True)
    # What was computed for padding goes to a row behind the last.
    home = torch.where(real, places, n).flatten()
    return q.new_zeros(len(q), n + 1, q.shape[2]).index_add(1, home, found.flatten(1, 2))[:, :n]


class CausalAttention(torch.autograd.Function):
    """See ``causal_attention``; keeps the weights [H, n, L] for the way back."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, rows: Rows, dropout: float, seed: int) -> Tensor:
        """See ``causal_attention``."""
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        weights, out = q.new_empty(*q.shape[:2], rows.L), torch.zeros_like(q)
        arrays = (array.detach().numpy() for array in (q, k, v, rows.starts, rows.ends, weights, out))
        attend(*arrays, np.empty(rows.L, np.int32), np.empty(rows.L, np.float32), dropout, seed)
        ctx.save_for_backward(q, k, v, weights)
        ctx.rows, ctx.dropout, ctx.seed = rows, dropout, seed
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient of the output [H, n, e] -> of queries, keys and values."""
        q, k, v, weights = ctx.saved_tensors
        of_q, of_k, of_v = (torch.zeros_like(part) for part in (q, k, v))
        arrays = (given.contiguous(), q, k, v, ctx.rows.starts, ctx.rows.ends, weights, of_q, of_k, of_v)
        room = np.empty((2 * FOUR + 1, ctx.rows.L), np.float32)
        attend_back(*(array.detach().numpy() for array in arrays), room, ctx.dropout, ctx.seed)
        return of_q, of_k, of_v, None, None, None


@fast_loop
def drop(row: Floats, out: Floats, counter: np.uint32, threshold: np.uint32, kept: np.float32) -> None:
    """out = dropout(row): an entry is dropped where a hash of its number lies below the threshold."""
    if threshold == 0:
        copy(out, row)
        return
    for j in range(len(row)):
        out[j] = row[j] * kept if hashed(np.uint32(counter + np.uint32(j))) >= threshold else np.float32(0)


@fast_loop
def attend(
    q: Floats,
    k: Floats,
    v: Floats,
    starts: Ints,
    ends: Ints,
    weights: Floats,
    out: Floats,
    powers: NDArray[np.int32],
    dropped: Floats,
    dropout: float,
    seed: int,
) -> None:
    """Fill weights and out; powers and dropped [L] are room to work in."""
    (H, n, e), L = q.shape, weights.shape[2]
    threshold, kept = np.uint32(dropout * 4294967296.0), np.float32(1 / (1 - dropout))
    root, begin = np.float32(1 / math.sqrt(e)), hashed(np.uint32(seed))
    for h in range(H):
        for b in range(len(starts)):
            keys, values = k[h, starts[b] : ends[b]], v[h, starts[b] : ends[b]]
            for t in range(len(keys)):
                i = starts[b] + t
                row, left = weights[h, i, : t + 1], dropped[: t + 1]
                products(q[h, i], keys[: t + 1], row, root)
                softmax(row, -1, powers)
                drop(row, left, np.uint32(begin + np.uint32((h * n + i) * L)), threshold, kept)
                weighted_sum(left, values[: t + 1], out[h, i])


@fast_loop
def attend_back(
    given: Floats,
    q: Floats,
    k: Floats,
    v: Floats,
    starts: Ints,
    ends: Ints,
    weights: Floats,
    of_q: Floats,
    of_k: Floats,
    of_v: Floats,
    room: Floats,
    dropout: float,
    seed: int,
) -> None:
    """Fill of_q and add to of_k and of_v, for which four rows of a window are taken together.

    room [9, L] is there to work in.
    """
    (H, n, e), L = q.shape, weights.shape[2]
    threshold, kept = np.uint32(dropout * 4294967296.0), np.float32(1 / (1 - dropout))
    root, begin = np.float32(1 / math.sqrt(e)), hashed(np.uint32(seed))
    slopes, lefts, rows = room[0], room[1 : FOUR + 1], room[FOUR + 1 :]
    for h in range(H):
        for b in range(len(starts)):
            first, last = starts[b], ends[b]
            keys, values, of_keys, of_values = (
                k[h, first:last],
                v[h, first:last],
                of_k[h, first:last],
                of_v[h, first:last],
            )
            for start in range(0, len(keys), FOUR):
                stop = min(start + FOUR, len(keys))
                for t in range(start, stop):
                    i = first + t
                    row, left, slope = rows[t - start, : t + 1], lefts[t - start, : t + 1], slopes[: t + 1]
                    counter = np.uint32(begin + np.uint32((h * n + i) * L))
                    products(given[h, i], values[: t + 1], left, np.float32(1))
                    drop(left, slope, counter, threshold, kept)
                    drop(weights[h, i, : t + 1], left, counter, threshold, kept)
                    copy(row, weights[h, i, : t + 1])
                    softmax_back(row, slope, -1, root)
                    weighted_sum(row, keys[: t + 1], of_q[h, i])
                    rows[t - start, t + 1 : stop] = 0
                    lefts[t - start, t + 1 : stop] = 0
                add_products(of_values[:stop], lefts[: stop - start], given[h, first + start : first + stop])
                add_products(of_keys[:stop], rows[: stop - start], q[h, first + start : first + stop])


@fast_loop
def add_products(out: Floats, weights: Floats, rows: Floats) -> None:
    """out[j] += sum over r of weights[r, j] rows[r]; four rows in one pass, so that out is written once for four."""
    if len(rows) < FOUR:
        for r in range(len(rows)):
            for j in range(len(out)):
                add(out[j], weights[r, j], rows[r])
        return
    own_a, own_b, own_c, own_d = rows[0], rows[1], rows[2], rows[3]
    for j in range(len(out)):
        sums, a, b, c, d = out[j], weights[0, j], weights[1, j], weights[2, j], weights[3, j]
        for k in range(len(sums)):
            sums[k] += a * own_a[k] + b * own_b[k] + c * own_c[k] + d * own_d[k]
