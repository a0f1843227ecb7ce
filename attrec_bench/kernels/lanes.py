"""Loops over short rows that the compiler runs in lanes: they start at 0, touch no branch and write one array.

A range that starts at a number which numba cannot prove positive runs one entry at a time, three times slower; hence
callers hand over slices. fastmath lets sums be added in any order.
"""

import numpy as np
from numpy.typing import NDArray

from attrec_bench.kernels.compiled import fast_loop, loop

Floats = NDArray[np.float32]

FOUR = 4
"""Rows that are worked on together, so that what they share is read or written once."""

LEAST = np.float32(-1e30)
"""Below every score; not minus infinity, which fastmath may assume never to occur."""


@fast_loop
def copy(out: Floats, row: Floats) -> None:
    """out = row; the two never overlap, which an assignment of slices would have to find out."""
    for k in range(len(out)):
        out[k] = row[k]


@fast_loop
def add(out: Floats, weight: np.float32, row: Floats) -> None:
    """out += weight * row."""
    for k in range(len(out)):
        out[k] += weight * row[k]


@fast_loop
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


@fast_loop
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


@fast_loop
def weighted_sums(weights: Floats, rows: Floats, out: Floats) -> None:
    """out[r] = sum of weights[r, j] rows[j] for at most four r; for four the rows are read once."""
    if len(out) < FOUR:
        for r in range(len(out)):
            weighted_sum(weights[r], rows, out[r])
        return
    out[:] = 0
    of_a, of_b, of_c, of_e = weights[0], weights[1], weights[2], weights[3]
    out_a, out_b, out_c, out_e = out[0], out[1], out[2], out[3]
    whole = len(of_a) // 4 * 4
    for j in range(0, whole, 4):
        row, second, third, fourth = rows[j], rows[j + 1], rows[j + 2], rows[j + 3]
        a, a_2, a_3, a_4 = of_a[j], of_a[j + 1], of_a[j + 2], of_a[j + 3]
        b, b_2, b_3, b_4 = of_b[j], of_b[j + 1], of_b[j + 2], of_b[j + 3]
        c, c_2, c_3, c_4 = of_c[j], of_c[j + 1], of_c[j + 2], of_c[j + 3]
        e, e_2, e_3, e_4 = of_e[j], of_e[j + 1], of_e[j + 2], of_e[j + 3]
        for k in range(len(out_a)):
            x, x_2, x_3, x_4 = row[k], second[k], third[k], fourth[k]
            out_a[k] += a * x + a_2 * x_2 + a_3 * x_3 + a_4 * x_4
            out_b[k] += b * x + b_2 * x_2 + b_3 * x_3 + b_4 * x_4
            out_c[k] += c * x + c_2 * x_2 + c_3 * x_3 + c_4 * x_4
            out_e[k] += e * x + e_2 * x_2 + e_3 * x_3 + e_4 * x_4
    for j in range(whole, len(of_a)):
        for r in range(FOUR):
            add(out[r], weights[r, j], rows[j])


@fast_loop
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


@fast_loop
def scale(row: Floats, factor: np.float32) -> None:
    """row *= factor."""
    for j in range(len(row)):
        row[j] *= factor


@loop
def softmax(row: Floats, left_out: int, powers: NDArray[np.int32]) -> None:
    """Softmax in place without one entry, which becomes 0; a negative left_out leaves none out."""
    if left_out >= 0:
        row[left_out] = LEAST
    total = exponentials(row, LEAST, powers)[1]
    if left_out >= 0:
        total -= row[left_out]
        row[left_out] = np.float32(0)
    scale(row, np.float32(1) / total)


@fast_loop
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
