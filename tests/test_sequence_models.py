"""SASRec and GRU4Rec against their equations, and what both owe to learning at every position at once."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import InputError
from attrec_bench.training.batches import generator
from attrec_bench.training.next_item import LOSSES
from baselines.gru4rec import GRU4Rec, left_aligned
from baselines.sasrec import SASRec
from tests.oracles import sasrec as oracle
from tests.small import batches_of, random_histories

SASREC = {"d": 6, "maxlen": 5, "n_blocks": 2, "n_heads": 1, "dropout": 0.0, "loss": "bce", "init_std": 0.7}
GRU4REC = {
    **{"d": 6, "hidden": 6, "maxlen": 5, "layers": 2, "dropout": 0.0, "dropout_items": 0.0, "loss": "bce"},
    **{"score_reg": None, "init_std": 0.7},
}


def built(kind: type, **changed: Any) -> Any:
    """A model of 9 items with random biases and norms, so that no term of an equation is 0 or 1."""
    model = kind(9, generator(0, "init"), **(SASREC if kind is SASRec else GRU4REC) | changed)
    random = generator(0, "biases")
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape, generator=random), alpha=0.3)
    return model.eval()


def real_states(model: Any, windows: Tensor) -> Tensor:
    """[n, d]: the states of real positions, window by window."""
    states: Tensor = model.states(windows)
    return states if states.dim() == 2 else states[left_aligned(windows != PAD)]


KINDS = (SASRec, GRU4Rec)
WINDOWS = torch.tensor([[3, 1, 4, 1, 5], [PAD, PAD, 9, 2, 6], [PAD, PAD, PAD, PAD, 5]])


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_sasrec_states_equal_its_equations(heads: int) -> None:
    model = built(SASRec, n_heads=heads)
    expected = [oracle.states(model, [i for i in window if i != PAD]) for window in WINDOWS.tolist()]
    found = model.states(WINDOWS).detach().numpy()
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-4, atol=1e-5)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("hidden", [6, 4])
def test_gru4rec_states_equal_its_equations(hidden: int) -> None:
    """(1) to (3) row by row; torch stacks the weights of r, z and c, in this order."""
    model = built(GRU4Rec, hidden=hidden)
    for window, query in zip(WINDOWS, model.query(torch.zeros(3), WINDOWS), strict=True):
        rows = [model.E[i].detach().double().numpy() for i in window.tolist() if i != PAD]
        for gates in model.gates:
            W, U, b, c = (parameter.detach().double().numpy() for parameter in gates.parameters())
            h, above = np.zeros(hidden), []
            for x in rows:
                (r_x, z_x, c_x), (r_h, z_h, c_h) = np.split(W @ x + b, 3), np.split(U @ h + c, 3)
                z = sigmoid(z_x + z_h)
                h = z * h + (1 - z) * np.tanh(c_x + sigmoid(r_x + r_h) * c_h)
                above.append(h)
            rows = above
        expected = rows[-1] if model.A is None else model.A.detach().double().numpy() @ rows[-1]
        np.testing.assert_allclose(query.detach().numpy(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_score_is_the_last_positions_state_times_the_items_row(kind: type) -> None:
    model = built(kind)
    states = real_states(model, WINDOWS).double()
    expected = states[[4, 7, 8]] @ model.E.double().T
    torch.testing.assert_close(model.score(torch.zeros(3), WINDOWS).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_takes_no_part(kind: type) -> None:
    """Alone, beside longer windows, and with anything in row 0 of the table: a window has the same states."""
    model = built(kind)
    together = real_states(model, WINDOWS)
    alone = [real_states(model, window[None]) for window in WINDOWS]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        model.E[PAD] = 100
    torch.testing.assert_close(real_states(model, WINDOWS), together, rtol=1e-5, atol=1e-6)


def test_gru4rec_does_not_count_the_padding_before_a_window() -> None:
    model = built(GRU4Rec)
    short, long = torch.tensor([[7, 8]]), torch.tensor([[PAD, PAD, PAD, 7, 8]])
    torch.testing.assert_close(model.score(torch.zeros(1), short), model.score(torch.zeros(1), long))


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_window_gets_finite_scores_and_changes_no_other(kind: type) -> None:
    model = built(kind)
    expected = model.score(torch.zeros(3), WINDOWS)
    empty = torch.zeros(1, 5, dtype=torch.long)
    scores = model.score(torch.zeros(5), torch.cat([empty, WINDOWS[:1], empty, WINDOWS[1:]]))
    assert bool(scores.isfinite().all())
    torch.testing.assert_close(scores[[1, 3, 4]], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_windows_are_asked_for_part_by_part(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    model = built(kind)
    windows = torch.cat([WINDOWS, torch.zeros(1, 5, dtype=torch.long), WINDOWS])
    expected = model.score(torch.zeros(7), windows)
    monkeypatch.setattr(f"{kind.__module__}.AT_ONCE", 3)
    torch.testing.assert_close(model.score(torch.zeros(7), windows), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_later_items_change_no_earlier_state_and_every_earlier_item_counts(kind: type) -> None:
    model = built(kind)
    window = torch.tensor([[3, 1, 4, 2, 5]])
    states = model.states(window).reshape(5, -1)
    for changed in range(5):
        other = window.clone()
        other[0, changed] = 8
        moved = (model.states(other).reshape(5, -1) - states).abs().amax(1)
        assert moved[:changed].tolist() == [0.0] * changed
        assert bool((moved[changed:] > 1e-5).all())


BATCH = Batch(
    users=torch.tensor([0, 1, 2]),
    windows=WINDOWS,
    targets=torch.tensor([[1, 4, 1, 5, 9], [PAD, PAD, 2, 6, 5], [PAD, PAD, PAD, PAD, 3]]),
    negatives=torch.arange(30).reshape(3, 10) % 9 + 1,
)


def by_hand(loss: str, own: float, others: list[float], everything: list[float]) -> float:
    """One position's loss from its scores."""
    if loss == "softmax":
        return math.log(sum(map(math.exp, everything))) - own
    if loss == "sampled_softmax":
        return math.log(math.exp(own) + sum(map(math.exp, others))) - own
    if loss == "bce":
        negative = [-math.log(1 - sigmoid(other)) for other in others]
        return float(-math.log(sigmoid(own)) + sum(negative) / len(negative))
    share = [math.exp(other) / sum(map(math.exp, others)) for other in others]
    won = sum(s * sigmoid(own - other) for s, other in zip(share, others, strict=True))
    return float(-math.log(won) + 0.5 * sum(s * other**2 for s, other in zip(share, others, strict=True)))


@pytest.mark.parametrize(
    ("kind", "loss"), [(k, loss) for k in KINDS for loss in LOSSES if (k, loss) != (SASRec, "bpr_max")]
)
def test_losses_are_means_over_real_positions_of_their_scores(kind: type, loss: str) -> None:
    model = built(kind, loss=loss, **({"score_reg": 0.5} if loss == "bpr_max" else {}))
    scores = (real_states(model, WINDOWS).double() @ model.E.double().T).tolist()
    real = [(b, t) for b in range(3) for t in range(5) if WINDOWS[b, t] != PAD]
    expected = [
        by_hand(
            loss,
            row[int(BATCH.targets[b, t])],
            [row[int(BATCH.negatives[b, 2 * t + n])] for n in range(2)],
            row[1:],
        )
        for (b, t), row in zip(real, scores, strict=True)
    ]
    assert model.loss(BATCH).item() == pytest.approx(sum(expected) / 9, rel=1e-5)
    assert model.uses_negatives == (loss != "softmax")


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_one_negative_a_position_is_learnt_by_heart(kind: type) -> None:
    data = random_histories(8, 9, seed=2, shortest=4, longest=6)
    model = built(kind, loss="sampled_softmax").train()
    batch = next(batches_of(data, 5, 5, windows="sequences").epoch(1))
    steps = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        steps.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        steps.step()
    # Users repeat no transition often enough to contradict one another; guessing would cost ln 2 = .69 a position.
    assert loss.item() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_follows_torchs_seed_and_rests_when_scoring(kind: type) -> None:
    extra = {"dropout_items": 0.4} if kind is GRU4Rec else {}
    model, still = built(kind, dropout=0.4, **extra), built(kind)
    torch.testing.assert_close(model.states(WINDOWS), still.states(WINDOWS))
    model.train()
    torch.manual_seed(5)
    first, second = model.states(WINDOWS), model.states(WINDOWS)
    torch.manual_seed(5)
    assert torch.equal(model.states(WINDOWS), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("kind", "changed", "told"),
    [
        (SASRec, {"n_heads": 4}, "d must be a multiple of n_heads, here 4, got 6"),
        (SASRec, {"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        (SASRec, {"loss": "bpr_max"}, "loss must be one of bce, sampled_softmax, softmax, got 'bpr_max'"),
        (SASRec, {"init_std": 0}, "init_std must be above 0 or null, got 0"),
        (SASRec, {"n_blocks": 0}, "n_blocks must be a whole number of at least 1, got 0"),
        (GRU4Rec, {"loss": "bpr_max"}, "score_reg belongs to bpr_max.*got None"),
        (GRU4Rec, {"score_reg": 0.5}, "score_reg belongs to bpr_max.*got 0.5"),
        (GRU4Rec, {"loss": "bpr_max", "score_reg": -1}, "score_reg must be at least 0, got -1"),
        (GRU4Rec, {"dropout_items": 1}, r"dropout_items must lie in \[0, 1\), got 1"),
        (GRU4Rec, {"hidden": 2.5}, "hidden must be a whole number of at least 1, got 2.5"),
    ],
)
def test_errors_name_the_value_and_the_rule(kind: type, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        built(kind, **changed)
