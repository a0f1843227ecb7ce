"""HRM against its equations, one number at a time in float64."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import InputError
from attrec_bench.training.batches import generator
from baselines.hrm import HRM, POOLS

WINDOWS = ([3, 1, 4], [PAD, 5, 2], [PAD, PAD, PAD])


def hrm(pool_items: str = "max", pool_user: str = "max", loss: str = "bce", dropout: float = 0.0) -> HRM:
    return HRM(
        3, 6, generator(0, "t"),
        d=5, maxlen=3, pool_items=pool_items, pool_user=pool_user, dropout=dropout, loss=loss, init_std=0.7,
    )  # fmt: skip


def pooled(vectors: list[NDArray[np.float64]], pool: str) -> NDArray[np.float64]:
    columns = [[vector[k] for vector in vectors] for k in range(len(vectors[0]))]
    return np.array([max(column) if pool == "max" else sum(column) / len(column) for column in columns])


def scores_by_hand(model: HRM, user: int, window: list[int]) -> NDArray[np.float64]:
    items, users = model.items.detach().double().numpy(), model.users.detach().double().numpy()
    last = [items[item] for item in window if item != PAD]
    hybrid = pooled([users[user], pooled(last, model.pool_items)], model.pool_user) if last else users[user]
    return np.array([sum(hybrid * items[item]) for item in range(1, 7)])


@pytest.mark.parametrize("pool_items", POOLS)
@pytest.mark.parametrize("pool_user", POOLS)
def test_scores_equal_the_equations(pool_items: str, pool_user: str) -> None:
    model = hrm(pool_items, pool_user)
    for user, window in enumerate(WINDOWS):
        found = model.score(torch.tensor([user]), torch.tensor([window]))[0, 1:].detach().numpy()
        np.testing.assert_allclose(found, scores_by_hand(model, user, window), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", ["bce", "softmax"])
def test_losses_from_the_scores(loss: str) -> None:
    model = hrm(loss=loss)
    targets, negatives = [2, 6], [[1, 5], [3, 3]]
    batch = Batch(
        torch.tensor([0, 1]), torch.tensor(WINDOWS[:2]), torch.tensor(targets)[:, None], torch.tensor(negatives)
    )
    expected = 0.0
    for user, target in enumerate(targets):
        scores = scores_by_hand(model, user, WINDOWS[user])
        if loss == "softmax":
            expected += math.log(np.exp(scores).sum()) - scores[target - 1]
        else:
            expected -= math.log(1 / (1 + math.exp(-scores[target - 1])))
            expected -= sum(math.log(1 / (1 + math.exp(scores[item - 1]))) for item in negatives[user])
    assert model.loss(batch).item() == pytest.approx(expected, rel=1e-5)
    assert model.uses_negatives == (loss == "bce")


def test_dropout_is_for_training_only() -> None:
    model, windows = hrm(dropout=0.5), torch.tensor([[3, 1, 4]])
    plain = model.eval().query(torch.tensor([1]), windows)
    torch.testing.assert_close(plain, hrm().query(torch.tensor([1]), windows))
    dropped = model.train().query(torch.tensor([1]).repeat(200), windows.repeat(200, 1))
    zero = dropped == 0
    assert 0.4 < float(zero.double().mean()) < 0.6  # 1000 draws: sd .016
    torch.testing.assert_close(dropped[~zero], (2 * plain).expand_as(dropped)[~zero])


def test_an_unknown_pool_is_one_line() -> None:
    with pytest.raises(InputError, match=r"^pool_items must be one of mean, max, got 'maxx' \(did you mean 'max'\?\)$"):
        hrm(pool_items="maxx")
