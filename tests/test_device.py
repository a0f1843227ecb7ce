"""What a card will run, tested without one: float64 takes the plain path that a card takes, and that path never waits.

A host round trip is a value that Python has to see before it can go on (``item``, ``nonzero``, a copy to the host);
a dispatch mode refuses every one of them in the inner loops.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from attrec_bench.checks import CPU, windows_of
from attrec_bench.contract import Batch, Constrained
from attrec_bench.data.interactions import Interactions
from attrec_bench.evaluation.ranks import queries, ranks, scored
from attrec_bench.kernels.counting import expected_ranks
from attrec_bench.run import on_device
from attrec_bench.training.steps import Optimizer, Step, plainly, stepping
from tests.small import batches_of, random_histories
from tests.test_models import LEARNERS, made

WAITS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::equal", "aten::masked_select"}


def never_waits() -> Any:
    return NeverWaits()  # type: ignore[no-untyped-call]


class NeverWaits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name
        by_mask = name.startswith("aten::index") and any(
            isinstance(index, torch.Tensor) and index.dtype == torch.bool
            for index in (args[1] if isinstance(args[1], list | tuple) else [])
        )
        assert name not in WAITS, f"{name} makes the host wait for the device"
        assert not by_mask, f"{name} by a mask makes the host wait for the device"
        return func(*args, **(kwargs or {}))


GRADIENT_DESCENT = partial(torch.optim.SGD, lr=1e-3)


@pytest.fixture(scope="module")
def data() -> Interactions:
    return random_histories(30, 40, seed=0, shortest=8, longest=12)


def double(name: str, data: Interactions, mode: str = "dist") -> Any:
    return made(name, data, mode=mode).double()


def test_the_guard_refuses_what_it_names() -> None:
    with pytest.raises(AssertionError, match="makes the host wait"), never_waits():
        torch.ones(1).item()
    with pytest.raises(AssertionError, match="makes the host wait"), never_waits():
        torch.ones(3)[torch.ones(3) > 0]


@pytest.mark.parametrize("negatives_from", ["unseen", "all_but_targets", "all"])
@pytest.mark.parametrize("mode", ["dist", "inner"])
@pytest.mark.parametrize("name", LEARNERS)
def test_training_steps_never_wait(name: str, mode: str, negatives_from: str, data: Interactions) -> None:
    model = double(name, data, mode).train()
    made_batches = batches_of(
        data, model.maxlen, model.T, negatives=2, negatives_from=negatives_from, windows=windows_of(model)
    )
    with never_waits():
        for batch in made_batches.epoch(1):
            model.loss(batch).backward()
            if isinstance(model, Constrained):
                with torch.no_grad():
                    model.constrain()


@pytest.mark.parametrize("name", LEARNERS)
def test_ranking_never_waits_until_all_is_ranked(name: str, data: Interactions) -> None:
    model = double(name, data)
    asked = queries(data, data.take(data.offsets[1:] - 1), maxlen=model.maxlen, device=CPU)
    with never_waits(), torch.no_grad():
        for rows, scores in scored(model, asked):
            seen = slice(int(asked.bounds[rows.start]), int(asked.bounds[rows.stop]))
            expected_ranks(scores, asked.targets[rows], asked.seen_rows[seen] - rows.start, asked.seen[seen])


def without_dropout(model: Any) -> Any:
    """Evaluation mode, but for recurrent networks: cuDNN goes back through them in training mode only."""
    model.eval()
    for part in model.modules():
        if isinstance(part, nn.RNNBase):
            part.train()
    return model


def losses_of(model: Any, given: Iterable[Batch], optimizer: Optimizer = GRADIENT_DESCENT) -> list[float]:
    """The losses of a step a batch."""
    steps = optimizer(model.parameters())
    told = []
    for batch in given:
        steps.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        steps.step()
        told.append(loss.item())
    return told


def on(batch: Batch, device: torch.device) -> Batch:
    return Batch(**{field.name: getattr(batch, field.name).to(device) for field in fields(batch)})


@pytest.mark.parametrize("name", LEARNERS)
def test_the_plain_path_and_the_compiled_one_train_alike(name: str, data: Interactions) -> None:
    """Losses of a few steps in float64 (plain) and in float32 (compiled), without dropout."""
    told = []
    for cast in ("double", "float"):
        model = without_dropout(getattr(made(name, data), cast)())
        made_batches = batches_of(data, model.maxlen, model.T, negatives=2, batch_size=32, windows=windows_of(model))
        told.append(losses_of(model, made_batches.epoch(1)))
    assert told[0] == pytest.approx(told[1], rel=1e-4)


needs_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")


@needs_card
@pytest.mark.parametrize("name", LEARNERS)
def test_a_card_gives_the_losses_and_the_ranks_of_the_cpu(name: str, data: Interactions) -> None:
    """A few steps on the same batches; float32 ranks may differ where scores are equal but for rounding."""
    for cast, tolerance in (("double", 1e-9), ("float", 1e-4)):
        told, ranked = [], []
        for device in (CPU, torch.device("cuda")):
            model = without_dropout(on_device(getattr(made(name, data), cast)(), device))
            made_batches = batches_of(data, model.maxlen, model.T, negatives=2, windows=windows_of(model))
            told.append(losses_of(model, [on(batch, device) for batch in made_batches.epoch(1)]))
            asked = queries(data, data.take(data.offsets[1:] - 1), maxlen=model.maxlen, device=device)
            ranked.append(ranks(model, asked))
        assert told[1] == pytest.approx(told[0], rel=tolerance)
        if cast == "double":
            assert (ranked[0] == ranked[1]).all()


@needs_card
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.parametrize("how", [plainly, partial(stepping, device=torch.device("cuda"))], ids=["plain", "recorded"])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_card_is_never_waited_for(name: str, how: Callable[..., Step], data: Interactions) -> None:
    """The driver's own word: CUDA raises at the first wait, in whole epochs with their draws and optimiser steps."""
    card = torch.device("cuda")
    model = on_device(made(name, data), card).train()
    step = how(model, torch.optim.Adagrad(model.parameters(), lr=0.01))
    made_batches = batches_of(
        data, model.maxlen, model.T, negatives=2, batch_size=8, windows=windows_of(model), device=card
    )
    asked = queries(data, data.take(data.offsets[1:] - 1), maxlen=model.maxlen, device=card)
    for batch in made_batches.epoch(1):
        step(batch)
    try:
        torch.cuda.set_sync_debug_mode("error")
        for batch in made_batches.epoch(2):
            step(batch)
        with torch.no_grad():
            for rows, scores in scored(model.eval(), asked):
                seen = slice(int(asked.bounds[rows.start]), int(asked.bounds[rows.stop]))
                expected_ranks(scores, asked.targets[rows], asked.seen_rows[seen] - rows.start, asked.seen[seen])
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_card
def test_a_run_on_a_card_is_repeated_bit_for_bit_and_verified_on_a_cpu(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "attrec_bench.cli"]
    small = ["dataset=planted", "model=attrec", "train.epochs=2", "tracking.uri=off", "device=cuda"]
    found = []
    for name in ("one", "other"):
        subprocess.run([*command, "run", *small, f"runs={tmp_path / name}"], check=True, cwd=tmp_path)
        (record,) = (tmp_path / name).glob("*/record.json")
        found.append(json.loads(record.read_text())["record"]["metrics"])
        bundle = tmp_path / f"{name}.zip"
        run = record.parent.name
        subprocess.run([*command, "export", f"run={run}", f"out={bundle}", f"runs={tmp_path / name}"], check=True)
        subprocess.run([*command, "verify", str(bundle)], check=True, cwd=tmp_path)
    assert found[0] == found[1]
