import math

import pytest
import torch

from attrec_bench.training.losses import binary_cross_entropy, bpr, hinge, reduce

POSITIVE, NEGATIVE = torch.tensor([2.0, 0.0, -1.0]), torch.tensor([0.0, 0.2, 1.0])


def test_hinge_is_zero_once_the_margin_is_kept() -> None:
    assert hinge(POSITIVE, NEGATIVE, 0.5).tolist() == pytest.approx([0, 0.7, 2.5])


def test_bpr_is_minus_log_sigmoid_of_the_difference() -> None:
    expected = [-math.log(1 / (1 + math.exp(-x))) for x in (2.0, -0.2, -2.0)]
    assert bpr(POSITIVE, NEGATIVE).tolist() == pytest.approx(expected)


def test_binary_cross_entropy_of_targets_and_negatives() -> None:
    targets, negatives = binary_cross_entropy(POSITIVE, NEGATIVE)
    assert targets.tolist() == pytest.approx([-math.log(1 / (1 + math.exp(-x))) for x in (2.0, 0.0, -1.0)])
    assert negatives.tolist() == pytest.approx([-math.log(1 - 1 / (1 + math.exp(-x))) for x in (0.0, 0.2, 1.0)])


def test_losses_stay_finite_far_out() -> None:
    far = torch.tensor([1e4])
    assert bpr(-far, far).item() == pytest.approx(2e4)
    assert all(bool(part.isfinite().all()) for part in binary_cross_entropy(-far, far))


def test_reduce_leaves_out_what_does_not_count_even_if_it_is_nan() -> None:
    values = torch.tensor([[1.0, 3.0], [math.nan, 5.0]])
    counts = torch.tensor([[True, True], [False, True]])
    assert reduce(values, counts, "sum").item() == 9
    assert reduce(values, counts, "mean").item() == 3
    assert reduce(values, torch.zeros(2, 1, dtype=torch.bool), "mean").item() == 0
