"""AttRec against the independent NumPy oracle, and what its keywords promise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from attrec_bench.attrec import AttRec
from attrec_bench.attrec_keywords import CHOICES
from attrec_bench.attrec_start import time_encoding
from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import InputError
from attrec_bench.kernels.pairs import pair_scores
from attrec_bench.training.batches import generator
from tests.oracles import attrec as oracle

CONF = Path(__file__).resolve().parents[1] / "conf"


def keywords(name: str, mode: str = "dist", **changed: Any) -> dict[str, Any]:
    """A model's YAML with its mode's, as Hydra composes them."""
    values: dict[str, Any] = yaml.safe_load((CONF / "model" / f"{name}.yaml").read_text())
    modes = yaml.safe_load((CONF / "mode" / f"{mode}.yaml").read_text())
    del values["_target_"]
    for key, value in values.items():
        if isinstance(value, str) and value.startswith("${mode."):
            values[key] = modes[value.removeprefix("${mode.").removesuffix("}")]
    return values | changed


def model(name: str, mode: str = "dist", n_users: int = 4, n_items: int = 11, **changed: Any) -> AttRec:
    return AttRec(n_users, n_items, generator(0, "init"), **keywords(name, mode, **changed))


VARIANTS: dict[str, Any] = {
    "paper": ("attrec", "dist", oracle.PAPER, {"l2_tables": 0.01, "l2_projection": 0.01}, (0.01, 0.01), 3),
    "author": ("attrec_author", "dist", oracle.AUTHOR, {}, (0.001, 0.01), 3),
    "tf2 dist": ("attrec_tf2", "dist", oracle.tf2("dist"), {"l2_tables": 0.01}, (0.01, 0.0), 1),
    "tf2 inner": ("attrec_tf2", "inner", oracle.tf2("inner"), {"l2_tables": 0.01}, (0.01, 0.0), 1),
}


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_loss_and_gradients_equal_the_numpy_oracle(variant: str, seed: int, padding: bool) -> None:
    name, mode, equations, changed, (l2_tables, l2_w), T = VARIANTS[variant]
    case = oracle.case(seed, padding, T=T)
    w, gamma = 0.3, 0.5
    built = model(name, mode, d=case.d, maxlen=case.maxlen, T=T, w=w, **changed).double()
    parameters = {"U": built.U, "V": built.V, "X": built.X, "W": built.W_Q}
    with torch.no_grad():
        for key, value in parameters.items():
            value.copy_(torch.from_numpy(case.params[key]))
    users, windows, targets, negatives = (
        torch.from_numpy(np.asarray(a, dtype=np.int64))
        for a in (case.users, case.windows, case.targets, case.negatives)
    )
    setting: dict[str, Any] = {"variant": equations, "w": w}
    expected = oracle.scores(case.params, case.users, case.windows, **setting)
    np.testing.assert_allclose(
        built.score(users, windows).detach().numpy()[:, 1:], expected[:, 1:], rtol=1e-5, atol=1e-7
    )

    arguments = (case.params, case.users, case.windows, case.targets, case.negatives)
    setting |= {"gamma": gamma, "l2_tables": l2_tables, "l2_W": l2_w}
    loss = built.loss(Batch(users, windows, targets, negatives))
    assert loss.item() == pytest.approx(oracle.loss(*arguments, **setting), rel=1e-5)

    loss.backward()  # type: ignore[no-untyped-call]
    wanted = oracle.gradients(*arguments, **setting)
    for key, parameter in parameters.items():
        assert parameter.grad is not None
        np.testing.assert_allclose(parameter.grad.numpy(), wanted[key], rtol=1e-5, atol=1e-7, err_msg=key)


@pytest.mark.parametrize(("name", "mode"), [("attrec", "dist"), ("attrec_tf2", "dist"), ("attrec_tf2", "inner")])
def test_the_scores_that_are_trained_are_the_scores_that_are_ranked(name: str, mode: str) -> None:
    built = model(name, mode, d=6, maxlen=3, init_std=1.0).double()
    users, windows = torch.tensor([0, 3]), torch.tensor([[PAD, 2, 5], [1, 4, 9]])
    items = torch.arange(1, 12).expand(2, -1)
    trained = pair_scores(built.query(users, windows), built.candidates(), items)
    torch.testing.assert_close(trained, built.score(users, windows)[:, 1:])


@pytest.mark.parametrize("aggregation", CHOICES["aggregation"])
def test_aggregations_of_identical_items(aggregation: str) -> None:
    # All rows of A equal the item's vector, so every aggregation but the sum gives it, and the sum L times it.
    built = model("attrec", d=4, maxlen=3, aggregation=aggregation)
    interest = built.interest(torch.tensor([[5, 5, 5]]))
    torch.testing.assert_close(interest[0], built.X[5] * (3 if aggregation == "sum" else 1))


@pytest.mark.parametrize(("mode", "padding_rows"), [("dist", "exclude"), ("dist", "include"), ("inner", "exclude")])
def test_without_attention_the_interest_is_the_mean_of_the_windows_items(mode: str, padding_rows: str) -> None:
    changed: dict[str, Any] = {"padding_rows": padding_rows, "clip": "none", "w": 0.3, "l2_projection": 0.0}
    built = model("attrec", mode, d=6, maxlen=3, aggregation="mean_without_attention", **changed).double()
    U, V, X = (each.detach().numpy() for each in (built.U, built.V, built.X))
    windows = [[PAD, 2, 5], [1, 4, 9], [PAD, PAD, 7]]
    expected = np.zeros((3, 11))
    for row, (user, window) in enumerate(zip([0, 3, 1], windows, strict=True)):
        counted = 3 if padding_rows == "include" else sum(item != PAD for item in window)
        m = sum(X[item] for item in window if item != PAD) / counted
        for i in range(1, 12):
            if mode == "dist":
                expected[row, i - 1] = -0.3 * ((U[user] - V[i]) ** 2).sum() - 0.7 * ((m - X[i]) ** 2).sum()
            else:
                expected[row, i - 1] = 0.3 * U[user] @ V[i] + 0.7 * m @ X[i]
    scores = built.score(torch.tensor([0, 3, 1]), torch.tensor(windows))
    np.testing.assert_allclose(scores.detach().numpy()[:, 1:], expected, rtol=1e-9)
    batch = Batch(torch.tensor([0]), torch.tensor(windows[:1]), torch.tensor([[4, 6, 8]]), torch.tensor([[7, 1, 3]]))
    built.loss(batch).backward()  # type: ignore[no-untyped-call]
    assert built.W_Q.grad is None, "nothing is projected"
    assert built.X.grad is not None
    assert built.X.grad[[2, 5]].any(dim=1).all()


@pytest.mark.parametrize("aggregation", CHOICES["aggregation"])
@pytest.mark.parametrize("diagonal", ["before_softmax", "after_softmax", "none"])
def test_padding_on_the_left_changes_nothing_without_a_time_signal(aggregation: str, diagonal: str) -> None:
    keyword: dict[str, Any] = {"d": 6, "aggregation": aggregation, "diagonal": diagonal, "time_signal": "none"}
    short, long = model("attrec", maxlen=3, **keyword), model("attrec", maxlen=6, **keyword)
    long.load_state_dict(short.state_dict())
    windows = torch.tensor([[3, 1, 7]])
    torch.testing.assert_close(short.interest(windows), long.interest(torch.tensor([[PAD, PAD, PAD, 3, 1, 7]])))


def test_the_diagonal_gets_no_weight_and_before_softmax_the_rest_sums_to_one() -> None:
    windows = torch.tensor([[PAD, 2, 5, 9], [PAD, PAD, PAD, 3]])
    before = model("attrec", d=6, maxlen=4, init_std=1.0).attention(windows)
    assert torch.all(before[0, 1:].diagonal(offset=1) == 0)
    torch.testing.assert_close(before[0, 1:].sum(1), torch.ones(3))
    assert torch.all(before[0, :, 0] == 0)
    assert before[1, 3].tolist() == [0, 0, 0, 1], "an item that is alone attends to itself"
    after = model("attrec_author", d=6, maxlen=4, init_std=1.0).attention(windows)
    assert torch.all(after.diagonal(dim1=1, dim2=2) == 0)
    assert torch.all(after[0, 1:].sum(1) < 1)


def test_an_empty_window_has_no_interest_and_no_nan() -> None:
    for aggregation in CHOICES["aggregation"]:
        built = model("attrec", d=4, maxlen=3, aggregation=aggregation)
        assert built.interest(torch.zeros(1, 3, dtype=torch.long)).tolist() == [[0.0] * 4]


def test_constrain_cuts_long_rows_to_norm_one_and_leaves_short_ones() -> None:
    built = model("attrec", d=4, init_std=1.0)
    with torch.no_grad():
        built.U[0], built.U[1] = torch.tensor([3.0, 0, 4, 0]), torch.tensor([0.1, 0, 0, 0])
        built.constrain()
    torch.testing.assert_close(built.U[0], torch.tensor([0.6, 0, 0.8, 0]))
    assert built.U[1].tolist() == pytest.approx([0.1, 0, 0, 0])
    assert max(rows.norm(dim=1).max().item() for rows in (built.U, built.V, built.X)) <= 1 + 1e-6


def test_time_signals_of_a_worked_case() -> None:
    # d = 4: the paper's timescales are 1 and 100; tensor2tensor's are 1 and 10000.
    sin, cos = np.sin, np.cos
    np.testing.assert_allclose(
        time_encoding(3, 4, "interleaved")[2], [sin(2), cos(2), sin(2 / 100), cos(2 / 100)], rtol=1e-6
    )
    np.testing.assert_allclose(time_encoding(3, 4, "halves")[2], [sin(2), sin(2e-4), cos(2), cos(2e-4)], rtol=1e-6)
    assert torch.all(time_encoding(3, 4, "none") == 0)


def test_all_pairs_of_one_target_and_its_negative_are_the_aligned_pairs() -> None:
    batch = Batch(torch.tensor([1]), torch.tensor([[2, 3]]), torch.tensor([[4]]), torch.tensor([[7]]))
    losses = [model("attrec", d=4, maxlen=2, T=1, pairs=pairs).loss(batch).item() for pairs in ("all", "aligned")]
    assert losses[0] == losses[1]


def test_dropout_acts_in_training_only() -> None:
    built, windows = model("attrec", d=8, maxlen=3, dropout=0.5, init_std=1.0), torch.tensor([[1, 2, 3]])
    torch.manual_seed(0)
    assert not torch.equal(built.attention(windows), built.attention(windows))
    built.eval()
    assert torch.equal(built.attention(windows), built.attention(windows))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"w": 1.5}, r"w must lie in \[0, 1\], got 1.5"),
        ({"maxlen": 0}, "maxlen must be a whole number of at least 1, got 0"),
        ({"T": 0}, "T must be a whole number of at least 1, got 0"),
        ({"d": 5}, "d must be even with time_signal=interleaved"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"gamma": None}, "gamma is the hinge's margin"),
        ({"loss": "bpr"}, "gamma is the hinge's margin"),
        ({"diagonal": "before"}, "diagonal must be one of before_softmax, after_softmax, none, got 'before'"),
        ({"aggregation": "maen"}, "did you mean 'mean'"),
        ({"init_std": 0}, "init_std must be above 0, got 0"),
    ],
)
def test_errors_name_the_value_and_the_rule(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        model("attrec", **changed)
