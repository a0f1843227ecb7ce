import math

import pytest
import torch
from torch import Tensor, nn

from attrec_bench.contract import Batch
from attrec_bench.errors import InputError
from attrec_bench.training.batches import Batches
from attrec_bench.training.trainer import Progress, dropout_seeded, fit
from tests.small import batches_of, histories


class Ladder(nn.Module):
    """A learner whose one parameter falls by the learning rate in every step."""

    maxlen = 0
    T = 1

    def __init__(self) -> None:
        super().__init__()
        self.height = nn.Parameter(torch.tensor(0.0))

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return self.height.expand(len(users), 10)

    def loss(self, batch: Batch) -> Tensor:
        assert self.training
        return self.height


def one_batch() -> Batches:
    return batches_of(histories([[1, 2]], 9), maxlen=0, T=1, batch_size=2)


def trained(
    model: Ladder, values: list[float] | None, *, epochs: int, patience: int = 3, eval_every: int = 1
) -> Progress:
    told = iter(values or [])
    return fit(
        model,
        one_batch(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
        epochs=epochs,
        patience=patience,
        eval_every=eval_every,
        monitor="MRR",
        validate=(lambda: {"MRR": next(told)}) if values is not None else None,
        report=lambda row: None,
    )


def test_the_best_epoch_is_chosen_and_its_parameters_are_kept() -> None:
    model = Ladder()
    progress = trained(model, [0.1, 0.3, 0.2, 0.3, 0.1], epochs=5)
    assert (progress.best_epoch, len(progress.history)) == (2, 5), "the first of equal values is kept"
    assert model.height.item() == -2
    assert not model.training


def test_training_stops_when_patience_runs_out() -> None:
    progress = trained(Ladder(), [0.5, 0.1, 0.1, 0.1, 0.9], epochs=5, patience=3)
    assert (progress.best_epoch, len(progress.history)) == (1, 4)


def test_validation_every_few_epochs_and_after_the_last() -> None:
    progress = trained(Ladder(), [0.1, 0.2, 0.3], epochs=5, eval_every=2)
    assert ["MRR" in row for row in progress.history] == [False, True, False, True, True]
    assert progress.best_epoch == 5


def test_without_validation_all_epochs_are_trained() -> None:
    model = Ladder()
    progress = trained(model, None, epochs=4)
    assert (progress.best_epoch, model.height.item()) == (4, -4)


def test_a_loss_that_is_not_finite_names_model_and_epoch() -> None:
    model = Ladder()
    with torch.no_grad():
        model.height.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="the loss of Ladder is nan in epoch 1"):
        trained(model, None, epochs=2)


def test_validation_sees_the_model_without_dropout_and_training_with_it() -> None:
    model, modes = Ladder(), []

    def told() -> dict[str, float]:
        modes.append(model.training)
        return {"MRR": 0.5}

    fit(
        model,
        one_batch(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
        epochs=2,
        patience=9,
        eval_every=1,
        monitor="MRR",
        validate=told,
        report=lambda row: modes.append(model.training),
    )
    assert modes == [False] * 4


def test_an_error_in_validation_names_the_epoch() -> None:
    def broken() -> dict[str, float]:
        raise FloatingPointError("mine gave a score that is NaN or infinite")

    with pytest.raises(FloatingPointError, match="NaN or infinite in epoch 1"):
        fit(
            Ladder(),
            one_batch(),
            optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
            epochs=1,
            patience=1,
            eval_every=1,
            monitor="MRR",
            validate=broken,
            report=lambda row: None,
        )


def test_an_unknown_monitor_lists_the_metrics() -> None:
    with pytest.raises(InputError, match=r"train\.monitor must be one of HR@10, got 'MRR'"):
        fit(
            Ladder(),
            one_batch(),
            optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
            epochs=1,
            patience=1,
            eval_every=1,
            monitor="MRR",
            validate=lambda: {"HR@10": 0.5},
            report=lambda row: None,
        )


@pytest.mark.parametrize(("name", "value"), [("epochs", 0), ("patience", 0), ("eval_every", 0)])
def test_numbers_out_of_range_are_named(name: str, value: int) -> None:
    settings = {"epochs": 1, "patience": 1, "eval_every": 1} | {name: value}
    with pytest.raises(InputError, match=f"train.{name} must be a whole number of at least 1, got 0"):
        trained(Ladder(), None, **settings)


def test_dropout_is_seeded_for_an_epoch_and_leaves_the_global_state_alone() -> None:
    before = torch.random.get_rng_state()
    drawn = []
    for _ in range(2):
        with dropout_seeded(5, torch.device("cpu")):
            drawn.append(torch.rand(3))
    assert torch.equal(*drawn)
    assert torch.equal(before, torch.random.get_rng_state())
