"""A model that draws from global generators is told so, and of nothing that it does not do."""

import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from attrec_bench import checks
from attrec_bench.checks import CHECKS, ready, some_data
from attrec_bench.contract import Batch
from attrec_bench.data.interactions import Interactions
from attrec_bench.training.batches import generator
from attrec_bench.training.losses import bpr

PAGE = Path(__file__).resolve().parents[1] / "docs" / "compare_your_model.md"
RECIPE = re.compile(r"```python\n(for each in self\.gru.*?)```", re.S)


class Recurrent(nn.Module):
    """A causal GRU of torch's own making."""

    maxlen = 4
    T = 1

    def __init__(self, data: Interactions, seed: int) -> None:
        super().__init__()
        self.d, self.numbers = 8, generator(seed, "init")
        table = torch.empty(data.n_items + 1, self.d).normal_(std=0.3, generator=self.numbers)
        self.items = nn.Parameter(table)
        self.gru = nn.GRU(self.d, self.d, batch_first=True)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        states, _ = self.gru(nn.functional.embedding(windows, self.items, padding_idx=0))
        product: Tensor = states[:, -1] @ self.items.T
        return product

    def loss(self, batch: Batch) -> Tensor:
        scores = self.score(batch.users, batch.windows)
        return bpr(scores.gather(1, batch.targets), scores.gather(1, batch.negatives)).mean()


class ByTheRecipe(Recurrent):
    """The same, with the lines of the page."""

    def __init__(self, data: Interactions, seed: int) -> None:
        super().__init__(data, seed)
        (lines,) = RECIPE.findall(PAGE.read_text())
        exec(lines, {"nn": nn}, {"self": self, "d": self.d, "generator": self.numbers})


class Numpys(ByTheRecipe):
    """Drawn from numpy's global state, which no run seeds."""

    def __init__(self, data: Interactions, seed: int) -> None:
        super().__init__(data, seed)
        with torch.no_grad():
            self.items.copy_(torch.from_numpy(np.random.randn(*self.items.shape)))


class Fitted(ByTheRecipe):
    """It draws from torch's global state where a run does not seed it."""

    def fit(self, train: Interactions) -> None:
        nn.init.normal_(self.items)


def failing(kind: Any) -> dict[str, str]:
    """The names of the checks that a model fails, with what they say."""
    found = {}
    for check in CHECKS:
        try:
            check(kind, some_data())
        except AssertionError as error:
            found[check.__name__] = str(error)
    return found


def test_a_gru_of_torchs_own_making_is_told_of_its_start_alone_and_that_a_run_of_it_is_sound() -> None:
    told = failing(Recurrent)
    assert list(told) == ["the_seed_decides_the_parameters"]
    said = told["the_seed_decides_the_parameters"]
    assert said.startswith("two models of one seed differ in gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0,")
    assert "A run seeds that state, so its figures are sound" in said


@pytest.mark.parametrize("kind", [Numpys, Fitted], ids=lambda kind: kind.__name__)
def test_what_a_run_does_not_seed_is_told_apart(kind: Any) -> None:
    told = failing(kind)
    assert list(told) == ["the_seed_decides_the_parameters"]
    assert "the same command gives another result each time" in told["the_seed_decides_the_parameters"]
    assert "differ in items: draw" in told["the_seed_decides_the_parameters"]


def test_the_recipe_of_the_page_keeps_the_contract_and_starts_as_torch_does() -> None:
    assert failing(ByTheRecipe) == {}
    torchs, ours = (
        torch.cat([p.flatten() for p in kind(some_data(), 0).gru.parameters()]) for kind in (Recurrent, ByTheRecipe)
    )
    assert float(ours.detach().abs().max()) <= 8**-0.5
    assert float(ours.detach().std()) == pytest.approx(float(torchs.detach().std()), rel=0.1)


def test_checks_leave_the_global_generators_as_they_were() -> None:
    def next_numbers() -> tuple[float, float, float]:
        return float(torch.rand(())), float(np.random.rand()), random.random()

    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    before = next_numbers()
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    ready(Numpys, some_data())
    assert next_numbers() == before


def test_a_model_that_looks_ahead_is_still_found_where_it_draws_globally() -> None:
    class Peeping(Recurrent):
        def fit(self, train: Interactions) -> None:
            last = torch.from_numpy(train.items[train.offsets[1:] - 1].astype(int))
            with torch.no_grad():
                self.items[:, 0] = 1 + 9 * torch.bincount(last, minlength=len(self.items))

    with pytest.raises(AssertionError, match="the model looks ahead"):
        checks.later_events_change_no_rank(Peeping, some_data(), knows_the_truth=True)


class Misspelt(nn.Module):
    maxlen, T = 4, 1

    def __init__(self, data: Interactions, seed: int) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.zeros(data.n_items + 1, 2))

    def scores(self, users: Tensor, windows: Tensor) -> Tensor:
        return torch.zeros(len(users), len(self.items))

    def loss(self, batch: Batch) -> Tensor:
        return self.items.sum()


class Rowwise(ByTheRecipe):
    every_position, T = True, 4

    def loss(self, batch: Batch) -> Tensor:
        states, _ = self.gru(nn.functional.embedding(batch.windows, self.items, padding_idx=0))
        return nn.functional.cross_entropy((states @ self.items.T).mT, batch.targets, ignore_index=0, reduction="none")


def test_a_misspelt_score_is_the_same_sentence_in_every_check() -> None:
    said = "Misspelt has no score(users, windows) (is 'scores' meant to be 'score'?): a model has maxlen and score"
    told = failing(Misspelt)
    assert set(told) == {check.__name__ for check in CHECKS}
    assert all(each.startswith(said) for each in told.values())


class TurnedAround(ByTheRecipe):
    """The sign of the loss is wrong: it pushes the targets down."""

    def loss(self, batch: Batch) -> Tensor:
        scores = self.score(batch.users, batch.windows)
        return bpr(scores.gather(1, batch.negatives), scores.gather(1, batch.targets)).mean()


class Stale(ByTheRecipe):
    """It scores with the table that it has kept from its first call."""

    kept: Tensor | None = None

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        if self.training or torch.is_grad_enabled():
            return super().score(users, windows)
        self.kept = super().score(users, windows) if self.kept is None else self.kept
        return self.kept


@pytest.mark.parametrize("kind", [TurnedAround, Stale], ids=lambda kind: kind.__name__)
def test_what_is_learnt_must_raise_the_targets(kind: Any) -> None:
    told = failing(kind)["steps_along_the_gradient_raise_the_targets"]
    assert "the loss has the wrong sign, or the scores are not made of what it trains" in told


class Overwriting(ByTheRecipe):
    def loss(self, batch: Batch) -> Tensor:
        batch.negatives[batch.negatives % 2 == 0] = 1
        return super().loss(batch)


class Blanking(ByTheRecipe):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        scores = super().score(users, windows)
        windows.fill_(0)
        return scores


def test_what_writes_to_what_it_is_given_is_told() -> None:
    check = "neither_loss_nor_score_changes_what_it_is_given"
    assert failing(Overwriting) == {
        check: "the loss of Overwriting changes batch.negatives in place: work on a copy, .clone()"
    }
    with pytest.raises(AssertionError, match="score changes its windows in place"):
        checks.neither_loss_nor_score_changes_what_it_is_given(Blanking, some_data())


def test_a_loss_that_is_no_number_is_the_same_sentence_in_every_check_of_the_loss() -> None:
    told = failing(Rowwise)
    assert set(told) == {
        "what_learns_has_a_loss",
        "neither_loss_nor_score_changes_what_it_is_given",
        "steps_along_the_gradient_lower_the_loss",
        "steps_along_the_gradient_raise_the_targets",
        "the_padding_item_is_no_parameter",
        "a_position_learns_from_nothing_later",
    }
    assert all(
        each.startswith("the loss of Rowwise must be one number, a tensor of shape ()") for each in told.values()
    )
