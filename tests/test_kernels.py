"""The compiled loops against the plain torch that they stand for."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.kernels.cross_entropy import cross_entropy, plain_cross_entropy
from attrec_bench.kernels.dropout import dropout
from attrec_bench.kernels.gathering import plain_seen_before, plain_slices, seen_before, slices
from attrec_bench.kernels.occurring import occurring
from attrec_bench.kernels.pairs import pair_scores, plain_pair_scores
from attrec_bench.kernels.squares import sum_of_squares
from attrec_bench.training.batches import Unseen, generator
from baselines.bprmf import BPRMF
from tests.small import random_histories
from tests.test_attrec import model


def windows_with_padding(maxlen: int, n_items: int) -> Tensor:
    """A window of every length from 0 to maxlen, twice."""
    windows = torch.randint(1, n_items + 1, (2 * (maxlen + 1), maxlen), generator=generator(0, "windows"))
    for row, length in enumerate([*range(maxlen + 1)] * 2):
        windows[row, : maxlen - length] = PAD
    return windows


def close(found: Tensor | None, expected: Tensor | None) -> None:
    assert found is not None
    assert expected is not None
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


FORMS = [
    {"diagonal": diagonal, "padding_rows": rows, "aggregation": aggregation, "maxlen": maxlen, "d": d}
    for diagonal in ("before_softmax", "after_softmax", "none")
    for rows in ("exclude", "include")
    for aggregation, maxlen, d in (("mean", 5, 12), ("sum", 3, 6), ("mean", 23, 34))
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(map(str, form.values())))
def test_interest_and_its_gradients(form: dict[str, Any]) -> None:
    windows = windows_with_padding(form["maxlen"], 11)
    slopes = torch.randn(len(windows), form["d"], generator=generator(0, "slopes"))
    gradients = []
    for name in ("interest", "plain_interest"):
        built = model("attrec", init_std=0.7, **form)
        found = getattr(built, name)(windows)
        (found * slopes).sum().backward()
        gradients.append((found.detach(), built.X.grad, built.W_Q.grad))
    for compiled, plain in zip(*gradients, strict=True):
        close(compiled, plain)


def test_dropout_drops_its_share_scales_the_rest_and_follows_the_seed() -> None:
    built, windows = model("attrec", d=64, maxlen=4, dropout=0.3, init_std=1.0), torch.tensor([[1, 2, 3, 4]])
    torch.manual_seed(1)
    first, second = built.interest(windows), built.interest(windows)
    torch.manual_seed(1)
    assert torch.equal(built.interest(windows), first)
    assert not torch.equal(first, second)
    built.eval()
    close(built.interest(windows).detach(), built.plain_interest(windows).detach())


def test_dropout_gives_on_average_what_torchs_dropout_gives() -> None:
    """Means of m over many draws, compiled and plain: both estimate the same expectation."""
    built = model("attrec", d=16, maxlen=3, dropout=0.4, init_std=1.0)
    windows = torch.tensor([[1, 2, 3]]).expand(40_000, -1)
    with torch.no_grad():
        compiled, plain = built.interest(windows), built.plain_interest(windows)
    spread = (compiled.var(0) + plain.var(0)).div(len(windows)).sqrt()
    # Five standard errors: with fair draws beyond them once in 100,000 seeds, and the seed is fixed.
    assert bool(((compiled.mean(0) - plain.mean(0)).abs() < 5 * spread).all())
    torch.testing.assert_close(compiled.std(0), plain.std(0), rtol=0.1, atol=1e-3)


def test_gradients_flow_only_where_dropout_kept() -> None:
    """Central differences of the compiled loss with its seed held, so that the same entries are dropped."""
    built = model("attrec", d=6, maxlen=3, dropout=0.4, init_std=1.0)
    windows = torch.tensor([[PAD, 4, 2], [1, 7, 3]])

    def value() -> Tensor:
        torch.manual_seed(3)
        return built.interest(windows).square().sum()

    value().backward()  # type: ignore[no-untyped-call]
    assert built.W_Q.grad is not None
    for i, j in ((0, 0), (2, 5), (4, 1)):
        with torch.no_grad():
            before = built.W_Q[i, j].item()
            built.W_Q[i, j] = before + 1e-2
            above = value()
            built.W_Q[i, j] = before - 1e-2
            below = value()
            built.W_Q[i, j] = before
        assert built.W_Q.grad[i, j].item() == pytest.approx(float(above - below) / 2e-2, rel=2e-2, abs=2e-3)


def test_pair_scores_and_their_gradients() -> None:
    random = generator(0, "pairs")
    items = torch.tensor([[1, 4, PAD], [4, 4, 2]])
    slopes = torch.randn(2, 3, generator=random)
    base = (torch.randn(2, 9, generator=random), torch.randn(6, 9, generator=random))
    gradients = []
    for function in (pair_scores, plain_pair_scores):
        query, candidates = (part.clone().requires_grad_() for part in base)
        scores = function(query, candidates, items)
        (scores * slopes).sum().backward()  # type: ignore[no-untyped-call]
        gradients.append((scores.detach(), query.grad, candidates.grad))
    for compiled, plain in zip(*gradients, strict=True):
        close(compiled, plain)


def test_dropout_of_values_drops_its_share_and_the_gradient_follows() -> None:
    values = torch.rand(400, 500, generator=generator(0, "values")).add_(1).requires_grad_()
    torch.manual_seed(0)
    kept = dropout(values, 0.25, True)
    kept.sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    mask = kept.detach() != 0
    torch.testing.assert_close(kept.detach(), values.detach() * mask / 0.75)
    torch.testing.assert_close(values.grad, mask / 0.75)
    # Binomial counts, five standard deviations: in all, in a row and in a column.
    for count, n in ((mask.sum(), 200_000), (mask[7].sum(), 500), (mask[:, 3].sum(), 400)):
        assert abs(int(count) - 0.75 * n) < 5 * (n * 0.75 * 0.25) ** 0.5
    neighbours = (mask[:, 1:] == mask[:, :-1]).double().mean()
    assert abs(float(neighbours) - (0.75**2 + 0.25**2)) < 5 * (0.625 * 0.375 / 199_600) ** 0.5
    assert not torch.equal(dropout(values, 0.25, True) != 0, mask)
    assert dropout(values, 0.25, False) is values


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 4))
def test_slices(seed: int, width: int) -> None:
    data = random_histories(6, 9, seed, longest=6)
    items = torch.from_numpy(data.items.copy())
    at = torch.randint(0, len(items), (7,), generator=generator(seed, "at"))
    users = torch.from_numpy(data.users.astype("int64"))[at]
    offsets = torch.from_numpy(data.offsets.copy())
    for around in (range(-width, 0), range(width)):
        given_to = (items, at, around, offsets[users], offsets[users + 1])
        assert torch.equal(slices(*given_to), plain_slices(*given_to))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_seen_before(seed: int) -> None:
    unseen = Unseen.of(random_histories(6, 9, seed, longest=7), torch.device("cpu"))
    users = torch.arange(6)
    keys = torch.arange(9).expand(6, -1) + users[:, None] * 10
    given_to = (
        unseen.gaps,
        unseen.starts,
        torch.minimum(keys, unseen.counts[:, None] - 1 + users[:, None] * 10),
        users,
    )
    assert torch.equal(seen_before(*given_to), plain_seen_before(*given_to))


@pytest.mark.parametrize("mode", ["dist", "inner"])
@pytest.mark.parametrize("clip", ["lookup", "none"])
@pytest.mark.parametrize(("w", "l2"), [(0.0, 0.0), (0.3, 0.05), (1.0, 0.0)])
def test_metric_scores_and_their_gradients(mode: str, clip: str, w: float, l2: float) -> None:
    """Tables whose rows have norms on both sides of 1, items that repeat and one that is padding."""
    random = generator(0, "metric")
    users, items = torch.tensor([3, 0, 3, 1]), torch.tensor([[1, 4, PAD], [4, 4, 2], [7, 1, 1], [5, 6, 3]])
    windows, slopes = windows_with_padding(3, 11)[2:6], torch.randn(4, 3, generator=random)
    gradients = []
    for precision in (torch.float32, torch.float64):
        built = model("attrec", d=6, maxlen=3, mode=mode, clip=clip, w=w, l2_tables=l2, init_std=0.4).to(precision)
        norms = built.V.detach()[1:].norm(dim=1)
        assert bool((norms > 1).any())
        assert bool((norms < 1).any())
        scores, penalty = built.compared(users, windows, items)
        ((scores * slopes).sum() + 0.7 * penalty).backward()  # type: ignore[no-untyped-call]
        told = (scores.detach(), penalty.detach(), *(getattr(built, name).grad for name in "UVX"))
        gradients.append([each.float() for each in told])
        assert bool(penalty > 0) == (l2 > 0)
    for compiled, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(compiled, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("N", [1, 3])
def test_comparisons_and_their_gradients(N: int) -> None:
    """LearnBPR's loss beside plain torch: a large difference of each sign, a user and an item that come twice."""
    random = generator(0, "comparisons")
    batch = Batch(
        torch.tensor([2, 0, 2, 1]),
        torch.zeros(4, 0, dtype=torch.long),
        torch.tensor([[1], [2], [3], [1]]),
        torch.randint(1, 5, (4, N), generator=random),
    )
    gradients = []
    for form in ("loss", "plain_loss"):
        built = BPRMF(
            3,
            4,
            generator(0, "t"),
            d=7,
            reg_user=0.1,
            reg_positive=0.2,
            reg_negative=0.3,
            reg_bias=0.4,
            item_bias=True,
            init_std=2.0,
        )
        with torch.no_grad():
            built.bias[1], built.bias[2] = 60.0, -60.0
        loss = getattr(built, form)(batch)
        (0.5 * loss).backward()
        gradients.append((loss.detach(), built.users.grad, built.items.grad, built.bias.grad))
    for compiled, plain in zip(*gradients, strict=True):
        close(compiled, plain)


@pytest.mark.parametrize("piece", [1, 200, 1 << 19])
def test_cross_entropy_and_its_gradients(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attrec_bench.kernels.cross_entropy.PIECE", piece)
    random = generator(0, "cross-entropy")
    targets = torch.randint(1, 12, (40, 2), generator=random)
    targets[3, 1], targets[7] = PAD, PAD
    base = [torch.randn(size, generator=random) * std for size, std in (((40, 5), 9), ((12, 5), 1), ((12,), 3))]
    gradients = []
    for function in (cross_entropy, plain_cross_entropy):
        query, items, bias = (part.clone().requires_grad_() for part in base)
        loss = function(query, items, targets, bias)
        (loss / 7).backward()  # type: ignore[no-untyped-call]
        gradients.append((loss.detach(), query.grad, items.grad, bias.grad))
    for piecewise, plain in zip(*gradients, strict=True):
        close(piecewise, plain)


def test_cross_entropy_of_huge_logits_is_finite() -> None:
    query, items = torch.tensor([[1000.0], [-1000.0]]), torch.tensor([[7.0], [1.0], [0.0], [-1.0]])
    # Row 0 has the logits 1000 0 -1000: 0 for item 1. Row 1 has -1000 0 1000: 2000 for item 1.
    assert cross_entropy(query, items, torch.tensor([[1], [1]])).item() == 2000


def test_sum_of_squares_and_its_gradient() -> None:
    table = torch.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)
    total = sum_of_squares(table)
    (3 * total).backward()  # type: ignore[no-untyped-call]
    assert total.item() == 1 + 4 + 0.25 + 9
    assert table.grad is not None
    assert table.grad.tolist() == [[6, -12], [3, 18]]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(0, 9), st.integers(0, 6), st.integers(0, 99))
def test_rows_that_occur_stand_for_the_table(n_items: int, B: int, L: int, seed: int) -> None:
    random = generator(seed, "occurring")
    table = torch.randn(n_items + 1, 3, generator=random, requires_grad=True)
    windows = torch.randint(0, n_items + 1, (B, L), generator=random)
    rows, named = occurring(table, windows)
    assert rows[named].equal(table[windows])
    assert len(rows) == len({PAD, *windows.flatten().tolist()})
    assert (named == PAD).equal(windows == PAD)
    slopes = torch.randn(B, L, 3, generator=random)
    found, expected = (torch.autograd.grad((each * slopes).sum(), table)[0] for each in (rows[named], table[windows]))
    torch.testing.assert_close(found, expected)
