"""Optimizers as this suite makes them: the steps of torch's, without the import of torch's compiler."""

import subprocess
import sys
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrec_bench.training.uncompiled import made, step_of


def after_steps(kind: Any, own: bool) -> list[Tensor]:
    """The parameter and the optimizer's state after three steps down a bowl."""
    parameter = nn.Parameter(torch.arange(6.0).reshape(2, 3))
    steps = made(partial(kind, lr=0.1), [parameter]) if own else kind([parameter], lr=0.1)
    for _ in range(3):
        steps.zero_grad()
        (parameter - 1).square().sum().backward()  # type: ignore[no-untyped-call]
        if own:
            step_of(steps)()
        else:
            steps.step()
    return [parameter.detach(), *(value for value in steps.state[parameter].values() if isinstance(value, Tensor))]


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.Adagrad, torch.optim.SGD, torch.optim.AdamW])
def test_the_steps_are_those_of_torch(kind: Any) -> None:
    ours, theirs = after_steps(kind, own=True), after_steps(kind, own=False)
    assert not torch.equal(ours[0], torch.arange(6.0).reshape(2, 3))
    assert len(ours) == len(theirs)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_a_run_does_not_import_the_compiler(tmp_path: Any) -> None:
    code = """
import sys
from attrec_bench.configuration import composed
from attrec_bench.run import run
small = ["dataset=planted", "dataset.n_users=30", "dataset.n_items=90", "dataset.n_interactions=900"]
run(composed([*small, "model=bprmf", "train.epochs=2", f"runs={sys.argv[1]}"]), "bprmf", "")
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
