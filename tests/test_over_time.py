"""Caser's horizontal filters in few passes, against the plain torch that they stand for."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attrec_bench.kernels.over_time import bank, max_over_time, over_time, plain_bank, plain_max_over_time

SHAPES = {"L": st.integers(1, 7), "n": st.integers(1, 19), "d": st.integers(1, 6), "seed": st.integers(0, 99)}


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def with_gradients(value: Tensor, slopes: Tensor, *leaves: Tensor) -> list[Tensor]:
    return [value.detach(), *torch.autograd.grad((value * slopes).sum(), leaves)]


@settings(max_examples=40, deadline=None)
@given(lowest=st.integers(1, 3), **SHAPES)
def test_filters_stand_at_all_their_places(lowest: int, L: int, n: int, d: int, seed: int) -> None:
    heights = range(min(lowest, L), L + 1)
    filters = [drawn(seed + h, n, h * d) for h in heights]
    slopes = drawn(seed, sum(L - h + 1 for h in heights) * n, L * d).detach()
    found, expected = (with_gradients(make(filters, d), slopes, *filters) for make in (bank, plain_bank))
    assert found[0].equal(expected[0])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(**SHAPES)
def test_the_largest_place_of_each_filter_and_its_gradient(L: int, n: int, d: int, seed: int) -> None:
    found, bias = drawn(seed, 9, L * (L + 1) // 2 * n), drawn(seed + 1, L, n)
    slopes = drawn(seed + 2, 9, L * n).detach()
    ours, plain = (
        with_gradients(each(found, bias), slopes, found, bias) for each in (max_over_time, plain_max_over_time)
    )
    assert ours[0].equal(plain[0])
    assert ours[1].equal(plain[1])
    torch.testing.assert_close(ours[2], plain[2], rtol=1e-5, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(**SHAPES)
def test_all_heights_are_those_of_one_matrix(L: int, n: int, d: int, seed: int) -> None:
    image, bias = drawn(seed, 5, L, d), drawn(seed + 1, L, n)
    filters = [drawn(seed + 1 + h, n, h * d) for h in range(1, L + 1)]
    slopes = drawn(seed, 5, L * n).detach()
    expected = plain_max_over_time(image.flatten(1) @ plain_bank(filters, d).T, bias)
    for one, other in zip(
        with_gradients(over_time(image, filters, bias), slopes, image, bias, *filters),
        with_gradients(expected, slopes, image, bias, *filters),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_a_filter_that_nothing_excites_has_no_gradient() -> None:
    found, bias = -drawn(0, 4, 6).detach().abs(), torch.zeros(2, 2)
    found.requires_grad_()
    largest = max_over_time(found, bias)
    (slope,) = torch.autograd.grad(largest.sum(), [found])
    assert not largest.any()
    assert not slope.any()
