"""What each filter leaves, by hand and against a slow computation of its own."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrec_bench.data.filters import DUPLICATES, Filters, core_of, filtered
from attrec_bench.data.interactions import Interactions, encode
from attrec_bench.errors import InputError

Event = tuple[int, int, int]


def filters(**changes: object) -> Filters:
    settings: dict[str, object] = {"duplicates": "keep", "min_user_events": None, "min_item_events": None}
    return Filters(**(settings | {"k_core": None} | changes))  # type: ignore[arg-type]


def made(events: list[Event]) -> Interactions:
    users, items, times = np.array(events).T
    return encode(users, items, times)


def left(data: Interactions) -> list[Event]:
    rows = zip(data.user_ids[data.users], data.item_ids[data.items], data.times, strict=True)
    return [(int(user), int(item), int(time)) for user, item, time in rows]


# item 9 has one event; without it user 3 has one; without user 3 item 7 has one; without it users 1 and 2 keep 5 and 6
CHAIN = [(1, 5, 0), (1, 6, 1), (1, 7, 2), (2, 5, 0), (2, 6, 1), (3, 7, 0), (3, 9, 1)]
CORE = [(1, 5, 0), (1, 6, 1), (2, 5, 0), (2, 6, 1)]


def test_the_core_goes_on_until_nothing_falls_away() -> None:
    data = filtered(made(CHAIN), filters(k_core=2))
    assert left(data) == CORE
    assert (data.removed, data.lost) == ({"k_core=2": 3}, {"k_core=2": (1, 2)})
    assert (data.user_ids.tolist(), data.item_ids.tolist()) == (["1", "2"], ["", "5", "6"])


def test_a_minimum_is_one_pass() -> None:
    data = filtered(made(CHAIN), filters(min_item_events=2))
    assert left(data) == [*CHAIN[:6]], "user 3 now has one event, and stays"
    both = filtered(made(CHAIN), filters(min_item_events=2, min_user_events=3))
    assert left(both) == CHAIN[:3], "users are counted before items go"
    assert both.removed == {"min_user_events=3 min_item_events=2": 4}
    assert both.lost == {"min_user_events=3 min_item_events=2": (2, 1)}, "user 1 stays, without item 9"


def test_duplicates() -> None:
    repeated = [(1, 5, 3), (1, 6, 1), (1, 5, 2), (1, 5, 3), (2, 5, 9)]
    assert left(filtered(made(repeated), filters(duplicates="first"))) == [(1, 6, 1), (1, 5, 2), (2, 5, 9)]
    data = filtered(made(repeated), filters(duplicates="last"))
    assert left(data) == [(1, 6, 1), (1, 5, 3), (2, 5, 9)]
    assert data.removed == {"duplicates=last": 2}
    data = filtered(made([*repeated, (3, 5, 3)]), filters(duplicates="exact"))
    assert left(data) == [*repeated[:3], (2, 5, 9), (3, 5, 3)], (
        "a copy of the first goes; a repeat at another time stays"
    )
    assert data.removed == {"duplicates=exact": 1}


def test_duplicates_go_before_events_are_counted() -> None:
    repeated = [(1, 5, 0), (1, 5, 1), (2, 6, 0), (2, 7, 1), (3, 6, 0), (3, 7, 1)]
    data = filtered(made(repeated), filters(duplicates="first", min_user_events=2))
    assert left(data) == repeated[2:]
    assert data.removed == {"duplicates=first": 1, "min_user_events=2": 1}
    assert data.lost == {"duplicates=first": (0, 0), "min_user_events=2": (1, 1)}


def test_titles_follow_their_items() -> None:
    users, items, times = np.array(CHAIN).T
    data = encode(users, items, times, {"5": "five", "7": "seven", "6": "six"})
    kept = filtered(data, filters(k_core=2)).titles
    assert kept is not None
    assert kept.tolist() == ["", "five", "six"]


def test_no_filter_changes_nothing() -> None:
    data = made(CHAIN)
    assert filtered(data, filters()) is data


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"k_core": 0}, "k_core must be a whole number of at least 1, got 0"),
        ({"k_core": 2.5}, "k_core must be a whole number of at least 1, got 2.5"),
        ({"min_user_events": True}, "min_user_events must be a whole number of at least 1, got True"),
        ({"min_item_events": "5"}, "min_item_events must be a whole number of at least 1, got '5'"),
        (
            {"duplicates": "frist"},
            "duplicates must be one of keep, exact, first, last, got 'frist' (did you mean 'first'?)",
        ),
        ({"k_core": 3}, "k_core=3 leaves none of the 7 events"),
    ],
)
def test_wrong_values(setting: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        filtered(made(CHAIN), filters(**setting))
    assert str(caught.value) == message


EVENTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=40)


def slow_core(events: list[Event], k: int) -> list[Event]:
    """One user or item at a time, in no clever order."""
    while True:
        users = Counter(user for user, _, _ in events)
        items = Counter(item for _, item, _ in events)
        poor = next((("user", u) for u, n in users.items() if n < k), None)
        poor = poor or next((("item", i) for i, n in items.items() if n < k), None)
        if poor is None:
            return events
        kind, code = poor
        events = [event for event in events if event[kind == "item"] != code]


@given(EVENTS, st.integers(1, 5))
def test_the_core_is_the_largest_fixed_point(events: list[Event], k: int) -> None:
    users, items, _ = np.array(events).T
    kept = core_of(users, items, k, "k")
    assert [events[place] for place in kept] == slow_core(events, k)
    for codes in (users[kept], items[kept]):
        assert all(count >= k for count in Counter(codes.tolist()).values())
    assert core_of(users[kept], items[kept], k, "k").tolist() == list(range(len(kept)))


@given(EVENTS, st.sampled_from(DUPLICATES), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_nothing_is_lost_unsaid(events: list[Event], duplicates: str, user: int, item: int, k: int) -> None:
    asked = filters(duplicates=duplicates, min_user_events=user, min_item_events=item, k_core=k)
    try:
        data = filtered(made(events), asked)
    except InputError:
        return  # nothing was left, which it says: test_wrong_values
    assert len(data) + sum(data.removed.values()) == len(events)
    for own, ids in enumerate((data.n_users, data.n_items)):
        assert ids + sum(each[own] for each in data.lost.values()) == len({event[own] for event in events})
    assert set(left(data)) <= set(events)
    assert set(np.unique(data.users)) == set(range(data.n_users))
    assert set(np.unique(data.items)) == set(range(1, data.n_items + 1))
    if duplicates == "exact":
        assert len(set(left(data))) == len(data)
    elif duplicates != "keep":
        assert len({event[:2] for event in left(data)}) == len(data)
