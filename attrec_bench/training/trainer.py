"""The one training loop: every model that learns by gradient goes through it, with early stopping on validation."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from attrec_bench.contract import Learner
from attrec_bench.errors import InputError, require_whole
from attrec_bench.training.batches import Batches, derived_seed
from attrec_bench.training.steps import Optimizer, Step, stepping
from attrec_bench.training.uncompiled import made

Validate = Callable[[], dict[str, float]]
Report = Callable[[dict[str, float]], None]


@dataclass
class Progress:
    """What an epoch-wise loop knows so far."""

    history: list[dict[str, float]] = field(default_factory=list)
    """A row an epoch: epoch (from 1), loss (mean over batches), seconds (training only), validation metrics."""
    best_epoch: int = 0
    best_value: float = -math.inf
    best_state: dict[str, Tensor] | None = None
    earlier: float = 0.0
    """Seconds that interrupted processes have spent on what this one went on from."""
    began: float = field(default_factory=time.perf_counter)

    def consider(self, epoch: int, value: float, model: nn.Module) -> None:
        """Keep the parameters if the monitored value is the best so far."""
        if value > self.best_value:
            self.best_epoch, self.best_value = epoch, value
            self.best_state = copy.deepcopy(model.state_dict())


class Keeper(Protocol):
    """Keeps what an interrupted training goes on from."""

    def last(self) -> dict[str, Any] | None:
        """Return the state that was kept last, or None."""

    def offer(self, state: Callable[[], dict[str, Any]]) -> None:
        """Hand over the state at the end of an epoch, to be kept or not; may raise to stop."""


def fit(
    model: Learner,
    data: Batches,
    *,
    optimizer: Optimizer,
    epochs: int,
    patience: int,
    eval_every: int,
    monitor: str,
    validate: Validate | None,
    report: Report,
    keeper: Keeper | None = None,
) -> Progress:
    """Train ``model`` in place and leave it with the parameters of the chosen epoch.

    With ``validate`` (a function that returns validation metrics), the epoch with the highest ``monitor`` is chosen and
    training stops after ``patience`` validations without a better one; without, all ``epochs`` are trained and the
    last is kept. ``report`` is called with each epoch's row of the history. With a ``keeper`` that has kept the state
    of the same training, it goes on from there, to the same result bit for bit.

    Raises FloatingPointError, naming the epoch, when the loss or a score is no longer finite, and InputError for a loss
    that is not one number with a gradient.
    """
    for name, value in {"epochs": epochs, "patience": patience, "eval_every": eval_every}.items():
        require_whole(f"train.{name}", value, 1)
    module = as_module(model)
    steps = made(optimizer, module.parameters())
    progress = resumed(keeper.last() if keeper else None, module, steps)
    step = stepping(model, steps, data.items.device)
    for row in progress.history:
        report(row)
    for epoch in range(len(progress.history) + 1, epochs + 1):
        row = train_epoch(model, data, step, epoch)
        if validate is not None and (epoch % eval_every == 0 or epoch == epochs):
            row |= validated(validate, module, epoch)
            progress.consider(epoch, monitored(row, monitor), module)
        progress.history.append(row)
        report(row)
        if validate is not None and epoch - progress.best_epoch >= patience * eval_every:
            break
        if keeper:
            keeper.offer(lambda: state_of(module, steps, progress))
    if progress.best_state is None:
        progress.best_epoch = epochs
    else:
        module.load_state_dict(progress.best_state)
    module.eval()
    return progress


def state_of(module: nn.Module, steps: torch.optim.Optimizer, progress: Progress) -> dict[str, Any]:
    """Return all that the next epochs depend on, as tensors, numbers, strings, lists and dicts: no generator is in it,
    since every epoch derives its own.
    """
    return {
        "model": dict(module.state_dict()),
        "optimizer": steps.state_dict(),
        "history": progress.history,
        "best_epoch": progress.best_epoch,
        "best_value": progress.best_value,
        "best_state": None if progress.best_state is None else dict(progress.best_state),
        "earlier": progress.earlier + time.perf_counter() - progress.began,
    }


def resumed(state: dict[str, Any] | None, module: nn.Module, steps: torch.optim.Optimizer) -> Progress:
    """Put model and optimiser into a kept state, and return what was known then; without a state, nothing is known."""
    if state is None:
        return Progress()
    module.load_state_dict(state["model"])
    steps.load_state_dict(state["optimizer"])
    return Progress(**{key: state[key] for key in ("history", "best_epoch", "best_value", "best_state", "earlier")})


def train_epoch(model: Learner, data: Batches, step: Step, epoch: int) -> dict[str, float]:
    """One pass over the data -> {epoch, loss, seconds}."""
    started, total = time.perf_counter(), torch.zeros((), dtype=torch.float64, device=data.items.device)
    as_module(model).train()
    with dropout_seeded(derived_seed(data.seed, "dropout", epoch), data.items.device):
        for batch in data.epoch(epoch):
            total += step(batch)
    mean = float(total) / max(len(data), 1)
    if not math.isfinite(mean):
        raise FloatingPointError(f"the loss of {type(model).__name__} is {mean} in epoch {epoch}")
    return {"epoch": epoch, "loss": mean, "seconds": time.perf_counter() - started}


def validated(validate: Validate, module: nn.Module, epoch: int) -> dict[str, float]:
    """Validation metrics of the model as it stands; what goes wrong there names the epoch."""
    module.eval()
    try:
        return validate()
    except FloatingPointError as error:
        raise FloatingPointError(f"{error} in epoch {epoch}") from error


def monitored(row: dict[str, float], monitor: str) -> float:
    """Return the validation metric that chooses the epoch."""
    if monitor not in row:
        choices = ", ".join(key for key in row if key not in ("epoch", "loss", "seconds"))
        raise InputError(f"train.monitor must be one of {choices}, got {monitor!r}")
    return row[monitor]


def as_module(model: Any) -> nn.Module:
    """Return the model as the nn.Module that a learner has to be."""
    if not isinstance(model, nn.Module):
        raise InputError(f"a model with a loss must be an nn.Module, got {type(model).__name__}")
    return model


@contextmanager
def dropout_seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which dropout draws from, for one epoch; afterwards they are as before."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
