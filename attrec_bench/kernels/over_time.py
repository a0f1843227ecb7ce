"""Caser's horizontal filters: products at all places of all heights, the maximum over these, bias and ReLU.

Shapes: B rows, L window length, n filters of each height h = 1..L, d width; a height has L - h + 1 places, the lowest
height comes first, and P is the number of all places.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from attrec_bench.kernels.compiled import fast_loop

Floats = NDArray[np.float32]
Whole = NDArray[np.int32]


def over_time(image: Tensor, filters: Sequence[Tensor], bias: Tensor) -> Tensor:
    """Image [B, L, d], for each height h = 1..L filters [n, h d], bias [L, n] -> [B, L n], differentiable.

    Filters of one row are a product of their own; the others stand in one matrix at all their places, since one large
    product is several times faster than L small ones over copies of the image's parts.
    """
    found = F.linear(image, filters[0]).flatten(1)
    if len(filters) > 1:
        found = torch.cat([found, F.linear(image.flatten(1), bank(filters[1:], image.shape[2]))], 1)
    return max_over_time(found, bias)


def bank(filters: Sequence[Tensor], d: int) -> Tensor:
    """Filters [n, h d] of the heights h up to L -> all of them at all their places [P n, L d], differentiable.

    A filter at place t has its h d weights from column t d on and zeros elsewhere.
    """
    placed: Tensor = Bank.apply(d, *filters)  # type: ignore[no-untyped-call]
    return placed


def plain_bank(filters: Sequence[Tensor], d: int) -> Tensor:
    """The same of torch's own parts, some sixty of them: what it must equal."""
    whole = filters[-1].shape[1]
    return torch.cat(
        [
            F.pad(each, (at, whole - each.shape[1] - at))
            for each in filters
            for at in range(0, whole - each.shape[1] + 1, d)
        ]
    )


class Bank(torch.autograd.Function):
    """See ``bank``."""

    @staticmethod
    def forward(ctx: Any, d: int, *filters: Tensor) -> Tensor:
        """See ``bank``."""
        ctx.d, ctx.n, ctx.heights = d, len(filters[0]), [each.shape[1] // d for each in filters]
        L = ctx.heights[-1]
        placed = filters[0].new_zeros(sum(L - h + 1 for h in ctx.heights) * ctx.n, L * d)
        for each, places in zip(filters, places_of(placed, ctx.heights, ctx.n, d), strict=True):
            places.copy_(each)
        return placed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of a filter is the sum of those at its places."""
        return None, *(places.sum(0) for places in places_of(given.contiguous(), ctx.heights, ctx.n, ctx.d))


def places_of(placed: Tensor, heights: Sequence[int], n: int, d: int) -> Iterator[Tensor]:
    """[P n, L d], contiguous -> for each height a view of its filters' weights there [L - h + 1, n, h d]."""
    L, start = heights[-1], 0
    for h in heights:
        yield placed.as_strided((L - h + 1, n, h * d), (n * L * d + d, L * d, 1), start)
        start += (L - h + 1) * n * L * d


def max_over_time(found: Tensor, bias: Tensor) -> Tensor:
    """Found [B, P n], bias [L, n] -> ReLU(the largest of each filter's places + bias) [B, L n], differentiable.

    Bias and ReLU come after the maximum: both keep the order, and there are fewer numbers left.
    """
    if found.device.type != "cpu" or found.dtype != torch.float32:
        return plain_max_over_time(found, bias)
    largest: Tensor = MaxOverTime.apply(found, bias)  # type: ignore[no-untyped-call]
    return largest


def plain_max_over_time(found: Tensor, bias: Tensor) -> Tensor:
    """The same in torch: what the compiled loop must equal, but where two places tie and torch halves the gradient."""
    L, n = bias.shape
    parts = torch.split(found, [(L - h + 1) * n for h in range(1, L + 1)], 1)
    return F.relu(torch.cat([part.reshape(len(part), -1, n).amax(1) for part in parts], 1) + bias.flatten())


class MaxOverTime(torch.autograd.Function):
    """See ``max_over_time``."""

    @staticmethod
    def forward(ctx: Any, found: Tensor, bias: Tensor) -> Tensor:
        """See ``max_over_time``."""
        found = found.contiguous()
        largest = found.new_empty(len(found), bias.numel())
        at = torch.empty(largest.shape, dtype=torch.int32)
        fill_largest(*(each.detach().numpy() for each in (found, bias.contiguous(), largest, at)))
        ctx.save_for_backward(largest, at)
        ctx.shapes = found.shape, bias.shape
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient goes to the largest place, and nowhere where ReLU is 0."""
        largest, at = ctx.saved_tensors
        of_found, of_bias = given.new_zeros(ctx.shapes[0]), given.new_zeros(ctx.shapes[1])
        arrays = (largest, at, given.contiguous(), of_found, of_bias.view(-1))
        fill_gradients(*(each.numpy() for each in arrays))
        return of_found, of_bias


@fast_loop
def fill_largest(found: Floats, bias: Floats, largest: Floats, at: Whole) -> None:
    """Fill largest [B, L n] and at [B, L n], the columns of found where they stand."""
    L, n = bias.shape
    for b in range(len(found)):
        first = 0
        for h in range(L):
            most, where, shift = largest[b, h * n : (h + 1) * n], at[b, h * n : (h + 1) * n], bias[h]
            for f in range(n):
                most[f] = found[b, first + f]
                where[f] = first + f
            for t in range(1, L - h):
                start = first + t * n
                each = found[b, start : start + n]
                for f in range(n):
                    larger = each[f] > most[f]
                    most[f] = each[f] if larger else most[f]
                    where[f] = np.int32(start + f) if larger else where[f]
            for f in range(n):
                most[f] = max(most[f] + shift[f], np.float32(0))
            first += (L - h) * n


@fast_loop
def fill_gradients(largest: Floats, at: Whole, given: Floats, of_found: Floats, of_bias: Floats) -> None:
    """Fill of_found [B, P n] and of_bias [L n], both zeros before."""
    for b in range(len(given)):
        for k in range(given.shape[1]):
            slope = given[b, k] if largest[b, k] > 0 else np.float32(0)
            of_found[b, at[b, k]] = slope
            of_bias[k] += slope
