"""The contract, once, over every conf/model/*.yaml: a new model is tested by being there."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig
from torch import Tensor, nn

from attrec_bench import checks
from attrec_bench.checks import CHECKS, CPU, Make, ready, some_data
from attrec_bench.configuration import composed, conf_folder
from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.training.batches import generator
from attrec_bench.training.losses import bpr

NAMES = sorted(file.stem for file in (conf_folder() / "model").glob("*.yaml") if file.stem != "own")
SIZES = {"d": 8, "hidden": 8, "maxlen": 6, "init_std": 0.3}
"""Smaller than the YAML's, so that every model of the suite is built in no time."""


@pytest.fixture(scope="module")
def data() -> Interactions:
    return some_data()


def config_of(name: str, mode: str = "dist") -> DictConfig:
    model: DictConfig = composed([f"model={name}", f"mode={mode}"]).model
    for key, value in SIZES.items():
        if key in model:
            model[key] = value
    return model


def maker(name: str, mode: str = "dist") -> Make:
    node = config_of(name, mode)
    wanted = inspect.signature(get_class(node._target_)).parameters

    def make(data: Interactions, seed: int) -> Any:
        facts = {"n_users": data.n_users, "n_items": data.n_items, "generator": generator(seed, "init")}
        return instantiate(node, **{k: v for k, v in facts.items() if k in wanted}, _convert_="all")

    return make


def made(name: str, data: Interactions, seed: int = 0, mode: str = "dist") -> Any:
    return ready(maker(name, mode), data, seed)


LEARNERS = [name for name in NAMES if hasattr(get_class(config_of(name)._target_), "loss")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_keeps_the_contract(name: str, check: Any, data: Interactions) -> None:
    if name == "oracle" and check is checks.later_events_change_no_rank:
        check(maker(name), data, knows_the_truth=True)
    else:
        check(maker(name), data)


@pytest.mark.parametrize("name", LEARNERS)
def test_steps_along_the_gradient_lower_the_loss_of_inner_too(name: str, data: Interactions) -> None:
    checks.steps_along_the_gradient_lower_the_loss(maker(name, "inner"), data)


@pytest.mark.parametrize("name", NAMES)
def test_chunks_change_no_rank(name: str, data: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(name, data)
    asked = queries(data, data.take(data.offsets[1:] - 1), maxlen=model.maxlen, device=CPU)
    expected = ranks(model, asked)
    monkeypatch.setattr("attrec_bench.evaluation.ranks.CACHE", 1)
    assert ranks(model, asked).tolist() == expected.tolist()


def test_every_model_file_has_a_yaml() -> None:
    targets = {composed([f"model={name}"]).model._target_.rsplit(".", 1)[0] for name in NAMES}
    files = {f"baselines.{f.stem}" for f in Path("baselines").glob("*.py") if f.stem != "__init__"}
    assert files <= targets


class Sound(nn.Module):
    """A model that keeps the contract; the classes below break it in one place each."""

    maxlen = 3
    T = 1

    def __init__(self, data: Interactions, seed: int) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.randn(data.n_items + 1, 4, generator=generator(seed, "init")))

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        return nn.functional.embedding_bag(windows, self.items, mode="mean", padding_idx=0)

    def candidates(self) -> Tensor:
        return self.items

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return self.query(users, windows) @ self.candidates().T

    def loss(self, batch: Batch) -> Tensor:
        scores = self.score(batch.users, batch.windows)
        return bpr(scores.gather(1, batch.targets), scores.gather(1, batch.negatives)).mean()


class Endless(Sound):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return super().score(users, windows) / 0


class Comparing(Sound):
    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        query = super().query(users, windows)
        return query - query.mean(0)


class Inconsistent(Sound):
    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return 2 * super().score(users, windows)


class Placed(Sound):
    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        return super().query(users, windows) + torch.arange(len(users))[:, None]


class Peeping(Sound):
    def fit(self, train: Interactions) -> None:
        last = torch.from_numpy(train.items[train.offsets[1:] - 1].astype(int))
        with torch.no_grad():
            self.items[:, 0] = 1 + 9 * torch.bincount(last, minlength=len(self.items))


class Misled(Sound):
    def loss(self, batch: Batch) -> Tensor:
        return (super().loss(batch) * 0).detach() + 1 + 0 * self.items.sum()


class Padded(Sound):
    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        return self.items[windows].mean(1)


class Drawing(Sound):
    def __init__(self, data: Interactions, seed: int) -> None:
        super().__init__(data, 0)


class Global(Sound):
    def __init__(self, data: Interactions, seed: int) -> None:
        super().__init__(data, seed)
        nn.init.normal_(self.items)


class Numbered(Sound):
    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        return super().query(users, windows) * windows[:, -1:]


class Misspelt(Sound):
    loss = None  # type: ignore[assignment]


class Rowwise(Sound):
    def loss(self, batch: Batch) -> Tensor:
        scores = self.score(batch.users, batch.windows)
        return bpr(scores.gather(1, batch.targets), scores.gather(1, batch.negatives))


class Burst(Sound):
    def loss(self, batch: Batch) -> Tensor:
        return super().loss(batch) * torch.nan


class Sequential(Sound):
    """A sound model of every position: its state is the mean of the items so far."""

    every_position = True
    T = 3

    def states(self, windows: Tensor) -> Tensor:
        counts = (windows != PAD).cumsum(1).clamp(min=1)[:, :, None]
        return nn.functional.embedding(windows, self.items, padding_idx=0).cumsum(1) / counts

    def loss(self, batch: Batch) -> Tensor:
        logits = (self.states(batch.windows) @ self.items.T)[:, :, 1:]
        return nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten() - 1, ignore_index=-1)


class Foreseeing(Sequential):
    """Its state at every position is the mean of the whole window."""

    def states(self, windows: Tensor) -> Tensor:
        return super().states(windows)[:, -1:].expand(-1, windows.shape[1], -1)


class Glancing(Sequential):
    """Its state looks one item ahead: at its own target."""

    def states(self, windows: Tensor) -> Tensor:
        return super().states(windows).roll(-1, 1)


BROKEN: dict[type[Sound], tuple[Any, str]] = {
    Misspelt: (checks.what_learns_has_a_loss, "Misspelt has T but no loss(batch)"),
    Rowwise: (checks.what_learns_has_a_loss, "the loss of Rowwise must be one number"),
    Burst: (checks.what_learns_has_a_loss, "the loss is nan before the first step"),
    Endless: (checks.scores_are_finite_and_one_an_item, "a score is NaN or infinite"),
    Comparing: (checks.a_batch_scores_as_its_rows_do, "a user's scores change with who else is in the batch"),
    Inconsistent: (checks.a_factored_model_scores_by_its_dot_product, "score is not query(users, windows) @"),
    Placed: (checks.the_order_of_users_changes_no_rank, "a user's rank changes with her place among the users"),
    Misled: (checks.steps_along_the_gradient_lower_the_loss, "took the loss of one batch from 1 to 1 only"),
    Padded: (checks.the_padding_item_is_no_parameter, "items[0], the padding item, gets a gradient"),
    Drawing: (checks.the_seed_decides_the_parameters, "models of two seeds start alike"),
    Global: (checks.the_seed_decides_the_parameters, "two models of one seed differ in items: draw from `generator`"),
    Numbered: (checks.renamed_items_get_the_scores_of_their_old_names, "it depends on an item's number"),
    Foreseeing: (checks.a_position_learns_from_nothing_later, "the loss of position 0 of a window depends on"),
    Glancing: (checks.a_position_learns_from_nothing_later, "the model sees its targets"),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", [Sound, Sequential], ids=lambda kind: kind.__name__)
def test_a_sound_model_passes(kind: Any, check: Any, data: Interactions) -> None:
    check(kind, data)


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_model_that_breaks_the_contract_fails_its_check(kind: Any, data: Interactions) -> None:
    check, told = BROKEN[kind]
    with pytest.raises(AssertionError) as caught:
        check(kind, data)
    assert told in str(caught.value)


def test_a_model_that_looks_ahead_fails_its_check(data: Interactions) -> None:
    """It counts last events, and knows_the_truth hands over all events."""
    checks.later_events_change_no_rank(Peeping, data)
    with pytest.raises(AssertionError, match="the model looks ahead"):
        checks.later_events_change_no_rank(Peeping, data, knows_the_truth=True)
