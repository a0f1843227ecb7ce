"""What the contract's checks look at: some data, a model made for them, windows to score and a batch to learn from.

Shapes: n users, L window length, I items.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attrec_bench.contract import Batch, Counter, Learner, Scorer
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.data.planted import planted
from attrec_bench.errors import InputError
from attrec_bench.promises import require_parts, require_scalar
from attrec_bench.training.batches import batches

CPU = torch.device("cpu")

Make = Callable[[Interactions, int], Any]
"""(data, seed) -> a new model; a seed gives the same model each time."""


def some_data() -> Interactions:
    """Return 30 users' planted events with 40 items."""
    shape: dict[str, Any] = {"n_users": 30, "n_items": 40, "n_interactions": 600, "min_events": 5, "spread": 1.0}
    taste: dict[str, Any] = {"n_clusters": 4, "peak": 0.1, "overlap": 0.005, "zipf": 0.8}
    succession: dict[str, Any] = {"long_term": 0.5, "noise": 0.05, "lags": [0.5, 0.3, 0.2], "reach": 3.0}
    return planted(name="checks", seed=0, **shape, **taste, **succession)


@contextmanager
def global_numbers(torchs: int, others: int) -> Iterator[None]:
    """Seed the generators that belong to nobody, torch's and numpy's and Python's; afterwards they are as before."""
    numpys, pythons = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torchs)
        np.random.seed(others)
        random.seed(others)
        try:
            yield
        finally:
            np.random.set_state(numpys)
            random.setstate(pythons)


def ready(make: Make, data: Interactions, seed: int = 0, torchs: int = 0, others: int = 0) -> Any:
    """Make a model, let it count where it counts, and put it into evaluation; AssertionError where a part is missing.

    Two that are made alike are alike, also where the constructor draws from global generators, as nn.GRU does by
    itself: what a check then finds to differ has another reason. ``torchs`` seeds torch's while the model is made, as a
    run does, and ``others`` all else that is global.
    """
    with global_numbers(torchs, others):
        model = make(data, seed)
    if isinstance(model, Counter):
        with global_numbers(others, others):
            model.fit(data)
    with told():
        require_parts(model)
    return model.eval() if isinstance(model, torch.nn.Module) else model


@contextmanager
def told() -> Iterator[None]:
    """Let a check fail with the sentence that a run would end with."""
    try:
        yield
    except InputError as error:
        raise AssertionError(str(error)) from error


def loss_of(model: Learner, batch: Batch) -> Tensor:
    """Return the loss of a batch; AssertionError where it is not one number with a gradient."""
    loss = model.loss(batch)
    with told():
        require_scalar(model, loss)
    return loss


def some_windows(model: Scorer, data: Interactions, n: int = 12) -> tuple[Tensor, Tensor]:
    """Return users [n] and windows [n, L] of distinct items, the first with padding."""
    random = np.random.default_rng(0)
    windows = np.array([random.permutation(data.n_items)[: model.maxlen] + 1 for _ in range(n)]).reshape(n, -1)
    if model.maxlen:
        windows[0, :-1] = PAD
    return torch.from_numpy(random.integers(0, data.n_users, n)), torch.from_numpy(windows)


def windows_of(model: Learner) -> str:
    """Return which windows the model learns from: ``sequences``, or ``padded``."""
    return "sequences" if getattr(model, "every_position", False) else "padded"


def some_batch(model: Learner, data: Interactions) -> Batch:
    """Return a batch as the trainer would hand it to this model."""
    made = batches(
        data,
        maxlen=model.maxlen,
        T=model.T,
        windows=windows_of(model),
        batch_size=64,
        negatives=1,
        negatives_from="unseen",
        negatives_redrawn=True,
        drop_last=False,
        drawn_by="window",
        seed=0,
        device=CPU,
    )
    return next(made.epoch(1))


def same(found: Tensor, expected: Tensor, what: str, rtol: float = 1.3e-6, atol: float = 1e-5) -> None:
    """Raise AssertionError(what, and by how much) unless two tensors are the same but for rounding."""
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol, msg=lambda detail: f"{what}\n{detail}")
