"""What a card will run, tested without one: float64 takes the plain path that a card takes, and that path never waits.

A host round trip is a value that Python has to see before it can go on (``item``, ``nonzero``, a copy to the host);
a dispatch mode refuses every one of them in the inner loops.
"""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from attrec_bench.checks import CPU, windows_of
from attrec_bench.contract import Constrained
from attrec_bench.data.interactions import Interactions
from attrec_bench.evaluation.ranks import queries, scored
from attrec_bench.kernels.counting import expected_ranks
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


@pytest.mark.parametrize("name", LEARNERS)
def test_the_plain_path_and_the_compiled_one_train_alike(name: str, data: Interactions) -> None:
    """Losses of a few steps in float64 (plain) and in float32 (compiled), without dropout."""
    losses = []
    for cast in ("double", "float"):
        model = getattr(made(name, data), cast)()  # stays in evaluation mode: no dropout
        steps = torch.optim.SGD(model.parameters(), lr=1e-3)
        made_batches = batches_of(data, model.maxlen, model.T, negatives=2, batch_size=32, windows=windows_of(model))
        told = []
        for batch in made_batches.epoch(1):
            steps.zero_grad()
            loss = model.loss(batch)
            loss.backward()
            steps.step()
            told.append(loss.item())
        losses.append(told)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
@pytest.mark.parametrize("name", LEARNERS)
def test_a_card_gives_the_losses_of_the_cpu(name: str, data: Interactions) -> None:
    for cast, tolerance in (("double", 1e-9), ("float", 1e-4)):
        on_cpu, on_card = (getattr(made(name, data), cast)().to(device) for device in ("cpu", "cuda"))
        batch = next(batches_of(data, on_cpu.maxlen, on_cpu.T, negatives=2, windows=windows_of(on_cpu)).epoch(1))
        moved = type(batch)(*(part.cuda() for part in (batch.users, batch.windows, batch.targets, batch.negatives)))
        assert on_card.loss(moved).item() == pytest.approx(on_cpu.loss(batch).item(), rel=tolerance)
