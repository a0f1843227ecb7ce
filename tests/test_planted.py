from dataclasses import replace
from functools import cache
from time import perf_counter

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.data.planted import _TRIES, Sampler, Seen, _draw_unseen, planted
from attrec_bench.data.truth import PlantedTruth
from attrec_bench.errors import InputError

SMALL: dict[str, object] = {
    "name": "planted",
    "n_users": 1500,
    "n_items": 16,
    "n_interactions": 9000,
    "min_events": 4,
    "spread": 0.5,
    "long_term": 0.5,
    "noise": 0.1,
    "n_clusters": 3,
    "peak": 0.3,
    "overlap": 0.1,
    "zipf": 1.0,
    "lags": [0.5, 0.3, 0.2],
    "reach": 1.5,
    "seed": 1,
}


def make(**changes: object) -> Interactions:
    return planted(**(SMALL | changes))  # type: ignore[arg-type]


@cache
def small(long_term: float) -> Interactions:
    return make(long_term=long_term)


def truth_of(data: Interactions) -> PlantedTruth:
    assert isinstance(data.truth, PlantedTruth)
    return data.truth


def by_hand(truth: PlantedTruth, user: int, window: list[int]) -> list[float]:
    """The module's formula item by item, near() as a sum over walks around the ring instead of in closed form."""
    n, last = truth.n_items, [item for item in reversed(window) if item != PAD][: len(truth.lags)]
    q = np.exp(-1 / truth.reach)
    out = [0.0]
    for i in range(1, n + 1):
        taste = sum(truth.taste[user, k] * truth.appeal[k, i - 1] for k in range(truth.appeal.shape[0]))
        near = 1 / n if not last else 0.0
        for lag, item in enumerate(last):
            walks = [
                k for k in range(1, 400) for turn in (k, -k) if (truth.place[item] + turn - truth.place[i]) % n == 0
            ]
            weight = truth.lags[lag] / sum(truth.lags[: len(last)])
            near += weight * sum((1 - q) * q ** (k - 1) / 2 for k in walks)
        out.append(truth.noise / n + (1 - truth.noise) * (truth.long_term * taste + (1 - truth.long_term) * near))
    return out


@pytest.mark.parametrize("window", [[0, 0, 0, 0], [0, 0, 0, 5], [0, 0, 3, 5], [0, 9, 3, 5], [16, 9, 3, 5], [5]])
@pytest.mark.parametrize("long_term", [0.0, 0.3, 1.0])
def test_probabilities_are_the_formula(window: list[int], long_term: float) -> None:
    truth = replace(truth_of(small(0.5)), long_term=long_term)
    users = np.array([0, 7])
    got = truth.probabilities(users, np.array([window, window]))
    assert got == pytest.approx(np.array([by_hand(truth, user, window) for user in users]), abs=1e-12)
    assert got.sum(axis=1) == pytest.approx(np.ones(2), abs=1e-12)
    assert (got[:, PAD] == 0).all()


def test_the_truth_looks_at_maxlen_items_and_no_more() -> None:
    truth = truth_of(small(0.5))
    assert truth.maxlen == 3
    users = np.zeros(2, dtype=int)
    windows = np.array([[1, 2, 3, 4, 5], [0, 9, 3, 4, 5]])
    same = truth.probabilities(users, windows)
    assert np.array_equal(same[0], same[1])
    moved = truth.probabilities(users, np.array([[2, 3, 4, 5], [2, 9, 4, 5]]))
    assert not np.allclose(moved[0], moved[1])


def conditionals(data: Interactions) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """[E, I+1]: the probability of each item at each event, seen items taken out, from the events' own history."""
    windows, seen = np.zeros((len(data), 3), dtype=int), np.zeros((len(data), data.n_items + 1), dtype=bool)
    for start, end in zip(data.offsets[:-1], data.offsets[1:], strict=True):
        for event in range(start, end):
            history = data.items[start:event]
            seen[event, history] = True
            windows[event, 3 - min(3, len(history)) :] = history[-3:]
    chances = np.where(seen, 0.0, truth_of(data).probabilities(data.users, windows))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("long_term", [0.0, 0.5, 1.0])
def test_events_follow_the_probabilities(long_term: float) -> None:
    """Three views of 9,000 events, which item, how likely a one, and its place in the distribution; p > 1e-4 each."""
    data = small(long_term)
    chances = conditionals(data)
    chosen = chances[np.arange(len(data)), data.items]
    assert (chosen > 0).all()  # nobody meets an item twice

    expected = chances.sum(axis=0)[1:]
    observed = np.bincount(data.items, minlength=data.n_items + 1)[1:]
    assert ((observed - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-4, data.n_items)

    order = np.argsort(-chances, axis=1, kind="stable")  # the likeliest item first, equal ones by their number
    expected = np.take_along_axis(chances, order, axis=1).sum(axis=0)
    observed = np.bincount((order == data.items[:, None]).argmax(axis=1), minlength=data.n_items + 1)
    expected, observed = np.append(expected[:8], expected[8:].sum()), np.append(observed[:8], observed[8:].sum())
    assert ((observed - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-4, 8)

    rng = np.random.default_rng(0)
    below = np.where(np.arange(data.n_items + 1) < data.items[:, None], chances, 0).sum(axis=1)
    assert kstest(below + rng.random(len(data)) * chosen, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("window", [[0, 0, 0], [0, 0, 5], [0, 3, 5], [9, 3, 5]])
def test_draws_follow_the_probabilities(window: list[int]) -> None:
    """400,000 draws of one user with one window: sharp enough for a wrong lag or a noise that is off by a third."""
    truth, n = truth_of(small(0.5)), 400_000
    users, windows = np.full(n, 7), np.tile(window, (n, 1))
    observed = np.bincount(Sampler(truth).draw(np.random.default_rng(4), users, windows), minlength=17)[1:]
    expected = n * truth.probabilities(users[:1], windows[:1])[0, 1:]
    assert ((observed - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-4, 15)


def test_the_tail_computed_exactly_has_the_same_distribution() -> None:
    """A user who has met all but three unlikely items, so that drawing gives up and computing takes over."""
    truth = truth_of(make(noise=1e-6, overlap=0.0, long_term=1.0, n_clusters=2, peak=0.01))
    users = np.full(4000, np.argmax(truth.taste[:, 0]))
    windows = np.zeros((4000, 3), dtype=int)
    unlikely = np.argsort(truth.probabilities(users[:1], windows[:1])[0, 1:])[:3] + 1
    seen = Seen(np.zeros((4000, 3), dtype=np.uint8))
    for item in set(range(1, 17)) - set(unlikely.tolist()):
        seen.add(np.full(4000, item))
    chances = truth.probabilities(users[:1], windows[:1])[0, unlikely]
    assert (1 - chances.sum()) ** sum(_TRIES) > 0.9  # drawing alone would hardly ever end
    drawn = _draw_unseen(np.random.default_rng(3), Sampler(truth), users, windows, seen)
    expected = 4000 * chances / chances.sum()
    observed = np.array([(drawn == item).sum() for item in unlikely])
    assert observed.sum() == 4000
    assert ((observed - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-4, 2)


def test_the_same_seed_gives_the_same_data_and_another_seed_does_not() -> None:
    assert make().sha256 == small(0.5).sha256
    assert make(seed=2).sha256 != small(0.5).sha256
    assert make(long_term=0.4).sha256 != small(0.5).sha256


def test_counts_and_order() -> None:
    data = make(n_interactions=10_007, spread=2.0)
    counts = np.bincount(data.users, minlength=1500)
    assert (len(data), data.n_users, data.n_items, data.name) == (10_007, 1500, 16, "planted")
    assert counts.min() >= 4
    assert counts.max() == 8  # half of the items
    assert (np.diff(data.users) >= 0).all()
    same_user = np.diff(data.users) == 0
    assert (np.diff(data.times)[same_user] > 0).all()
    assert data.user_ids[[0, -1]].tolist() == ["1", "1500"]
    assert data.item_ids[[1, -1]].tolist() == ["1", "16"]


@pytest.mark.parametrize("n_interactions", [6000, 12000])
def test_the_bounds_themselves_can_be_had(n_interactions: int) -> None:
    counts = np.bincount(make(n_interactions=n_interactions).users)
    assert set(counts.tolist()) == {n_interactions // 1500}


def test_items_that_nobody_met_exist() -> None:
    data = make(n_users=5, n_interactions=20, n_items=5000)
    assert data.n_items == 5000
    assert truth_of(data).probabilities(np.array([4]), np.array([[0, 0, 1]])).shape == (1, 5001)


@pytest.mark.parametrize(("long_term", "near_last", "own_cluster"), [(0.0, True, False), (1.0, False, True)])
def test_the_dial(long_term: float, near_last: bool, own_cluster: bool) -> None:
    """At 0 the next item lies near the last ones and the user's cluster says nothing; at 1 the reverse."""
    data = make(
        n_items=400, n_users=300, n_interactions=6000, noise=0.01, overlap=0.0, long_term=long_term, n_clusters=4
    )
    truth = truth_of(data)
    follows = np.flatnonzero(np.diff(data.users) == 0) + 1
    way = np.abs(truth.place[data.items[follows]] - truth.place[data.items[follows - 1]])
    share_near = (np.minimum(way, 400 - way) <= 20).mean()  # by chance 40 / 399
    assert (share_near > 0.9) if near_last else (share_near < 0.15)
    cluster = truth.appeal.argmax(axis=0)[data.items - 1]
    expected = truth.taste[data.users, cluster].mean()  # by chance the mean of a row, 1/4
    assert (expected > 0.4) if own_cluster else (expected < 0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"long_term": 1.5}, "long_term must lie in [0, 1], got 1.5"),
        ({"noise": 0}, "noise must lie in (0, 1], or a user could run out of possible items, got 0"),
        ({"overlap": -0.1}, "overlap must lie in [0, 1], got -0.1"),
        ({"long_term": "half"}, "long_term must lie in [0, 1], got 'half'"),
        ({"zipf": float("nan")}, "zipf must be a number, got nan"),
        ({"peak": 0}, "peak must be positive, got 0"),
        ({"reach": 0}, "reach must be positive, got 0"),
        ({"n_users": 0}, "n_users must be a whole number from 1, got 0"),
        ({"n_items": "many"}, "n_items must be a whole number from 1, got 'many'"),
        ({"n_items": 7}, "n_items must be at least 2 * min_events = 8, got 7"),
        (
            {"n_interactions": 5},
            "n_interactions must lie in [n_users * min_events, n_users * n_items / 2] = [6000, 12000], got 5",
        ),
        ({"n_clusters": 17}, "n_clusters must lie in [1, n_items] = [1, 16], got 17"),
        ({"lags": []}, "lags must be a list of positive weights, got []"),
        ({"seed": "x"}, "seed must be a whole number from 0, got 'x'"),
    ],
)  # fmt: skip
def test_wrong_values(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make(**changes)
    assert str(caught.value) == message


def test_a_hundred_thousand_events_take_seconds() -> None:
    started = perf_counter()
    make(n_users=943, n_items=1682, n_interactions=100_000, min_events=20)
    assert perf_counter() - started < 20  # about one second on an idle core
