"""Split: which events a model learns from, is chosen on and is tested on.

The order of events within one second is undefined in the data and moves HR@50 on ML-100K by a tenth,
so it is a named part of every split.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attrec_bench.data.interactions import Interactions, Ints
from attrec_bench.errors import require, require_choice

TIE_ORDERS = ("file", "file_reversed", "item", "random")
LAST_TIES = ("last", "first")
MIN_EVENTS = 3
"""A user with fewer events has no room for a test, a validation and a training event, and trains only."""


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint parts of the same events, each sorted by user and then by the protocol's order of time.

    train   what models learn from             valid   what they are chosen on
    test    what they are scored on, once      known   train and valid together, in the protocol's order:
                                                       the history that stands before the test events
    """

    train: Interactions
    valid: Interactions
    test: Interactions
    known: Interactions

    def __post_init__(self) -> None:
        """Check at birth that nothing was lost between training, validation and history."""
        if len(self.train) + len(self.valid) != len(self.known):
            raise ValueError(f"train {len(self.train)} and valid {len(self.valid)} must make known {len(self.known)}")

    def refit(self) -> "Split":
        """The split for a last training on everything but the test, once the number of epochs is chosen.

        chosen on validation    t t t t t v x
        refit                   t t t t t t x     t train   v valid   x test
        """
        return replace(self, train=self.known, valid=self.known.take(np.arange(0)))


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
    ordered = interactions.take(_order(interactions, tie_order, tie_seed))
    counts = np.bincount(ordered.users, minlength=ordered.n_users)
    tested = counts >= MIN_EVENTS
    most = int(counts.max(initial=0))
    require(bool(tested.any()), f"leave_one_out needs a user with at least {MIN_EVENTS} events, the busiest", most)
    is_test = _last_events(ordered, tested, last_tie)
    known = ordered.take(~is_test)
    is_valid = _last_events(known, tested, last_tie)
    return Split(train=known.take(~is_valid), valid=known.take(is_valid), test=ordered.take(is_test), known=known)


def _order(interactions: Interactions, tie_order: str, tie_seed: int) -> NDArray[np.intp]:
    """[E]: the events sorted by user, then time, then ``tie_order``, then position in the file."""
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
    return np.lexsort((key, interactions.times, interactions.users))


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
