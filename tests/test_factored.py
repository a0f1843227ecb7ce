"""FMC, FPMC, PRME and TransRec against their equations, one number at a time in float64."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attrec_bench.contract import Batch, Factored, Learner
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import InputError
from attrec_bench.training.batches import generator
from baselines.fmc import FMC
from baselines.fpmc import FPMC
from baselines.prme import PRME
from baselines.transrec import TransRec

USERS, ITEMS = 3, 6
FMC_REG = {"reg_last": 0.1, "reg_positive": 0.2, "reg_negative": 0.3}
Score = Callable[[Any, int, list[int], int], float]


def fmc(maxlen: int = 1, **reg: float) -> FMC:
    return FMC(ITEMS, generator(0, "t"), d=4, maxlen=maxlen, init_std=0.7, **dict.fromkeys(FMC_REG, 0.0) | reg)


def fpmc(maxlen: int = 1, **reg: float) -> FPMC:
    none = dict.fromkeys(("reg_user", *FMC_REG), 0.0)
    return FPMC(USERS, ITEMS, generator(0, "t"), d=4, maxlen=maxlen, init_std=0.7, **none | reg)


def prme(alpha: float = 0.3, **reg: float) -> PRME:
    none = dict.fromkeys(("reg_user", "reg_item"), 0.0)
    return PRME(USERS, ITEMS, generator(0, "t"), d=4, alpha=alpha, init_std=0.7, **none | reg)


def transrec(**reg: float) -> TransRec:
    none = dict.fromkeys(("reg_user", "reg_item", "reg_bias"), 0.0)
    model = TransRec(USERS, ITEMS, generator(0, "t"), d=4, init_std=0.7, **none | reg)
    with torch.no_grad():
        for start in (model.everyone, model.bias):
            start.normal_(generator=generator(1, "t"))
    return model


def rows(table: Tensor) -> NDArray[np.float64]:
    return table.detach().double().numpy()


def basket(table: Tensor, window: list[int]) -> NDArray[np.float64]:
    met = [rows(table)[item] for item in window if item != PAD]
    return np.sum(met, axis=0) / len(met) if met else np.zeros(table.shape[1])


def score_of_fmc(model: FMC, user: int, window: list[int], item: int) -> float:
    return float(rows(model.items)[item] @ basket(model.last, window))


def score_of_fpmc(model: FPMC, user: int, window: list[int], item: int) -> float:
    with_user, with_last = rows(model.items)[item][:4], rows(model.items)[item][4:]
    return float(rows(model.users)[user] @ with_user + with_last @ basket(model.last, window))


def score_of_prme(model: PRME, user: int, window: list[int], item: int) -> float:
    taste = np.sum((rows(model.users)[user] - rows(model.taste)[item]) ** 2)
    if window[-1] == PAD:
        return float(-taste)
    place = np.sum((rows(model.places)[window[-1]] - rows(model.places)[item]) ** 2)
    return float(-model.alpha * taste - (1 - model.alpha) * place)


def score_of_transrec(model: TransRec, user: int, window: list[int], item: int) -> float:
    here = rows(model.items)[window[-1]] if window[-1] != PAD else np.zeros(4)
    there = here + rows(model.everyone)[0] + rows(model.users)[user]
    return float(rows(model.bias)[item, 0] - np.sum((there - rows(model.items)[item]) ** 2))


CASES: dict[str, tuple[Any, Score, list[int]]] = {
    "fmc": (fmc(), score_of_fmc, [3]),
    "fmc, a basket of three": (fmc(3), score_of_fmc, [PAD, 2, 5]),
    "fmc, an empty basket": (fmc(3), score_of_fmc, [PAD, PAD, PAD]),
    "fpmc": (fpmc(), score_of_fpmc, [3]),
    "fpmc, a basket of three": (fpmc(3), score_of_fpmc, [PAD, 2, 5]),
    "fpmc, an empty basket": (fpmc(), score_of_fpmc, [PAD]),
    "prme": (prme(), score_of_prme, [3]),
    "prme without a last item": (prme(), score_of_prme, [PAD]),
    "transrec": (transrec(), score_of_transrec, [3]),
    "transrec without a last item": (transrec(), score_of_transrec, [PAD]),
}


@pytest.mark.parametrize("case", CASES)
def test_scores_equal_the_equations_up_to_a_constant_of_the_user(case: str) -> None:
    model, equation, window = CASES[case]
    assert isinstance(model, Factored)
    found = rows(model.score(torch.tensor([2]), torch.tensor([window])))[0, 1:]
    expected = np.array([equation(model, 2, window, item) for item in range(1, ITEMS + 1)])
    np.testing.assert_allclose(found - found[0], expected - expected[0], rtol=1e-5, atol=1e-5)
    if "mc" in case:  # distances leave out what is the same for all items; products do not
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [case for case in CASES if "empty" not in case and "without" not in case])
def test_the_loss_is_bprs_over_all_comparisons(case: str) -> None:
    model, equation, window = CASES[case]
    batch = Batch(
        torch.tensor([2, 0]), torch.tensor([window] * 2), torch.tensor([[1], [4]]), torch.tensor([[4, 6]] * 2)
    )
    expected = 0.0
    for user, target in ((2, 1), (0, 4)):
        for negative in (4, 6):
            lead = equation(model, user, window, target) - equation(model, user, window, negative)
            expected -= math.log(1 / (1 + math.exp(-lead)))
    assert model.loss(batch).item() == pytest.approx(expected, rel=1e-5)


def lengths(table: Tensor, *items: int) -> float:
    return float(sum(np.sum(rows(table)[item] ** 2) for item in items))


def test_regularisers_count_a_row_once_for_each_comparison_it_takes_part_in() -> None:
    """User 2 after item 3 met item 1, with the negatives 4 and 6: two comparisons."""
    batch = Batch(torch.tensor([2]), torch.tensor([[3]]), torch.tensor([[1]]), torch.tensor([[4, 6]]))

    def added(made: Callable[..., nn.Module], **reg: float) -> float:
        models: list[Learner] = [made(**reg), made()]  # type: ignore[list-item]  # nn.Module hides the protocol
        return models[0].loss(batch).item() - models[1].loss(batch).item()

    def close(value: float) -> Any:
        return pytest.approx(value / 2, rel=1e-4)

    chain, both, metric, moved = fmc(), fpmc(), prme(), transrec()
    assert added(fmc, reg_last=0.1) == close(2 * 0.1 * lengths(chain.last, 3))
    assert added(fmc, reg_positive=0.2) == close(2 * 0.2 * lengths(chain.items, 1))
    assert added(fmc, reg_negative=0.3) == close(0.3 * lengths(chain.items, 4, 6))
    assert added(fpmc, reg_user=0.1) == close(2 * 0.1 * lengths(both.users, 2))
    assert added(fpmc, reg_last=0.1) == close(2 * 0.1 * lengths(both.last, 3))
    assert added(fpmc, reg_positive=0.1) == close(2 * 0.1 * lengths(both.items, 1))
    assert added(fpmc, reg_negative=0.1) == close(0.1 * lengths(both.items, 4, 6))
    assert added(prme, reg_user=0.1) == close(2 * 0.1 * lengths(metric.users, 2))
    shared = lengths(metric.taste, 1, 1, 4, 6) + lengths(metric.places, 1, 1, 3, 3, 4, 6)
    assert added(prme, reg_item=0.1) == close(0.1 * shared)
    assert added(transrec, reg_user=0.1) == close(2 * 0.1 * lengths(moved.users, 2))
    assert added(transrec, reg_item=0.1) == close(0.1 * lengths(moved.items, 1, 1, 3, 3, 4, 6))
    assert added(transrec, reg_bias=0.1) == close(0.1 * lengths(moved.bias, 1, 1, 4, 6))


def test_prmes_dial_goes_from_transitions_to_taste() -> None:
    users, windows = torch.tensor([0, 1]), torch.tensor([[2], [2]])
    apart = prme(alpha=0.0).score(users, windows)
    torch.testing.assert_close(apart[0], apart[1])
    users, windows = torch.tensor([1, 1]), torch.tensor([[2], [5]])
    together = prme(alpha=1.0).score(users, windows)
    torch.testing.assert_close(together[0], together[1])


def test_transrecs_items_stay_in_the_unit_ball_and_short_ones_where_they_are() -> None:
    model = transrec()
    with torch.no_grad():
        model.items[1], model.items[2] = torch.tensor([3.0, 0.0, 4.0, 0.0]), torch.tensor([0.1, 0.0, 0.0, 0.2])
        model.constrain()
    torch.testing.assert_close(model.items[1], torch.tensor([0.6, 0.0, 0.8, 0.0]))
    torch.testing.assert_close(model.items[2], torch.tensor([0.1, 0.0, 0.0, 0.2]))
    assert np.linalg.norm(rows(model.items), axis=1).max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: prme(alpha=1.5), "alpha must lie in [0, 1], got 1.5"),
        (lambda: fmc(0), "maxlen must be a whole number of at least 1, got 0"),
        (lambda: fpmc(reg_last=-1.0), "reg_last must be at least 0, got -1.0"),
        (lambda: transrec(reg_bias=-0.5), "reg_bias must be at least 0, got -0.5"),
    ],
)
def test_a_mistake_is_one_line(make: Callable[[], object], told: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == told
