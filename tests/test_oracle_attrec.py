"""The oracle is judged by hand-worked cases, by finite differences and by properties; by no other code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.oracles import attrec as oracle
from tests.oracles.attrec import AUTHOR, PAD, PAPER, Case, Floats, Ints, Params, Setting, Variant

DIST, INNER = oracle.tf2("dist"), oracle.tf2("inner")
VARIANTS = {"paper": PAPER, "author": AUTHOR, "dist": DIST, "inner": INNER}

every_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
every_padding = pytest.mark.parametrize("padding", [False, True], ids=["full", "padded"])


def setting(variant: Variant, w: float = 0.3, gamma: float = 0.5, l2: tuple[float, float] = (0.0, 0.0)) -> Setting:
    return {"variant": variant, "w": w, "gamma": gamma, "l2_tables": l2[0], "l2_W": l2[1]}


def a_case(variant: Variant, seed: int, padding: bool, per_target: int = 1) -> Case:
    return oracle.case(seed, padding, T=1 if variant in (DIST, INNER) else 3, per_target=per_target)


def batch(c: Case) -> tuple[Ints, Ints, Ints, Ints]:
    return c.users, c.windows, c.targets, c.negatives


def ints(*rows: object) -> Ints:
    return np.array(rows, dtype=np.int64)


def attention_params(X: Floats, W: Floats) -> Params:
    """Items 1.. with the given rows of X; row 0 holds noise, since padding must not be read."""
    X = np.vstack([np.full(X.shape[1], 9.0), X])
    return {"U": np.zeros((1, X.shape[1])), "V": np.zeros_like(X), "X": X, "W": W}


def test_time_signals_by_hand() -> None:
    # Interleaved, d = 4: columns 0, 1 turn with t / 10000^0 = t, columns 2, 3 with t / 10000^(2/4) = t / 100.
    expected = [[0, 1, 0, 1], [np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)]]
    np.testing.assert_allclose(oracle.interleaved(2, 4), expected, atol=1e-15)
    # Halves, d = 6: the three timescales are 1, 100 and 10000; all sines, then all cosines.
    expected_2 = [np.sin(2), np.sin(0.02), np.sin(0.0002), np.cos(2), np.cos(0.02), np.cos(0.0002)]
    np.testing.assert_allclose(oracle.halves(3, 6)[2], expected_2, atol=1e-15)


# Each window by hand: (window, X of items 1.., W), and below it the weights of the real items, one row a query row.
# An only item: the one key of every row, its weight is 1. The author zeroes the item's own afterwards: nothing is left.
ONLY = [1], np.array([[0.3, -0.4]]), np.eye(2)
ONLY_PADDED = [PAD, PAD, 1], *ONLY[1:]
EMPTY = [PAD, PAD], *ONLY[1:]
# TE_0 = (0, 1), TE_1 = (sin 1, cos 1) in both layouts. X_1 + TE_0 = (-1, 0), after the ReLU (0, 0).
# X_2 + TE_1 = (q, 0) with q^2 / sqrt(2) = ln 3. Logits [[0, 0], [0, ln 3]].
TWO = [1, 2], np.array([[-1, -1], [np.sqrt(np.sqrt(2) * np.log(3)) - np.sin(1), -np.cos(1)]]), np.eye(2)
# The column is the position: item 1 stands at t = 1, item 2 at t = 2, whatever is padding.
# Projections: padding TE_0 = (0, 1); item 1 (0, -1) -> (0, 0); item 2 (0, r) with r = sqrt(2) ln 3.
# Logits of the items: (0, r / sqrt(2)) = (0, ln 3); (0, 0); (0, r^2 / sqrt(2)) = (0, sqrt(2) ln^2 3).
PADDED = [PAD, 1, 2], np.array([[0, -1], [0, np.sqrt(2) * np.log(3)]]) - oracle.interleaved(3, 2)[1:], np.eye(2)
S = 1 / (1 + np.exp(-np.sqrt(2) * np.log(3) ** 2))
# d = 4, and X is 0 in column 1, which is all that W reads: P_t = c TE(t, 1), logits P_s P_t / 2.
# Interleaved it is cos t: 1, cos 1 and, as cos 2 < 0, 0 after the ReLU; c^2 cos(1) / 2 = ln 3.
# In halves (timescales 1 and 1e4) it is sin(t / 1e4): 0, p and 2 p to 1e-8; p^2 = ln 3.
THREE = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
READ = np.outer([0.0, 1, 0, 0], [1, 0, 0, 0])
COSINE = [1, 2, 3], THREE, READ * np.sqrt(2 * np.log(3) / np.cos(1))
SINE = [1, 2, 3], THREE, READ * np.sqrt(np.log(3)) / np.sin(1e-4)
E = 3 ** np.outer([1, np.cos(1), 0], [1 / np.cos(1), 1, 0])


@pytest.mark.parametrize(
    ("name", "by_hand", "rows"),
    [
        *[("paper", ONLY, [[1]]), ("author", ONLY, [[0]]), ("dist", ONLY, [[1]])],
        *[("paper", EMPTY, [[0]]), ("author", EMPTY, [[0]]), ("dist", EMPTY, [[0], [0]])],
        *[("paper", ONLY_PADDED, [[1]]), ("author", ONLY_PADDED, [[0]]), ("dist", ONLY_PADDED, [[1], [1], [1]])],
        ("paper", TWO, [[0, 1], [1, 0]]),
        ("author", TWO, [[0, 1 / 2], [1 / 4, 0]]),
        ("dist", TWO, [[1 / 2, 1 / 2], [1 / 4, 3 / 4]]),
        ("paper", PADDED, [[0, 1], [1, 0]]),
        ("author", PADDED, [[0, 1 / 2], [1 - S, 0]]),
        ("dist", PADDED, [[1 / 4, 3 / 4], [1 / 2, 1 / 2], [1 - S, S]]),
        ("paper", COSINE, [[0, 3 / 4, 1 / 4], [3 / 4, 0, 1 / 4], [1 / 2, 1 / 2, 0]]),
        ("inner", COSINE, E / E.sum(axis=1, keepdims=True)),
        ("author", SINE, [[0, 1 / 3, 1 / 3], [1 / (4 + 3**0.5), 0, 3 / (4 + 3**0.5)], [1 / 13, 3 / 13, 0]]),
    ],
)
def test_attention_by_hand(name: str, by_hand: tuple[list[int], Floats, Floats], rows: list[list[float]]) -> None:
    window, X, W = by_hand
    m = oracle.attend(attention_params(X, W), ints(*window), VARIANTS[name]).m
    np.testing.assert_allclose(m, np.mean(rows, axis=0) @ X, atol=1e-7 if by_hand is SINE else 1e-15)


# w = 1/4, one window [1] with X_1 = 0, so m = 0 for the paper and for the author. u = (1, 0).
# item        2       3       4       5
# |u - v|^2   4       0       4       0
# |m - x|^2   4       4       0       8
# y           4       3       1       6
TINY: Params = {
    "U": np.array([[1.0, 0]]),
    "V": np.array([[7.0, 7], [0, 0], [1, 2], [1, 0], [3, 0], [1, 0]]),
    "X": np.array([[7.0, 7], [0, 0], [2, 0], [0, 2], [0, 0], [2, 2]]),
    "W": np.eye(2),
}
# window [1] with X_1 = (0, 3) = m; u = (3, 4), clipped (.6, .8).
# item 2: v = (6, 8) -> (.6, .8), x = (0, 2) -> (0, 1).  dist: y = 1/4 * 0 + 3/4 * 4 = 3.  inner: 50/4 + 3/4 * 6 = 17.
# item 3: v = (-.6, -.8) and x = (0, 1) lie inside.      dist: y = 1/4 * 4 + 3/4 * 4 = 4.  inner: -5/4 + 3/4 * 3 = 1.
# Nothing clipped: |(3, 4) - (6, 8)|^2 / 4 + 3/4 * 1 = 7; |(3.6, 4.8)|^2 / 4 + 3/4 * 4 = 12.
LONG: Params = {
    "U": np.array([[3.0, 4]]),
    "V": np.array([[7.0, 7], [0, 0], [6, 8], [-0.6, -0.8]]),
    "X": np.array([[7.0, 7], [0, 3], [0, 2], [0, 1]]),
    "W": np.eye(2),
}


@pytest.mark.parametrize(
    ("params", "name", "expected"),
    [
        (TINY, "paper", [-4, -3, -1, -6]),
        (TINY, "author", [-4, -3, -1, -6]),
        (LONG, "dist", [-3, -4]),
        (LONG, "inner", [17, 1]),
        (LONG, "paper", [-7, -12]),
    ],
)
def test_scores_by_hand(params: Params, name: str, expected: list[float]) -> None:
    found = oracle.scores(params, ints(0), ints([1]), variant=VARIANTS[name], w=0.25)
    np.testing.assert_allclose(found[0, 2:], expected)


# y_i + 1/2 - y_j: (2, 4) 3.5, (2, 5) -1.5, (3, 4) 2.5, (3, 5) -2.5; the positive ones count.
# Without target 3 its negative 5 goes too, and with target 3 and negative 5 alone nothing is left.
@pytest.mark.parametrize(("targets", "paper", "author"), [([2, 3], 6, 3.5), ([2, PAD], 3.5, 3.5), ([PAD, 3], 0, 0)])
def test_hinge_by_hand(targets: list[int], paper: float, author: float) -> None:
    # |U|^2 = 1, |V|^2 = 5 + 1 + 9 + 1 = 16 and |X|^2 = 4 + 4 + 8 = 16 without row 0, |W|^2 = 2.
    penalty = 0.1 * 33 + 0.2 * 2
    tiny = ints(0), ints([1]), ints(targets), ints([4, 5])
    assert oracle.loss(TINY, *tiny, **setting(PAPER, w=0.25, l2=(0.1, 0.2))) == pytest.approx(paper + penalty)
    assert oracle.loss(TINY, *tiny, **setting(AUTHOR, w=0.25, l2=(0.1, 0.2))) == pytest.approx(author + penalty / 2)


def test_tf2_losses_by_hand() -> None:
    # Sample one: target 2, negative 3; sample two the other way round.
    # |U|^2 = 25, |V|^2 = 100 + 1, |X|^2 = 9 + 4 + 1; the penalty is on the rows as they are, not as clipped.
    two = ints(0, 0), ints([1], [1]), ints([2], [3]), ints([3], [2])
    # dist: margins 1 and -1, so (1.5 - 1) + (1.5 + 1) = 3. inner: margins 16 and -16, the mean of log(1 + e^-+16).
    dist = oracle.loss(LONG, *two, **setting(DIST, w=0.25, gamma=1.5, l2=(0.01, 0.0)))
    inner = oracle.loss(LONG, *two, **setting(INNER, w=0.25, gamma=1.5, l2=(0.01, 0.0)))
    assert dist == pytest.approx(3 + 1.4)
    assert inner == pytest.approx(8 + np.log1p(np.exp(-16)) + 1.4, rel=1e-12)


def test_a_pad_target_takes_its_negatives_with_it() -> None:
    # Two negatives a target; those of the PAD target, 8 and 9, are nobody's.
    targets, negatives = ints([2, PAD, 3]), ints([4, 5, 8, 9, 6, 7])
    assert oracle.pairs(targets, negatives, AUTHOR) == [(0, 2, 4), (0, 2, 5), (0, 3, 6), (0, 3, 7)]
    assert set(oracle.pairs(targets, negatives, PAPER)) == {(0, i, j) for i in (2, 3) for j in (4, 5, 6, 7)}


def assert_gradients_fit(c: Case, by: Setting, step: float = 1e-5) -> None:
    found = oracle.gradients(c.params, *batch(c), **by)
    for name, table in c.params.items():
        expected = np.zeros_like(table)
        for index in np.ndindex(*table.shape):
            move = np.zeros_like(table)
            move[index] = step
            up, down = (oracle.loss({**c.params, name: table + m}, *batch(c), **by) for m in (move, -move))
            expected[index] = (up - down) / (2 * step)
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.parametrize(("padding", "per_target"), [(False, 1), (True, 1), (True, 2)])
@every_variant
def test_gradients_are_those_of_the_loss(variant: Variant, padding: bool, per_target: int) -> None:
    assert_gradients_fit(a_case(variant, 0, padding, per_target), setting(variant, l2=(0.03, 0.07)))


@pytest.mark.parametrize("seed", range(4))
@every_padding
@every_variant
def test_the_cases_reach_every_branch(variant: Variant, padding: bool, seed: int) -> None:
    c, by = a_case(variant, seed, padding), setting(variant)
    compared = oracle.pairs(c.targets, c.negatives, variant)
    items = [item for _, *two in compared for item in two]
    for rows in (c.params["U"][c.users], c.params["V"][items], c.params["X"][items]):
        norms = np.linalg.norm(rows, axis=1)
        assert norms.min() < 1 < norms.max(), "the clip is not both active and idle"
    s = oracle.scores(c.params, c.users, c.windows, variant=variant, w=by["w"])
    margins = [s[b, i] - s[b, j] for b, i, j in compared]
    assert variant.mode == "inner" or min(margins) < by["gamma"] < max(margins), "the hinge is not both active and idle"
    projected = np.array([oracle.attend(c.params, window, variant).projected for window in c.windows])
    assert 0 < np.mean(projected == 0) < 1, "the ReLU is not both active and idle"
    for name, slope in oracle.gradients(c.params, *batch(c), **by).items():
        assert np.abs(slope).max() > 1e-3, f"{name} matters too little to be seen at a tolerance of 1e-5"


def test_cases_pad_windows_on_the_left_and_targets_on_the_right() -> None:
    c = oracle.case(0, padding=True)
    assert set((c.windows != PAD).sum(axis=1)) == {1, 2, 3, 4}
    assert set((c.targets != PAD).sum(axis=1)) == {1, 2, 3}
    assert (np.diff((c.windows != PAD).astype(int), axis=1) >= 0).all()
    assert (np.diff((c.targets != PAD).astype(int), axis=1) <= 0).all()
    assert PAD not in oracle.case(0, padding=False).windows


@given(
    row=arrays(np.float64, 4, elements=st.floats(-2, 2)),
    W=arrays(np.float64, (4, 4), elements=st.floats(-2, 2)),
    length=st.integers(1, 6),
    pad=st.integers(0, 3),
)
def test_identical_items_give_their_own_vector(row: Floats, W: Floats, length: int, pad: int) -> None:
    params, window = attention_params(row[None], W), ints(*[PAD] * pad, *[1] * length)
    for variant in (PAPER, DIST):
        np.testing.assert_allclose(oracle.attend(params, window, variant).m, row, atol=1e-12)


@every_variant
def test_w_weighs_the_long_term(variant: Variant) -> None:
    c = oracle.case(0, padding=True)
    new_users, new_windows = ((c.users + 1) % c.n_users, c.windows), (c.users, np.roll(c.windows, 1, axis=0))
    for w, same, other in ((1.0, new_windows, new_users), (0.0, new_users, new_windows)):
        found = oracle.scores(c.params, c.users, c.windows, variant=variant, w=w)
        np.testing.assert_array_equal(found, oracle.scores(c.params, *same, variant=variant, w=w))
        assert not np.allclose(found, oracle.scores(c.params, *other, variant=variant, w=w))


@every_variant
def test_padding_is_no_parameter(variant: Variant) -> None:
    c, by = a_case(variant, 0, padding=True), setting(variant, l2=(0.03, 0.07))
    noisy = {name: table.copy() for name, table in c.params.items()}
    noisy["V"][PAD] = noisy["X"][PAD] = 5.0
    assert oracle.loss(noisy, *batch(c), **by) == oracle.loss(c.params, *batch(c), **by)
    slopes = oracle.gradients(noisy, *batch(c), **by)
    for name, quiet in oracle.gradients(c.params, *batch(c), **by).items():
        np.testing.assert_array_equal(slopes[name], quiet)
        assert name in ("U", "W") or not quiet[PAD].any()


@every_padding
@every_variant
def test_the_loss_is_a_sum_in_dist_and_a_mean_in_inner(variant: Variant, padding: bool) -> None:
    c, by = a_case(variant, 0, padding), setting(variant)
    single = [oracle.loss(c.params, *(part[b : b + 1] for part in batch(c)), **by) for b in range(len(c.users))]
    together = np.mean(single) if variant.mode == "inner" else np.sum(single)
    assert oracle.loss(c.params, *batch(c), **by) == pytest.approx(together)
