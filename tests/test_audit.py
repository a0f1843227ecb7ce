"""The audit's figures, each worked by hand, and the same figures counted event by event."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrec_bench.data.audit import FOOTNOTE, Audit, audit, footnote, told
from attrec_bench.data.interactions import CLOCKS, Interactions, encode
from attrec_bench.data.splits import MIN_EVENTS, Split, leave_one_out

Event = tuple[int, int, int]


def made(events: list[Event], clock: str = "second") -> Interactions:
    users, items, times = np.array(events).T
    return dataclasses.replace(encode(users, items, times), clock=clock, name="mine")


def split(data: Interactions) -> Split:
    return leave_one_out(data, tie_order="file", last_tie="last", tie_seed=0)


# user 1: a twice at second 1 (one row twice), b, c | c again; user 2: b, then a and d in its last second
EVENTS = [(1, 10, 1), (1, 10, 1), (1, 11, 2), (1, 12, 3), (1, 12, 9), (2, 11, 0), (2, 10, 5), (2, 13, 5)]
# train (1,10,1) (1,10,1) (1,11,2) (2,11,0)   valid (1,12,3) (2,10,5)   test (1,12,9) (2,13,5)
BY_HAND = Audit(
    users=2,
    items=4,
    events=8,
    density=1.0,  # 8 events in a table of 2 x 4
    tied_events=0.5,  # two of user 1's, two of user 2's
    tied_users=0.5,  # user 2's last second
    duplicates=1,
    repeats=0.25,  # 10 and 12 of user 1
    train=4,
    valid=2,
    test=2,
    repeated_test=0.0,  # 12 was met by user 1 in the validation event only
    unseen_test=1.0,  # neither 12 nor 13 is in training
    later_train=0.0,
)


def test_by_hand() -> None:
    data = made(EVENTS)
    assert audit(data, split(data)) == BY_HAND


def test_by_hand_after_a_refit() -> None:
    data = made(EVENTS)
    refit = audit(data, split(data).refit())
    # training now has (1,12,3), the test's pair, and (2,10,5), which is not later than either test event
    assert refit == dataclasses.replace(BY_HAND, train=6, valid=0, repeated_test=0.5, unseen_test=0.5)
    assert refit.recall_ceiling == 0.5


def test_training_that_knows_the_tests_future() -> None:
    # test events at 3 and 30; training events at 1, 10, 20 (user 2's third is validation): 2 of 3 and none are later
    data = made([(1, 5, 1), (1, 6, 2), (1, 7, 3), (2, 5, 10), (2, 6, 20), (2, 7, 25), (2, 8, 30)])
    assert audit(data, split(data)).later_train == pytest.approx((2 / 3 + 0) / 2)


def test_what_a_clock_cannot_tell_is_not_told() -> None:
    relative, order = (made(EVENTS[3:], clock) for clock in ("relative day", "order"))
    assert audit(relative, split(relative)).later_train is None
    assert audit(relative, split(relative)).tied_users == 0.5
    assert audit(order, split(order)).tied_users == 0.5, "an order with ties says that it has them"
    distinct = made([(1, 5, 0), (1, 6, 1), (1, 7, 2)], "order")
    without = audit(distinct, split(distinct))
    assert (without.tied_events, without.tied_users, without.duplicates) == (None, None, None)
    assert told(without, distinct).count("unknown") == 4


def test_the_footnote_is_plain_and_small() -> None:
    data = made(EVENTS)
    assert footnote(audit(data, split(data))) == {
        "tied_events": 0.5, "tied_users": 0.5, "repeats": 0.25, "unseen_test": 1.0, "later_train": 0.0,
    }  # fmt: skip
    assert set(FOOTNOTE) <= {field.name for field in dataclasses.fields(Audit)}


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_table_is_aligned(clock: str) -> None:
    data = dataclasses.replace(made(EVENTS, clock), removed={"k_core=5": 1234}, lost={"k_core=5": (1, 2000)})
    lines = told(audit(data, split(data)), data).splitlines()
    starts = {len(line) - len(line[line.index("  ") :].lstrip()) for line in lines}
    assert len(starts) == 1, "all values begin in one column"
    assert any(
        line.startswith("left out by k_core=5") and line.endswith("1,234 events and with them 1 user and 2,000 items")
        for line in lines
    )


def test_a_split_without_a_test_is_a_bug() -> None:
    data = made(EVENTS)
    whole = split(data)
    with pytest.raises(ValueError, match="needs a split with test events"):
        audit(data, dataclasses.replace(whole, test=whole.test.take(np.arange(0))))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3)), max_size=30))
def test_counted_one_by_one(events: list[Event]) -> None:
    events = [*events, *((9, item, 2) for item in range(MIN_EVENTS))]  # somebody is tested
    data = made(events)
    parts = split(data)
    found = audit(data, parts)

    def rows(part: Interactions) -> list[Event]:
        return list(zip(part.users.tolist(), part.items.tolist(), part.times.tolist(), strict=True))

    everything, train, test = rows(data), rows(parts.train), rows(parts.test)
    moments = [(user, time) for user, _, time in everything]
    assert found.tied_events == pytest.approx(np.mean([moments.count(moment) > 1 for moment in moments]))
    lasts = [(user, max(t for u, t in moments if u == user)) for user in range(data.n_users)]
    assert found.tied_users == pytest.approx(np.mean([moments.count(last) > 1 for last in lasts]))
    assert found.duplicates == len(everything) - len(set(everything))
    assert found.repeats == pytest.approx(1 - len({event[:2] for event in everything}) / len(everything))
    trained = {item for _, item, _ in train}
    assert found.unseen_test == pytest.approx(np.mean([item not in trained for _, item, _ in test]))
    met = {event[:2] for event in train}
    assert found.repeated_test == pytest.approx(np.mean([event[:2] in met for event in test]))
    later = [sum(time > when for *_, time in train) / len(train) for *_, when in test]
    assert found.later_train == pytest.approx(np.mean(later))
