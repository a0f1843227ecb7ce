"""Loops over short rows that the compiler runs in lanes: they start at 0, touch no branch and write one array.

A range that starts at a number which numba cannot prove positive runs one entry at a time, three times slower; hence
callers hand over slices. fastmath lets sums be added in any order.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LEAST = np.float32(-1e30)
"""Below every score; not minus infinity, which fastmath may assume never to occur."""


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def add(out: Floats, weight: np.float32, row: Floats) -> None:
    """out += weight * row."""
    for k in range(len(out)):
        out[k] += weight * row[k]


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def products(own: Floats, rows: Floats, out: Floats, root: np.float32) -> None:
    """out[j] = own . rows[j] * root; four at a time, so that ``own`` is read once for four."""
    whole = len(out) // 4 * 4
    for j in range(0, whole, 4):
        a, b, c, e = rows[j], rows[j + 1], rows[j + 2], rows[j + 3]
        sum_a, sum_b, sum_c, sum_e = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for k in range(len(own)):
            sum_a += own[k] * a[k]
            sum_b += own[k] * b[k]
            sum_c += own[k] * c[k]
            sum_e += own[k] * e[k]
        out[j], out[j + 1], out[j + 2], out[j + 3] = sum_a * root, sum_b * root, sum_c * root, sum_e * root
    for j in range(whole, len(out)):
        total, row = np.float32(0), rows[j]
        for k in range(len(own)):
            total += own[k] * row[k]
        out[j] = total * root


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def weighted_sum(weights: Floats, rows: Floats, out: Floats) -> None:
    """out = sum of weights[j] rows[j]; four at a time, so that ``out`` is written once for four."""
    out[:] = 0
    whole = len(weights) // 4 * 4
    for j in range(0, whole, 4):
        a, b, c, e = rows[j], rows[j + 1], rows[j + 2], rows[j + 3]
        of_a, of_b, of_c, of_e = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
        for k in range(len(out)):
            out[k] += of_a * a[k] + of_b * b[k] + of_c * c[k] + of_e * e[k]
    for j in range(whole, len(weights)):
        add(out, weights[j], rows[j])


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def exponentials(row: Floats, least: np.float32, powers: NDArray[np.int32]) -> tuple[np.float32, np.float32]:
    """Replace a row by exp(row - top); return top, its largest entry and at least ``least``, and the new row's sum.

    exp(x) = 2^n exp(f) with n whole and |f| <= ln(2) / 2: the polynomial is good to 2e-7, and 2^n is written as the
    bits of a float into ``powers``, so that the loops run in lanes, as calls of exp do not.
    """
    top = least
    for j in range(len(row)):
        top = max(top, row[j])
    for j in range(len(row)):
        x = max(row[j] - top, np.float32(-60))
        n = np.float32(np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5)))
        f = x - n * np.float32(0.6931471805599453)
        p = np.float32(1 / 720) * f + np.float32(1 / 120)
        p = (p * f + np.float32(1 / 24)) * f + np.float32(1 / 6)
        row[j] = ((p * f + np.float32(0.5)) * f + np.float32(1)) * f + np.float32(1)
        powers[j] = (np.int32(n) + np.int32(127)) << np.int32(23)
    scales, total = powers.view(np.float32), np.float32(0)
    for j in range(len(row)):
        row[j] *= scales[j]
        total += row[j]
    return top, total


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def scale(row: Floats, factor: np.float32) -> None:
    """row *= factor."""
    for j in range(len(row)):
        row[j] *= factor


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def softmax(row: Floats, left_out: int, powers: NDArray[np.int32]) -> None:
    """Softmax in place without one entry, which becomes 0; a negative left_out leaves none out."""
    if left_out >= 0:
        row[left_out] = LEAST
    total = exponentials(row, LEAST, powers)[1]
    if left_out >= 0:
        total -= row[left_out]
        row[left_out] = np.float32(0)
    scale(row, np.float32(1) / total)


@njit(cache=True, fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def softmax_back(row: Floats, given: Floats, left_out: int, root: np.float32) -> None:
    """Replace a softmax's row by root times the gradient of what it was taken of; entry ``left_out`` had no effect."""
    own = row[left_out] if left_out >= 0 else np.float32(0)
    if left_out >= 0:
        row[left_out] = np.float32(0)
    dot = np.float32(0)
    for j in range(len(row)):
        dot += row[j] * given[j]
    for j in range(len(row)):
        row[j] *= (given[j] - dot) * root
    if left_out >= 0:
        row[left_out] = -own * dot * root
