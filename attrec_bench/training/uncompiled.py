"""Optimizers without torch's compiler, which nothing here uses.

A torch optimizer imports torch._dynamo only to tell it to leave the optimizer alone: more than a second of every
process and some 60 MiB. Unwrapped, its methods take the same steps.
"""

import inspect
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import nn
from torch.optim import Optimizer

WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def made(optimizer: Callable[[Iterable[nn.Parameter]], Optimizer], parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Return optimizer(parameters); torch then finds what the compiler would have answered: the methods as they are."""
    for name in WRAPPED:
        method = inspect.unwrap(getattr(Optimizer, name))
        if not hasattr(method, "__dynamo_disable"):
            setattr(method, "__dynamo_disable", method)
    return optimizer(parameters)


def step_of(steps: Optimizer) -> Callable[[], object]:
    """Return the optimizer's step as a function that calls no hooks of the optimizer; nothing here has any."""
    return partial(torch.no_grad()(inspect.unwrap(type(steps).step)), steps)
