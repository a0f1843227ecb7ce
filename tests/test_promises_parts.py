"""A model that could not learn, or whose loss is none, is told of before anything is done."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrec_bench.contract import Batch
from attrec_bench.errors import InputError
from attrec_bench.promises import require_parts, require_scalar
from tests.test_promises import Factored, Mine


class Misspelt(nn.Module):
    maxlen = 2

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.zeros(10, 4))

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return torch.zeros(len(users), 10)

    def losss(self, batch: Batch) -> Tensor:
        return self.items.sum()


class Lossless(Mine):
    loss = None  # type: ignore[assignment]


class Targeted:
    maxlen, T = 0, 1

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return torch.zeros(len(users), 10)


class Untargeted(Misspelt):
    loss = Misspelt.losss


class Plain(Targeted):
    def loss(self, batch: Batch) -> Tensor:
        return torch.zeros(())


class Hidden(Mine):
    """Its table is in a list, where torch does not find it."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = [self.items]
        del self.items


class Untrained(Mine):
    """Its bias is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = torch.zeros(10)


class Everywhere(Mine):
    every_position = True


class Scores(nn.Module):
    maxlen = 2

    def scores(self, users: Tensor, windows: Tensor) -> Tensor:
        return torch.zeros(len(users), 10)


class Lengthy:
    def __init__(self) -> None:
        self.max_len = 2

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return torch.zeros(len(users), 10)


def with_attribute(name: str, value: object) -> Any:
    model = Mine()
    setattr(model, name, value)
    return model


WRONG_PARTS = {
    "a loss misspelt": (
        Misspelt,
        "Misspelt has parameters but neither loss(batch) nor fit(train) (is 'losss' meant to be 'loss'?)",
    ),
    "no loss, but targets": (Lossless, "Lossless has T but no loss(batch): it would be ranked untrained"),
    "no loss, no module, but targets": (Targeted, "Targeted has T but no loss(batch)"),
    "a loss without T": (Untargeted, "Untargeted has loss(batch) but no T"),
    "a loss without a module": (Plain, "a model with a loss must be an nn.Module, got Plain"),
    "parameters that torch does not find": (Hidden, "Hidden has a loss but no parameter to learn"),
    "a table that torch does not know": (Untrained, "Untrained.bias is a plain tensor, which is neither trained nor"),
    "T is not maxlen": (Everywhere, "Everywhere learns at every_position, so its T must be its maxlen (2)"),
    "T of zero": (lambda: with_attribute("T", 0), "T of Mine must be a whole number of at least 1, got 0"),
    "T in words": (lambda: with_attribute("T", "1"), "T of Mine must be a whole number of at least 1, got '1'"),
    "half a window": (lambda: with_attribute("maxlen", 2.5), "maxlen of Mine must be a whole number of at least 0"),
    "no method to score": (lambda: with_attribute("score", 3), "score of Mine must be a method, got 3"),
    "nothing": (object, "object has no score(users, windows): a model has maxlen and score(users, windows)"),
    "a score misspelt": (Scores, "Scores has no score(users, windows) (is 'scores' meant to be 'score'?): a model has"),
    "a length misspelt": (
        Lengthy,
        "Lengthy has no maxlen, the length of a window (is 'max_len' meant to be 'maxlen'?)",
    ),
}


@pytest.mark.parametrize("case", WRONG_PARTS)
def test_a_model_that_could_not_learn_or_be_ranked_is_told_of_before_anything(case: str) -> None:
    made, told = WRONG_PARTS[case]
    with pytest.raises(InputError) as caught:
        require_parts(made())
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


class Frozen(Misspelt):
    """Ranked as it is, by intention: nothing in it is to be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.requires_grad_(False)


class Buffered(Mine):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(1))
        self.columns = torch.arange(3)  # no number that could be learnt


class Counted(Misspelt):
    def fit(self, train: Any) -> None:
        pass


@pytest.mark.parametrize("kind", [Mine, Factored, Frozen, Buffered, Counted], ids=lambda kind: kind.__name__)
def test_a_model_with_all_its_parts_passes(kind: Any) -> None:
    require_parts(kind())


WRONG_LOSSES: dict[str, tuple[Callable[[Mine], object], str]] = {
    "a number": (lambda model: 0.5, "the loss of Mine must be a tensor of one number, got float"),
    "one a row": (lambda model: model.items.sum(1), "must be one number, a tensor of shape (), got (10,): .mean()"),
    "one, in a list": (lambda model: model.items.sum()[None], "a tensor of shape (), got (1,)"),
    "cut off": (lambda model: model.items.sum().detach(), "the loss of Mine has no gradient"),
}


@pytest.mark.parametrize("case", WRONG_LOSSES)
def test_a_loss_that_is_not_one_number_with_a_gradient_is_told_of(case: str) -> None:
    made, told = WRONG_LOSSES[case]
    model = Mine()
    with pytest.raises(InputError) as caught:
        require_scalar(model, made(model))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
