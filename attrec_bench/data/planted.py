"""Planted data: events drawn from a known process, ``truth.py``, for tests and for trying things out.

Shapes: B users at a time, U users, I items, E events, K clusters, L last items; item 0 is padding.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attrec_bench.data.interactions import PAD, Interactions, Ints
from attrec_bench.data.truth import Floats, PlantedTruth
from attrec_bench.errors import require

_MINUTE = 60
_PERIOD = 200 * 24 * 3600  # users arrive over 200 days, about the span of MovieLens-100K
_TRIES = (1, 2, 8, 32, 128)
"""How many items to draw at once while all were seen; then the rest is computed: the same distribution, but dearer."""
_TABLE_BYTES = 1 << 28
"""Memory for who has met what; more users than fit are drawn in several rounds."""


def planted(
    *,
    name: str,
    n_users: int,
    n_items: int,
    n_interactions: int,
    min_events: int,
    spread: float,
    long_term: float,
    noise: float,
    n_clusters: int,
    peak: float,
    overlap: float,
    zipf: float,
    lags: list[float],
    reach: float,
    seed: int,
) -> Interactions:
    """Draw ``n_interactions`` events, grouped by user and in the order of time; every item and user id exists.

    min_events  of each user; the rest is shared out log-normally, sd ``spread``, at most I/2 events a user
    long_term   in [0, 1], the dial: 0 only the last items matter, 1 only the user does
    peak        Dirichlet parameter of a user's taste for the clusters: the smaller, the more one-sided
    overlap     appeal of an item of another cluster, relative to the same item in its own: 0 strangers, 1 no clusters
    zipf        exponent of the items' popularity; noise in (0, 1] keeps every item possible at any time
    """
    _check_sizes(n_users, n_items, n_interactions, min_events, n_clusters)
    _check_shares(long_term=long_term, noise=noise, overlap=overlap)
    _check_positive(peak=peak, reach=reach, spread=spread)
    require(_is_number(zipf), "zipf must be a number", zipf)
    is_weights = isinstance(lags, list) and len(lags) > 0 and all(_is_number(lag) and lag > 0 for lag in lags)
    require(is_weights, "lags must be a list of positive weights", lags)
    require(isinstance(seed, int) and seed >= 0, "seed must be a whole number from 0", seed)
    rng = np.random.default_rng(seed)
    truth = PlantedTruth(
        taste=rng.dirichlet(np.full(n_clusters, peak), n_users),
        appeal=_appeal(rng, n_items, n_clusters, overlap, zipf),
        place=np.concatenate([[0], rng.permutation(n_items)]),
        lags=np.array(lags) / np.sum(lags),
        reach=reach,
        long_term=long_term,
        noise=noise,
    )
    counts = _counts(rng, n_users, n_interactions, least=min_events, most=n_items // 2, spread=spread)
    return Interactions(
        users=np.repeat(np.arange(n_users, dtype=np.int32), counts),
        items=_draw_all(rng, truth, counts),
        times=_times(rng, counts),
        user_ids=np.arange(1, n_users + 1).astype(str),
        item_ids=np.array(["", *map(str, range(1, n_items + 1))]),
        truth=truth,
        name=name,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _check_sizes(n_users: int, n_items: int, n_interactions: int, min_events: int, n_clusters: int) -> None:
    """InputError unless so many events can be shared out among so many users, and items among clusters."""
    whole = {"n_users": n_users, "n_items": n_items, "min_events": min_events, "n_clusters": n_clusters}
    for label, count in (whole | {"n_interactions": n_interactions}).items():
        require(isinstance(count, int) and count >= 1, f"{label} must be a whole number from 1", count)
    require(n_items // 2 >= min_events, f"n_items must be at least 2 * min_events = {2 * min_events}", n_items)
    low, high = n_users * min_events, n_users * (n_items // 2)
    rule = f"n_interactions must lie in [n_users * min_events, n_users * n_items / 2] = [{low}, {high}]"
    require(low <= n_interactions <= high, rule, n_interactions)
    require(n_clusters <= n_items, f"n_clusters must lie in [1, n_items] = [1, {n_items}]", n_clusters)


def _check_shares(**shares: float) -> None:
    for label, share in shares.items():
        require(_is_number(share) and 0 <= share <= 1, f"{label} must lie in [0, 1]", share)
    noise = shares["noise"]
    require(noise > 0, "noise must lie in (0, 1], or a user could run out of possible items", noise)


def _check_positive(**values: float) -> None:
    for label, value in values.items():
        require(_is_number(value) and value > 0, f"{label} must be positive", value)


def _appeal(rng: np.random.Generator, n_items: int, n_clusters: int, overlap: float, zipf: float) -> Floats:
    """[K, I]: popularity, a power of a random rank, times 1 in the item's own cluster and ``overlap`` elsewhere."""
    popularity = (1.0 + rng.permutation(n_items)) ** -zipf
    own = rng.permutation(np.arange(n_items) % n_clusters) == np.arange(n_clusters)[:, None]
    weights = popularity * np.where(own, 1.0, overlap)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _counts(
    rng: np.random.Generator, n_users: int, n_interactions: int, *, least: int, most: int, spread: float
) -> NDArray[np.int64]:
    """[U]: events of each user, log-normal between ``least`` and ``most``, summing to ``n_interactions``."""
    weight, room = rng.lognormal(0.0, spread, n_users), most - least
    left = n_interactions - n_users * least
    share = np.zeros(n_users)
    full = np.zeros(n_users, dtype=bool)
    while left > 0:
        share[~full] = weight[~full] * (left - room * np.count_nonzero(full)) / weight[~full].sum()
        over = ~full & (share > room)
        if not over.any():
            break
        share[over] = room
        full |= over
    ends = np.rint(np.cumsum(share)).astype(np.int64)  # rounding the sums, not the shares, keeps the total
    return least + np.diff(ends, prepend=0)


def _times(rng: np.random.Generator, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """[E] seconds: each user arrives at random and then meets an item a minute, so that no two share a second."""
    position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(rng.integers(0, _PERIOD, len(counts)), counts) + _MINUTE * position)


def _draw_all(rng: np.random.Generator, truth: PlantedTruth, counts: NDArray[np.int64]) -> NDArray[np.int32]:
    """[E]: the items of all users, one event for every active user at a time, as many users as the table has room for.

    The busiest users come first, so that those still active are always the first ones of a block.
    """
    items = np.empty(counts.sum(), dtype=np.int32)
    starts = np.cumsum(counts) - counts
    busiest = np.argsort(-counts, kind="stable")
    sampler = Sampler(truth)
    size = max(1, _TABLE_BYTES // (truth.n_items // 8 + 1))
    for begin in range(0, len(counts), size):
        users = busiest[begin : begin + size]
        seen = Seen(np.zeros((len(users), truth.n_items // 8 + 1), dtype=np.uint8))
        windows = np.full((len(users), truth.maxlen), PAD, dtype=np.int64)
        for step in range(counts[users[0]]):
            active = np.count_nonzero(counts[users] > step)
            drawn = _draw_unseen(rng, sampler, users[:active], windows[:active], seen)
            seen.add(drawn)
            items[starts[users[:active]] + step] = drawn
            windows[:active] = np.column_stack([windows[:active, 1:], drawn])
    return items


def _draw_unseen(
    rng: np.random.Generator, sampler: "Sampler", users: Ints, windows: Ints, seen: "Seen"
) -> NDArray[np.int64]:
    """[B]: one new item a user, by drawing again until it is new; row b of ``seen`` belongs to users[b]."""
    items = np.zeros(len(users), dtype=np.int64)
    open_ = np.arange(len(users))
    for tries in _TRIES:
        rows = np.repeat(open_, tries)
        drawn = sampler.draw(rng, users[rows], windows[rows])
        is_new = ~seen.has(rows, drawn).reshape(-1, tries)
        items[open_] = drawn.reshape(-1, tries)[np.arange(len(open_)), is_new.argmax(axis=1)]  # the first new one
        open_ = open_[~is_new.any(axis=1)]
        if not len(open_):
            return items
    for row in open_:
        chances = sampler.truth.probabilities(users[row : row + 1], windows[row : row + 1])[0]
        chances[1:][seen.has(np.array([row]), np.arange(1, len(chances)))] = 0.0
        items[row] = _pick(rng, np.cumsum(chances)[None])[0]
    return items


def _pick(rng: np.random.Generator, sums: Floats) -> NDArray[np.int64]:
    """[B, N] running sums of weights -> [B] a position drawn by weight; a weight of 0 is never drawn."""
    return np.asarray((sums <= rng.random((len(sums), 1)) * sums[:, -1:]).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Seen:
    """Who has met what: a bit for each of the users of a block and each item, [B, I/8 + 1] bytes."""

    bits: NDArray[np.uint8]

    def has(self, rows: Ints, items: Ints) -> NDArray[np.bool_]:
        """Rows [N] and items [N], or one row for all items -> [N]."""
        return np.asarray(self.bits[rows, items >> 3] >> (items & 7).astype(np.uint8) & 1 == 1)

    def add(self, items: Ints) -> None:
        """Row b meets items[b]."""
        self.bits[np.arange(len(items)), items >> 3] |= np.left_shift(1, items & 7).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Sampler:
    """Draws from a truth in constant time an event; it may draw items that were seen."""

    truth: PlantedTruth

    @cached_property
    def at(self) -> NDArray[np.int64]:
        """[I]: the item at each place of the ring."""
        return np.argsort(self.truth.place[1:]) + 1

    @cached_property
    def tastes(self) -> Floats:
        """[U, K] running sums."""
        return np.cumsum(self.truth.taste, axis=1)

    @cached_property
    def appeals(self) -> Floats:
        """[K * I] running sums, cluster k from k to k+1: one sorted list in which to look up any cluster."""
        sums = np.cumsum(self.truth.appeal, axis=1)
        return np.asarray((sums / sums[:, -1:] + np.arange(len(sums))[:, None]).ravel())

    def draw(self, rng: np.random.Generator, users: Ints, windows: Ints) -> NDArray[np.int64]:
        """Users [B], windows [B, L] -> items [B]."""
        truth, kind = self.truth, rng.random(len(users))
        items = rng.integers(1, truth.n_items + 1, len(users))
        is_long = kind < (1 - truth.noise) * truth.long_term
        is_short = ~is_long & (kind < 1 - truth.noise) & (windows[:, -1] != PAD)
        items[is_long] = self._draw_long(rng, users[is_long])
        items[is_short] = self._draw_short(rng, windows[is_short])
        return items

    def _draw_long(self, rng: np.random.Generator, users: Ints) -> NDArray[np.int64]:
        cluster = _pick(rng, self.tastes[users])
        item = np.searchsorted(self.appeals, cluster + rng.random(len(users)), side="right")
        return np.asarray(np.minimum(item - cluster * self.truth.n_items, self.truth.n_items - 1) + 1)

    def _draw_short(self, rng: np.random.Generator, windows: Ints) -> NDArray[np.int64]:
        lags = _pick(rng, np.cumsum(np.where(windows[:, ::-1] != PAD, self.truth.lags, 0.0), axis=1))
        origin = self.truth.place[windows[np.arange(len(windows)), -1 - lags]]
        steps = rng.geometric(1 - np.exp(-1 / self.truth.reach), len(windows))
        turned = np.where(rng.random(len(windows)) < 0.5, steps, -steps)
        return self.at[(origin + turned) % self.truth.n_items]
