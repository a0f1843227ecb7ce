"""Steps on a card, recorded once and replayed: they are the steps taken one operation after the other."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrec_bench.attrec import AttRec
from attrec_bench.checks import windows_of
from attrec_bench.contract import Batch
from attrec_bench.errors import InputError
from attrec_bench.run import on_device
from attrec_bench.training.steps import WARM_UP, Recorded, capturable, in_its_fastest_form, plainly, stepping
from attrec_bench.training.trainer import train_epoch
from tests.small import batches_of, random_histories
from tests.test_device import needs_card
from tests.test_models import LEARNERS, made

CPU, CARD = torch.device("cpu"), torch.device("cuda")
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Adagrad": partial(torch.optim.Adagrad, lr=0.01),
    "Adam": partial(torch.optim.Adam, lr=0.01),
    "SGD": partial(torch.optim.SGD, lr=0.01, momentum=0.9),
}
DATA = random_histories(30, 40, seed=0, shortest=8, longest=12)


def parameter() -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(2))]


@pytest.mark.parametrize("name", LEARNERS)
def test_every_model_that_learns_says_that_a_card_may_record_it(name: str) -> None:
    assert vars(type(made(name, DATA)))["capturable"] is True


def test_an_optimizer_that_counts_on_the_host_is_not_recorded() -> None:
    assert capturable(torch.optim.Adagrad(parameter()))
    assert not capturable(torch.optim.Adagrad(parameter(), lr_decay=0.1))
    assert capturable(torch.optim.SGD(parameter(), lr=0.1, momentum=0.9))
    assert not capturable(torch.optim.Adam(parameter()))
    assert capturable(torch.optim.Adam(parameter(), capturable=True))


@pytest.mark.parametrize(("kind", "on_card"), [("Adam", ["capturable", "fused"]), ("Adagrad", []), ("SGD", [])])
def test_the_fastest_form_is_one_pass_and_on_a_card_one_that_it_can_record(kind: str, on_card: list[str]) -> None:
    chosen = in_its_fastest_form(OPTIMIZERS[kind], CPU)(parameter())
    assert chosen.defaults["fused"] is True
    asked = in_its_fastest_form(OPTIMIZERS[kind], CARD)
    assert isinstance(asked, partial)
    assert sorted(key for key, value in asked.keywords.items() if value is True) == on_card


def test_on_a_cpu_steps_are_taken_as_they_are() -> None:
    model = made("attrec", DATA)
    assert not isinstance(stepping(model, torch.optim.SGD(model.parameters(), lr=0.1), CPU), Recorded)


def trained(name: str, optimizer: str, recorded: bool) -> tuple[list[float], list[Tensor]]:
    """Three epochs in float64, each with a smaller batch at its end -> their losses and the parameters."""
    model = on_device(made(name, DATA).double(), CARD)
    data = batches_of(DATA, model.maxlen, model.T, negatives=2, batch_size=8, windows=windows_of(model), device=CARD)
    assert len(data) > WARM_UP + 2
    assert len(data.firsts) % 8, "the last batch is smaller"
    steps = in_its_fastest_form(OPTIMIZERS[optimizer], CARD)(model.parameters())
    step = stepping(model, steps, CARD) if recorded else plainly(model, steps)
    assert isinstance(step, Recorded) == recorded
    losses = [train_epoch(model, data, step, epoch)["loss"] for epoch in (1, 2, 3)]
    assert not isinstance(step, Recorded) or step.recorded is not None
    return losses, [each.detach().cpu() for each in model.parameters()]


@needs_card
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", LEARNERS)
def test_recorded_steps_are_those_taken_one_by_one(name: str, optimizer: str) -> None:
    """With dropout where the model has it; additions in another order are all that may differ."""
    (losses, found), (expected, parameters) = (trained(name, optimizer, recorded) for recorded in (True, False))
    assert losses == pytest.approx(expected, rel=1e-9)
    for one, other in zip(found, parameters, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9)


class Inheriting(AttRec):
    """May keep anything in Python: it does not say capturable itself."""


class Reading(AttRec):
    """Says what it does not keep."""

    capturable = True

    def loss(self, batch: Batch) -> Tensor:
        return super().loss(batch) * float(batch.users.sum() > 0)


@needs_card
def test_a_class_is_recorded_only_if_it_says_so_itself_and_an_untrue_word_is_an_error() -> None:
    models: list[Any] = []
    for kind in (Inheriting, Reading):
        model = made("attrec", DATA).to(CARD)
        model.__class__ = kind
        models.append(model)
    inheriting, reading = (stepping(model, torch.optim.SGD(model.parameters(), lr=0.1), CARD) for model in models)
    assert not isinstance(inheriting, Recorded)
    data = batches_of(DATA, models[1].maxlen, models[1].T, batch_size=8, device=CARD)
    with pytest.raises(InputError, match="Reading says capturable, but its loss cannot be recorded on a card"):
        train_epoch(models[1], data, reading, 1)
