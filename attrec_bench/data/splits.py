"""Split: which events a model learns from, is chosen on and is tested on.

The order of events within one second is undefined in the data and moves HR@50 on ML-100K by a tenth,
so it is a named part of every split.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attrec_bench.data.interactions import SHARED_CLOCKS, Interactions, Ints
from attrec_bench.errors import InputError, require, require_choice, require_number

TIE_ORDERS = ("file", "file_reversed", "item", "random")
LAST_TIES = ("last", "first")
TARGETS = ("last", "first")
MIN_EVENTS = 3
"""A user with fewer events has no room for a test, a validation and a training event, and trains only."""


@dataclass(frozen=True, eq=False)
class Split:
    """Parts of the same events, each sorted by user and then by the protocol's order of time.

    train   what models learn from           before  the history that stands before the validation events
    valid   what they are chosen on          known   the history that stands before the test events
    test    what they are scored on, once    final   what a last training learns from: all before the test
    unused  what no part holds

    Training, validation and test are disjoint. ``known``, ``test`` and ``unused`` together are all events.
    """

    train: Interactions
    valid: Interactions
    test: Interactions
    before: Interactions
    known: Interactions
    final: Interactions
    unused: Interactions

    @classmethod
    def nested(cls, train: Interactions, valid: Interactions, test: Interactions, known: Interactions) -> "Split":
        """Return the split of which all that stands before an event is learnt from: ``known`` is train and valid."""
        if len(train) + len(valid) != len(known):
            raise ValueError(f"train {len(train)} and valid {len(valid)} must make known {len(known)}")
        return cls(train, valid, test, before=train, known=known, final=known, unused=known.take(np.arange(0)))

    def refit(self) -> "Split":
        """The split for a last training on everything before the test, once the number of epochs is chosen.

        chosen on validation    t t t t t v x
        refit                   t t t t t t x     t train   v valid   x test
        """
        return replace(self, train=self.final, valid=self.valid.take(np.arange(0)))

    def blind(self) -> "Split":
        """The split for choosing settings: of what is not learnt from or chosen on, nothing is in reach."""
        nothing = self.test.take(np.arange(0))
        return replace(self, test=nothing, known=self.final, unused=nothing)


def leave_one_out(interactions: Interactions, *, tie_order: str, last_tie: str, tie_seed: int) -> Split:
    """Per user the last event is test, the one before it validation, the rest training.

    Events of one user, a letter for each, in the order of (time, ``tie_order``):

        second            1   2   2   3   3   3
        event             a   b   c   d   e   f
        last_tie=last     t   t   t   t   v   x      known = a b c d e
        last_tie=first    t   t   t   x   v   t      known = a b c e f      t train   v valid   x test

    ``last_tie=first`` is the rule of the split that AttRec's author published: of the last second the first event in
    the order is taken out. Validation follows the same rule in what is left, here e and f.
    ``tie_order`` sorts the events of one second: ``file``, ``file_reversed``, ``item`` (by the original id), ``random``
    (by random keys drawn from ``tie_seed``). A user with fewer than three events trains only; if that is every user,
    InputError.
    """
    require_choice("protocol.last_tie", last_tie, LAST_TIES)
    ordered = in_order(interactions, tie_order=tie_order, tie_seed=tie_seed)
    counts = np.bincount(ordered.users, minlength=ordered.n_users)
    tested = counts >= MIN_EVENTS
    most = int(counts.max(initial=0))
    require(bool(tested.any()), f"leave_one_out needs a user with at least {MIN_EVENTS} events, the busiest", most)
    is_test = _last_events(ordered, tested, last_tie)
    known = ordered.take(~is_test)
    is_valid = _last_events(known, tested, last_tie)
    return Split.nested(known.take(~is_valid), known.take(is_valid), ordered.take(is_test), known)


def ratio(
    interactions: Interactions, *, tie_order: str, tie_seed: int, train_share: float, valid_share: float
) -> Split:
    """Per user the first share of the events is training, the next validation, the rest test: several test events.

    A user with ten events and one with five, in the order of (time, ``tie_order``), with shares of .7 and .1:

        event      a   b   c   d   e   f   g   h   i   j
        user A     t   t   t   t   t   t   t   v   x   x     train ends at .7 n, known at .8 n, both rounded down
        user B     t   t   t   v   x                         t train   v valid   x test

    At least the first event is training and the last is test; validation may be empty for a user (n = 3). A user with
    fewer than three events trains only. InputError if that leaves no validation event at all.
    """
    _require_shares(train_share=train_share, valid_share=valid_share)
    ordered = in_order(interactions, tie_order=tie_order, tie_seed=tie_seed)
    counts = np.diff(ordered.offsets)
    short = counts < MIN_EVENTS
    ends = [np.where(short, counts, _part(share, counts)) for share in (train_share, train_share + valid_share)]
    place = np.arange(len(ordered)) - ordered.offsets[ordered.users]
    is_train, is_known = (place < np.maximum(end, 1)[ordered.users] for end in ends)
    most = int(counts.max(initial=0))
    require(
        bool((is_known & ~is_train).any()), "ratio needs a user with room for a validation event, the busiest", most
    )
    known = ordered.take(is_known)
    return Split.nested(ordered.take(is_train), ordered.take(is_known & ~is_train), ordered.take(~is_known), known)


def global_time(
    interactions: Interactions, *, tie_order: str, tie_seed: int, valid_share: float, test_share: float, target: str
) -> Split:
    """Two cuts in time for all users alike; after each a user has one target, the first or the last event there.

        second              1   2   3 | 4   5   6 | 7   8   9
        user A, last        t   t     | h       v | h       x     t train   v valid   x test   - unused
        user A, first       t   t     | v       h | x       -     h only history: stands in windows before a later
        user B, first               t |           |     x           target and counts as seen, is not learnt from
        user C                        | h       h |     -   -     no training event: C is never scored

    The test begins with the second that holds the event at ``test_share`` of all events from the end, validation at
    ``valid_share`` before that; no second is cut in two, so ``tie_order`` only says which event of a period is its
    first or last. Nobody learns from what happened after a cut, whoever did it. A last training learns from all events
    before the test, here C's too. InputError where a period has no target, and for data whose users share no clock.
    """
    if interactions.clock not in SHARED_CLOCKS:
        told = "the order of a user's events" if interactions.clock == "order" else "days since each user's first event"
        raise InputError(f"protocol=global_time needs times, and {interactions.name} gives only {told}")
    require_choice("protocol.target", target, TARGETS)
    _require_shares(valid_share=valid_share, test_share=test_share)
    ordered = in_order(interactions, tie_order=tie_order, tie_seed=tie_seed)
    period = _periods(ordered.times, (valid_share + test_share, test_share))
    trained = np.bincount(ordered.users[period == 0], minlength=ordered.n_users) > 0
    is_valid, is_test = (_targets(ordered, (period == p) & trained[ordered.users], target) for p in (1, 2))
    for share, mask in {"valid_share": is_valid, "test_share": is_test}.items():
        rule = f"protocol.{share} must leave a user with an event in that part of time and one in training"
        require(bool(mask.any()), rule, valid_share if share == "valid_share" else test_share)
    known = (period < 2) | _stands_before(ordered, is_test)
    return Split(
        train=ordered.take(period == 0),
        valid=ordered.take(is_valid),
        test=ordered.take(is_test),
        before=ordered.take((period == 0) | _stands_before(ordered, is_valid)),
        known=ordered.take(known),
        final=ordered.take(period < 2),
        unused=ordered.take(~known & ~is_test),
    )


def _require_shares(**shares: float) -> None:
    for name, share in shares.items():
        require_number(f"protocol.{name}", share, "lie between 0 and 1", lambda value: 0 < value < 1)
    names = " and ".join(f"protocol.{name}" for name in shares)
    require(sum(shares.values()) < 1, f"{names} must be less than 1 together", round(sum(shares.values()), 9))


def _part(share: float | NDArray[np.float64], count: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a share of a count, rounded down; .7 of 10 is 7 whatever the last bit of .7 says."""
    return np.floor(share * np.asarray(count) + 1e-9).astype(np.int64)


def _periods(times: Ints, shares: tuple[float, float]) -> NDArray[np.intp]:
    """[E]: 0, 1 or 2, the number of cuts at or before each event; a cut is the time that has ``share`` of events after.

    Every event of a cut's second lies after the cut.
    """
    ascending = np.sort(times)
    cuts = ascending[_part(1 - np.array(shares), len(times))]
    return np.searchsorted(cuts, times, side="right")


def _targets(ordered: Interactions, among: NDArray[np.bool_], target: str) -> NDArray[np.bool_]:
    """[E]: True at the first or the last event of each user ``among`` these."""
    places = np.flatnonzero(among)
    users = ordered.users[places]
    other = users[1:] != users[:-1]
    edge = np.concatenate([[True], other] if target == "first" else [other, [True]])[: len(places)]
    chosen = np.zeros(len(ordered), dtype=bool)
    chosen[places[edge]] = True
    return chosen


def _stands_before(ordered: Interactions, targets: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[E]: True at every event of a user that stands before the user's target."""
    where = np.zeros(ordered.n_users, dtype=np.int64)
    where[ordered.users[targets]] = np.flatnonzero(targets)
    return np.asarray(np.arange(len(ordered)) < where[ordered.users])


def in_order(interactions: Interactions, *, tie_order: str, tie_seed: int) -> Interactions:
    """All events, sorted by user, then time, then ``tie_order``, then position in the file: as in every split."""
    require_choice("protocol.tie_order", tie_order, TIE_ORDERS)
    is_seed = isinstance(tie_seed, int) and not isinstance(tie_seed, bool) and tie_seed >= 0
    require(is_seed, "protocol.tie_seed must be a whole number from 0", tie_seed)
    position = np.arange(len(interactions))
    key: Ints = position
    if tie_order == "file_reversed":
        key = -position
    elif tie_order == "item":
        key = interactions.items
    elif tie_order == "random":
        key = np.random.default_rng(tie_seed).permutation(position)
    return interactions.take(np.lexsort((key, interactions.times, interactions.users)))


def _last_events(ordered: Interactions, tested: NDArray[np.bool_], last_tie: str) -> NDArray[np.bool_]:
    """[E]: True at the last event of each user in ``tested`` [U]; ``first``: at the first event of the last second."""
    users, times = ordered.users, ordered.times
    last = ordered.offsets[1:][users] - 1
    if last_tie == "first":
        in_last_second = times == times[last]
        starts = np.ones(len(ordered), dtype=bool)
        starts[1:] = (users[1:] != users[:-1]) | (times[1:] != times[:-1])
        chosen = in_last_second & starts
    else:
        chosen = np.arange(len(ordered)) == last
    return np.asarray(chosen & tested[users])
