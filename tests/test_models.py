"""The contract, once, over every conf/model/*.yaml: a new model is tested by being there."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig
from torch import Tensor

from attrec_bench.configuration import composed, conf_folder
from attrec_bench.contract import Batch, Constrained, Counter, Factored, Learner, Scorer
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.data.planted import planted
from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.training.batches import generator
from tests.small import batches_of

CPU = torch.device("cpu")
NAMES = sorted(file.stem for file in (conf_folder() / "model").glob("*.yaml"))
SIZES = {"d": 8, "hidden": 8, "maxlen": 6, "init_std": 0.3}
"""Smaller than the YAML's, so that every model of the suite is built in no time."""


@pytest.fixture(scope="module")
def data() -> Interactions:
    node = composed(
        ["dataset=planted", "dataset.n_users=30", "dataset.n_items=40", "dataset.n_interactions=600"]
    ).dataset
    made: Interactions = instantiate(node, _convert_="all")
    assert callable(planted)
    return made


def config_of(name: str, mode: str = "dist") -> DictConfig:
    model: DictConfig = composed([f"model={name}", f"mode={mode}"]).model
    for key, value in SIZES.items():
        if key in model:
            model[key] = value
    return model


def made(name: str, data: Interactions, seed: int = 0, mode: str = "dist") -> Any:
    node = config_of(name, mode)
    wanted = inspect.signature(get_class(node._target_)).parameters
    facts = {"n_users": data.n_users, "n_items": data.n_items, "generator": generator(seed, "init")}
    model = instantiate(node, **{k: v for k, v in facts.items() if k in wanted}, _convert_="all")
    if isinstance(model, Counter):
        model.fit(data)
    return model.eval()


def some_windows(model: Scorer, data: Interactions, n: int = 12) -> tuple[Tensor, Tensor]:
    random = np.random.default_rng(0)
    windows = np.array([random.permutation(data.n_items)[: model.maxlen] + 1 for _ in range(n)]).reshape(n, -1)
    if model.maxlen:
        windows[0, :-1] = PAD
    return torch.from_numpy(random.integers(0, data.n_users, n)), torch.from_numpy(windows)


@pytest.mark.parametrize("name", NAMES)
def test_keeps_the_contract_and_scores_are_finite(name: str, data: Interactions) -> None:
    model = made(name, data)
    assert isinstance(model, Scorer)
    users, windows = some_windows(model, data)
    scores = model.score(users, windows)
    assert scores.shape == (len(users), data.n_items + 1)
    assert bool(scores[:, 1:].isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_scores_as_its_rows_do(name: str, data: Interactions) -> None:
    model = made(name, data)
    users, windows = some_windows(model, data)
    together = model.score(users, windows)
    alone = torch.cat([model.score(users[i : i + 1], windows[i : i + 1]) for i in range(len(users))])
    torch.testing.assert_close(together[:, 1:], alone[:, 1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_factored_model_scores_by_its_dot_product(name: str, data: Interactions) -> None:
    model = made(name, data)
    users, windows = some_windows(model, data)
    if isinstance(model, Factored):
        torch.testing.assert_close(model.query(users, windows) @ model.candidates().T, model.score(users, windows))
    else:
        assert not hasattr(model, "query")
        assert not hasattr(model, "candidates")


@pytest.mark.parametrize("name", NAMES)
def test_later_events_change_no_rank(name: str, data: Interactions) -> None:
    """The model learns from and is asked about the first half of each user; what follows may be anything."""
    halves = data.offsets[:-1] + np.diff(data.offsets) // 2
    past = data.take(np.flatnonzero(np.arange(len(data)) < halves[data.users]))
    target = data.take(halves)
    model = made(name, past if name != "oracle" else data)
    before = ranks(model, queries(past, target, maxlen=model.maxlen, device=CPU))
    shuffled = data.items.copy()
    later = np.arange(len(data)) > halves[data.users]
    shuffled[later] = np.random.default_rng(1).permutation(shuffled[later])
    other = Interactions(data.users, shuffled, data.times, data.user_ids, data.item_ids, truth=data.truth)
    past_again = other.take(np.flatnonzero(np.arange(len(other)) < halves[other.users]))
    model = made(name, past_again if name != "oracle" else other)
    assert ranks(model, queries(past_again, target, maxlen=model.maxlen, device=CPU)).tolist() == before.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_chunks_and_the_order_of_users_change_no_rank(
    name: str, data: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made(name, data)
    target = data.take(data.offsets[1:] - 1)
    expected = ranks(model, queries(data, target, maxlen=model.maxlen, device=CPU))
    order = np.random.default_rng(2).permutation(len(target))
    shuffled = ranks(model, queries(data, target.take(order), maxlen=model.maxlen, device=CPU))
    assert shuffled.tolist() == expected[order].tolist()
    monkeypatch.setattr("attrec_bench.evaluation.ranks.CACHE", 1)
    assert ranks(model, queries(data, target, maxlen=model.maxlen, device=CPU)).tolist() == expected.tolist()


LEARNERS = [name for name in NAMES if hasattr(get_class(composed([f"model={name}"]).model._target_), "loss")]


def windows_of(model: Learner) -> str:
    return "sequences" if getattr(model, "every_position", False) else "padded"


def a_batch(model: Learner, data: Interactions) -> Batch:
    return next(batches_of(data, model.maxlen, model.T, windows=windows_of(model)).epoch(1))


@pytest.mark.parametrize("mode", ["dist", "inner"])
@pytest.mark.parametrize("name", LEARNERS)
def test_steps_along_the_gradient_lower_the_loss(name: str, mode: str, data: Interactions) -> None:
    model = made(name, data, mode=mode)
    batch = a_batch(model, data)
    first = float(model.loss(batch).detach())
    steps = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(40):
        steps.zero_grad()
        model.loss(batch).backward()
        steps.step()
        if isinstance(model, Constrained):
            with torch.no_grad():
                model.constrain()
    assert float(model.loss(batch).detach()) < 0.9 * first


@pytest.mark.parametrize("name", LEARNERS)
def test_the_padding_item_is_no_parameter(name: str, data: Interactions) -> None:
    """Whatever stands in the tables' row 0, a window with padding scores as before and the row has no gradient."""
    model = made(name, data)
    batch = a_batch(model, data)
    batch.windows[0] = PAD  # a model of one last item meets no padding in training, only in users without events
    model.loss(batch).backward()
    for key, parameter in model.named_parameters():
        if parameter.shape[0] == data.n_items + 1:
            assert parameter.grad is not None
            assert not parameter.grad[PAD].any(), key


@pytest.mark.parametrize("name", LEARNERS)
def test_the_seed_decides_the_parameters(name: str, data: Interactions) -> None:
    same, again, other = (made(name, data, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(same[key], again[key]) for key in same)
    assert any(not torch.equal(same[key], other[key]) for key in same)


@pytest.mark.parametrize("name", LEARNERS)
def test_renamed_items_get_the_scores_of_their_old_names(name: str, data: Interactions) -> None:
    model, renamed = made(name, data), made(name, data)
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(data.n_items, generator=generator(0, "t"))])
    with torch.no_grad():
        for parameter in renamed.parameters():
            if parameter.shape[0] == data.n_items + 1:
                parameter[order] = parameter.clone()
    users, windows = some_windows(model, data)
    torch.testing.assert_close(renamed.score(users, order[windows])[:, order], model.score(users, windows))


def test_every_model_file_has_a_yaml() -> None:
    targets = {composed([f"model={name}"]).model._target_.rsplit(".", 1)[0] for name in NAMES}
    files = {f"baselines.{f.stem}" for f in Path("baselines").glob("*.py") if f.stem != "__init__"}
    assert files <= targets
