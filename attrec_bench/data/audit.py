"""Audit: what a reader should know about data and split before believing a figure. Interactions, Split -> Audit.

Shapes: E events, U users.
"""

from dataclasses import asdict, dataclass

import numpy as np

from attrec_bench.data.describe import CLOCK_WORDS, UNTOLD, aligned, left_out, tied_events
from attrec_bench.data.interactions import SHARED_CLOCKS, Interactions, Ints
from attrec_bench.data.splits import Split


@dataclass(frozen=True)
class Audit:
    """Counts, and shares in [0, 1].

    users, items, events   of the data set          train, valid, test   events of each part
    density                events / (users * items)
    tied_events            of events that share their time with another one of the same user: their order is undefined
    tied_users             of users who have several events at their last time: what is tested is undefined
    duplicates             events that equal another row of the file in user, item and time
                           The last three are None for an order without ties: it does not tell how it came about
    repeats                of events whose user has another event with that item, told earlier or earlier in the file
    repeated_test          of test events whose user met the item in training
    unseen_test            of test events whose item is in no training event: no model that learns items can find them
    later_train            of training events that are later than a test event, on average over test events: what the
                           model learns of the test's future. None where users' times cannot be compared
    """

    users: int
    items: int
    events: int
    density: float
    tied_events: float | None
    tied_users: float | None
    duplicates: int | None
    repeats: float
    train: int
    valid: int
    test: int
    repeated_test: float
    unseen_test: float
    later_train: float | None

    @property
    def recall_ceiling(self) -> float:
        """The largest recall of a model that has to have met an item to recommend it."""
        return 1 - self.unseen_test


FOOTNOTE = ("tied_events", "tied_users", "repeats", "unseen_test", "later_train")
"""What the caption of a table needs and a record therefore keeps."""


def audit(interactions: Interactions, split: Split) -> Audit:
    """Look at a data set and at what a protocol makes of it. Raises ValueError for a split without test events."""
    if not len(split.test):
        raise ValueError("an audit needs a split with test events")
    events, (tied, last) = len(interactions), tied_events(interactions)
    pairs, ties_are_known = _pairs(interactions), interactions.clock != "order" or tied > 0
    tested, trained = _pairs(split.test), np.sort(_pairs(split.train))
    met = np.searchsorted(trained, tested, side="right") > np.searchsorted(trained, tested)  # isin takes a second here
    known = np.isin(split.test.items, split.train.items)
    return Audit(
        users=interactions.n_users,
        items=interactions.n_items,
        events=events,
        density=events / (interactions.n_users * interactions.n_items),
        tied_events=tied / events if ties_are_known else None,
        tied_users=last / interactions.n_users if ties_are_known else None,
        duplicates=_repeated(pairs, interactions.times) if ties_are_known else None,
        repeats=_repeated(pairs) / events,
        train=len(split.train),
        valid=len(split.valid),
        test=len(split.test),
        repeated_test=float(np.mean(met)),
        unseen_test=float(np.mean(~known)),
        later_train=_later(split) if interactions.clock in SHARED_CLOCKS else None,
    )


def footnote(made: Audit) -> dict[str, float | None]:
    """The few figures that a record keeps for the caption of its table."""
    values = asdict(made)
    return {name: values[name] for name in FOOTNOTE}


def told(made: Audit, data: Interactions) -> str:
    """One aligned table, in the words of its reader."""
    return aligned(
        {
            "data set": data.name,
            "users": f"{made.users:,}",
            "items": f"{made.items:,}",
            "events": f"{made.events:,} (density {made.density:.2%})",
            **left_out(data, "events"),
            "split": f"{made.train:,} training, {made.valid:,} validation and {made.test:,} test events",
            "times": CLOCK_WORDS[data.clock],
            **_ties(made),
            "repeated pairs": f"{made.repeats:.1%} of events repeat another one of that user with that item",
            "test items met before": f"{made.repeated_test:.1%} of test events are with an item of the user's training",
            "test items never trained on": f"{made.unseen_test:.2%}: no recall above {made.recall_ceiling:.2%}",
            "training later than the test": "unknown, users' times cannot be compared"
            if made.later_train is None
            else f"{made.later_train:.1%} of training events, on average over test events",
        }
    )


def _ties(made: Audit) -> dict[str, str]:
    """What is undefined, where the data tell."""
    if made.tied_events is None or made.tied_users is None or made.duplicates is None:
        return dict.fromkeys(("events tied in time", "users tied at the end", "duplicate rows"), UNTOLD)
    return {
        "events tied in time": f"{made.tied_events:.1%} share their time with another of the same user",
        "users tied at the end": f"{made.tied_users:.1%} have several last events: protocol.tie_order decides the test",
        "duplicate rows": f"{made.duplicates:,} equal another row in user, item and time (see duplicates=exact)",
    }


def _pairs(data: Interactions) -> Ints:
    """[E]: one number for each (user, item)."""
    return data.users.astype(np.int64) * (data.n_items + 1) + data.items


def _repeated(*columns: Ints) -> int:
    """How many of the rows of these columns equal an earlier one."""
    order = np.lexsort(columns)
    same = [column[order][1:] == column[order][:-1] for column in columns]
    return int(np.logical_and.reduce(same).sum())


def _later(split: Split) -> float:
    """Mean over test events of the share of training events with a later time."""
    times = np.sort(split.train.times)
    later = len(times) - np.searchsorted(times, split.test.times, side="right")
    return float(np.mean(later) / max(len(times), 1))
