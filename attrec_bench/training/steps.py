"""One step of training: loss, gradient, optimizer, constraint. On a card it is recorded once, then replayed.

A step of these models is some hundreds of kernels of a few microseconds each, which the host takes longer to launch
than the card to run. A CUDA graph launches them as one.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad

from attrec_bench.contract import Batch, Constrained, Learner
from attrec_bench.errors import InputError
from attrec_bench.promises import require_scalar, versions, written
from attrec_bench.training.uncompiled import step_of

Optimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
Step = Callable[[Batch], Tensor]
"""Batch -> its loss before the step, without gradient."""

WARM_UP = 3
"""Steps taken as they are before one is recorded: libraries choose their algorithms and take their memory in them."""


def in_its_fastest_form(optimizer: Callable[..., torch.optim.Optimizer], device: torch.device) -> Optimizer:
    """Return the optimizer as one pass over all parameters, and so that a card can record it, where torch has that.

    The steps are the same.
    """
    has = inspect.signature(optimizer).parameters
    if device.type == "cpu":
        return partial(optimizer, fused=True) if "fused" in has else optimizer
    if "capturable" in has:
        return partial(optimizer, capturable=True, **({"fused": True} if "fused" in has else {}))
    return optimizer


def stepping(model: Learner, optimizer: torch.optim.Optimizer, device: torch.device) -> Step:
    """Return what takes one step of the model after another, all with batches on ``device``."""
    step = plainly(model, optimizer)
    # Of the class itself, not of one that it inherits from: a loss of its own may keep something in Python.
    if device.type == "cuda" and vars(type(model)).get("capturable") and capturable(optimizer):
        return Recorded(type(model).__name__, step)
    return step


def plainly(model: Learner, optimizer: torch.optim.Optimizer) -> Step:
    """Return the step as Python takes it, one operation after the other.

    It raises InputError for a loss that is not one number with a gradient or that writes to its batch.
    """
    update = step_of(optimizer)

    def step(batch: Batch) -> Tensor:
        optimizer.zero_grad()
        before = versions(batch)
        loss = model.loss(batch)
        require_scalar(model, loss)
        if (told := written(model, batch, before)) is not None:
            raise InputError(told)
        loss.backward()  # type: ignore[no-untyped-call]
        update()
        if isinstance(model, Constrained):
            with torch.no_grad():
                model.constrain()
        return loss.detach()

    return step


def capturable(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether the optimizer's step is the same each time, but for what lies on the card."""
    if type(optimizer) is Adagrad:  # it counts its steps on the host, for this decay alone
        return all(group["lr_decay"] == 0 for group in optimizer.param_groups)
    return type(optimizer) is SGD or all(group.get("capturable", False) for group in optimizer.param_groups)


class Recorded:
    """Steps on a card: the first few as they are, then one of the same size is recorded, which the others replay.

    An epoch's last batch, where it is smaller, is never recorded. What is drawn for dropout goes on from step to step
    as if each were taken by itself.
    """

    def __init__(self, name: str, step: Step) -> None:
        self.name, self.step = name, step
        self.aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.size, self.taken = 0, 0
        self.recorded: tuple[torch.cuda.CUDAGraph, Batch, Tensor] | None = None

    def __call__(self, batch: Batch) -> Tensor:
        """Take a step; the loss it returns lasts until the next one."""
        self.size = self.size or len(batch.users)
        if len(batch.users) != self.size:
            return self.step(batch)
        self.taken += 1
        if self.taken <= WARM_UP:
            return self.beside(batch)
        if self.recorded is None:
            self.recorded = self.record(batch)
        graph, read, loss = self.recorded
        for each in fields(batch):
            getattr(read, each.name).copy_(getattr(batch, each.name))
        graph.replay()
        return loss

    def beside(self, batch: Batch) -> Tensor:
        """Take a step in the stream that will record one, so that it meets the same memory."""
        self.aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.aside):
            loss = self.step(batch)
        torch.cuda.current_stream().wait_stream(self.aside)
        return loss

    def record(self, batch: Batch) -> tuple[torch.cuda.CUDAGraph, Batch, Tensor]:
        """Record a step of a batch of this size, without taking it -> (graph, the batch it reads, its loss)."""
        read = Batch(**{each.name: getattr(batch, each.name).clone() for each in fields(batch)})
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.aside):
                loss = self.step(read)
        except RuntimeError as error:
            raise InputError(
                f"{self.name} says capturable, but its loss cannot be recorded on a card "
                f"({str(error).splitlines()[0]}): without capturable = True it is trained one operation after the other"
            ) from error
        return graph, read, loss
