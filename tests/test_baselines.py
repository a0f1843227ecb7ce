"""The baselines against their equations, worked out apart from the code that trains them."""

import math

import numpy as np
import pytest
import torch

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import InputError
from attrec_bench.training.batches import generator
from baselines.bprmf import BPRMF
from baselines.caser import Caser
from baselines.random import Random


def test_bprmf_loss_of_a_worked_case() -> None:
    model = BPRMF(
        2,
        3,
        generator(0, "t"),
        d=2,
        reg_user=0.1,
        reg_positive=0.2,
        reg_negative=0.3,
        reg_bias=0.4,
        item_bias=True,
        init_std=1.0,
    )
    with torch.no_grad():
        model.users.copy_(torch.tensor([[0.0, 0.0], [1.0, 2.0]]))
        model.items.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [2.0, 1.0]]))
        model.bias.copy_(torch.tensor([[0.0], [0.5], [0.0], [-1.0]]))
    batch = Batch(torch.tensor([1]), torch.zeros(1, 0, dtype=torch.long), torch.tensor([[3]]), torch.tensor([[1, 2]]))
    # User (1, 2): item 3 scores 1*2 + 2*1 - 1 = 3, item 1 scores 1.5, item 2 scores 2.
    comparisons = -math.log(1 / (1 + math.exp(-1.5))) - math.log(1 / (1 + math.exp(-1.0)))
    # Two comparisons, each touching the user (5), the target (5), its negative (1 each) and the two items' biases.
    touched = 0.5 * (2 * (0.1 * 5 + 0.2 * 5) + 0.3 * (1 + 1) + 0.4 * (2 * 1 + 0.25 + 0))
    assert model.loss(batch).item() == pytest.approx(comparisons + touched, rel=1e-6)
    assert model.plain_loss(batch).item() == pytest.approx(comparisons + touched, rel=1e-6)


def test_bprmf_gradient_is_the_step_of_learnbpr() -> None:
    """Theta += a ((1 - sigmoid(x_uij)) d x_uij / d Theta - reg Theta), with x_uij = x_ui - x_uj (fig. 4)."""
    reg = {"reg_user": 0.1, "reg_positive": 0.2, "reg_negative": 0.3, "reg_bias": 0.4}
    model = BPRMF(2, 3, generator(0, "t"), d=2, item_bias=True, init_std=1.0, **reg)
    with torch.no_grad():
        model.bias.normal_(generator=generator(0, "bias"))
    user, i, j = (part.detach().clone() for part in (model.users[1], model.items[3], model.items[2]))
    b_i, b_j = model.bias[3].item(), model.bias[2].item()
    batch = Batch(torch.tensor([1]), torch.zeros(1, 0, dtype=torch.long), torch.tensor([[3]]), torch.tensor([[2]]))
    model.loss(batch).backward()  # type: ignore[no-untyped-call]
    away = 1 - 1 / (1 + math.exp(-float(user @ i + b_i - user @ j - b_j)))
    assert model.users.grad is not None
    assert model.items.grad is not None
    assert model.bias.grad is not None
    torch.testing.assert_close(-model.users.grad[1], away * (i - j) - 0.1 * user)
    torch.testing.assert_close(-model.items.grad[3], away * user - 0.2 * i)
    torch.testing.assert_close(-model.items.grad[2], -away * user - 0.3 * j)
    assert -model.bias.grad[3].item() == pytest.approx(away - 0.4 * b_i, rel=1e-5)
    assert -model.bias.grad[2].item() == pytest.approx(-away - 0.4 * b_j, rel=1e-5)
    assert not model.users.grad[0].any()


def test_bprmf_without_biases_is_the_product_of_its_rows_alone() -> None:
    reg = {"reg_user": 0.1, "reg_positive": 0.2, "reg_negative": 0.3, "reg_bias": 0.0}
    model = BPRMF(2, 3, generator(0, "t"), d=2, item_bias=False, init_std=1.0, **reg)
    batch = Batch(torch.tensor([1]), torch.zeros(1, 0, dtype=torch.long), torch.tensor([[3]]), torch.tensor([[2]]))
    steps = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.users.detach().clone()
    for form in (model.loss, model.plain_loss):
        steps.zero_grad()
        form(batch).backward()  # type: ignore[no-untyped-call]
        steps.step()
    assert not model.users[1].equal(before[1])
    torch.testing.assert_close(model.score(batch.users, batch.windows), model.users[1:] @ model.items.T)
    with pytest.raises(InputError, match=r"reg_bias, without item_bias, must be 0, got 0\.4"):
        BPRMF(2, 3, generator(0, "t"), d=2, item_bias=False, init_std=1.0, **reg | {"reg_bias": 0.4})


def caser_features_by_loops(model: Caser, window: list[int]) -> list[float]:
    """Equations 4 to 8, one number at a time."""
    image = model.Q.detach().double().numpy()[window]
    L, d = image.shape
    vertical = model.vertical.detach().double().numpy()
    found = [float(sum(filt[row] * image[row, column] for row in range(L))) for filt in vertical for column in range(d)]
    for h in range(1, L + 1):
        filters = model.horizontal[h - 1].detach().double().numpy().reshape(-1, h, d)
        for n, filt in enumerate(filters):
            bias = model.horizontal_bias[h - 1, n].item()
            over_time = [max(0.0, float((filt * image[t : t + h]).sum()) + bias) for t in range(L - h + 1)]
            found.append(max(over_time))
    return found


@pytest.mark.parametrize("window", [[3, 1, 4, 2], [PAD, PAD, 5, 1]])
def test_caser_features_equal_its_equations(window: list[int]) -> None:
    model = Caser(3, 6, generator(0, "t"), d=5, maxlen=4, T=2, n_v=2, n_h=3, dropout=0.0, loss="bce", output="separate")
    found = model.features(torch.tensor([window]))[0].detach().numpy()
    np.testing.assert_allclose(found, caser_features_by_loops(model, window), rtol=1e-5, atol=1e-6)


def test_caser_scores_equal_its_equations() -> None:
    """Equations 9 and 10 over the features; without the ReLU of equation 9 some entry of z would be below 0."""
    model = Caser(
        3, 6, generator(1, "t"), d=5, maxlen=4, T=2, n_v=2, n_h=3, dropout=0.5, loss="bce", output="separate"
    ).eval()
    window = [3, 1, 4, 2]
    linear = model.full.detach().double().numpy() @ caser_features_by_loops(model, window)
    z = np.maximum(linear + model.full_bias.detach().double().numpy(), 0)
    assert 0 < (z == 0).sum() < len(z)
    joined = np.concatenate([z, model.P.detach().double().numpy()[2]])
    expected = model.W.detach().double().numpy() @ joined + model.b.detach().double().numpy()[:, 0]
    found = model.score(torch.tensor([2]), torch.tensor([window]))[0].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_tied_caser_scores_by_a_second_layer_and_its_input_table() -> None:
    model = Caser(
        3, 6, generator(1, "t"), d=5, maxlen=3, T=1, n_v=2, n_h=3, dropout=0.5, loss="softmax", output="tied"
    ).eval()
    numbers = {name: value.detach().double().numpy() for name, value in model.named_parameters()}
    z = np.maximum(numbers["full"] @ caser_features_by_loops(model, [3, 1, 4]) + numbers["full_bias"], 0)
    linear = numbers["second"] @ np.concatenate([z, numbers["P"][2]]) + numbers["second_bias"]
    assert 0 < (linear < 0).sum() < len(linear)
    found = model.score(torch.tensor([2]), torch.tensor([[3, 1, 4]]))[0].detach().numpy()
    np.testing.assert_allclose(found, numbers["Q"] @ np.maximum(linear, 0), rtol=1e-5, atol=1e-6)
    assert not {"W", "b"} & set(numbers)


@pytest.mark.parametrize("output", ["separate", "tied"])
@pytest.mark.parametrize("loss", ["bce", "softmax"])
def test_caser_losses_from_its_scores(loss: str, output: str) -> None:
    model = Caser(3, 6, generator(0, "t"), d=5, maxlen=3, T=2, n_v=2, n_h=3, dropout=0.0, loss=loss, output=output)
    batch = Batch(
        torch.tensor([0, 2]), torch.tensor([[PAD, 1, 2], [3, 4, 5]]), torch.tensor([[3, PAD], [1, 6]]),
        torch.tensor([[4, 5], [2, 2]]),
    )  # fmt: skip
    scores = model.score(batch.users, batch.windows).detach().double().numpy()
    targets = [(0, 3), (1, 1), (1, 6)]
    if loss == "bce":
        negatives = [(0, 4), (0, 5), (1, 2), (1, 2)]
        expected = np.mean([-math.log(1 / (1 + math.exp(-scores[at]))) for at in targets])
        expected += np.mean([-math.log(1 - 1 / (1 + math.exp(-scores[at]))) for at in negatives])
    else:
        expected = np.mean([math.log(np.exp(scores[row, 1:]).sum()) - scores[row, item] for row, item in targets])
    assert model.loss(batch).item() == pytest.approx(expected, rel=1e-5)


def test_random_scores_are_uniform_and_differ_between_users_and_seeds() -> None:
    users = torch.arange(400)
    first, second = (Random(500, generator(seed, "t")).score(users, users[:, None][:, :0]) for seed in (0, 1))
    assert 0 <= float(first.min()) < float(first.max()) < 1
    counts = np.histogram(first.numpy(), bins=20, range=(0, 1))[0]
    mean = first.numel() / 20
    # Pearson's statistic of 20 equal bins stays below 45 with probability .999.
    assert ((counts - mean) ** 2 / mean).sum() < 45
    places = first.argsort(1).argsort(1).double()
    # The mean place of an item over 400 users: 250 with a standard deviation of 7.2.
    assert float((places.mean(0) - 250).abs().max()) < 6 * 7.3
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, second)
