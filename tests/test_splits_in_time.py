"""The splits by shares: ``ratio``, each user's own time, and ``global_time``, one cut for all."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from attrec_bench.data.interactions import Interactions, encode
from attrec_bench.data.splits import TARGETS, TIE_ORDERS, Split, global_time, ratio
from attrec_bench.errors import InputError


def by_ratio(data: Interactions, **changed: Any) -> Split:
    settings: dict[str, Any] = {"tie_order": "file", "tie_seed": 0, "train_share": 0.7, "valid_share": 0.1}
    return ratio(data, **settings | changed)


def by_time(data: Interactions, **changed: Any) -> Split:
    settings: dict[str, Any] = {"tie_order": "file", "tie_seed": 0, "valid_share": 0.3, "test_share": 0.3}
    return global_time(data, **settings | {"target": "last"} | changed)


def data_of(events: list[tuple[int, int, int]]) -> Interactions:
    users, items, times = np.array(events).T
    return encode(users, items, times)


def bag(*some: Interactions) -> list[tuple[str, str, int]]:
    return sorted(
        (str(x.user_ids[u]), str(x.item_ids[i]), int(t))
        for x in some
        for u, i, t in zip(x.users, x.items, x.times, strict=True)
    )


def of(part: Interactions, user: str) -> str:
    """Items of one user as one word, in their order."""
    return "".join(part.item_ids[part.items[part.user_ids[part.users] == user]])


# ratio: the drawing in the docstring, and a user with fewer than three events
LETTERS = [*((1, ord(c), t) for t, c in enumerate("abcdefghij")), *((2, ord(c), t) for t, c in enumerate("abcde"))]


def lettered(events: list[tuple[int, int, int]]) -> Interactions:
    users, items, times = np.array(events).T
    return encode(np.array(["?AB"[u] if u < 3 else "C" for u in users]), np.array([chr(i) for i in items]), times)


def test_the_drawing_of_ratio() -> None:
    result = by_ratio(lettered([*LETTERS, (3, ord("a"), 9), (3, ord("b"), 8)]))
    assert [of(part, "A") for part in (result.train, result.valid, result.test)] == ["abcdefg", "h", "ij"]
    assert [of(part, "B") for part in (result.train, result.valid, result.test)] == ["abc", "d", "e"]
    assert [of(part, "C") for part in (result.train, result.valid, result.test)] == ["ba", "", ""]
    assert of(result.known, "A") == "abcdefgh"
    assert result.before is result.train
    assert result.final is result.known
    assert len(result.unused) == 0


def test_seven_tenths_of_ten_are_seven_and_eight_tenths_eight_whatever_binary_fractions_say() -> None:
    for n in range(10, 400, 10):
        result = by_ratio(data_of([(0, item, item) for item in range(n)]))
        assert (len(result.train), len(result.valid), len(result.test)) == (n * 7 // 10, n // 10, n * 2 // 10)


@pytest.mark.parametrize(("tie_order", "test"), [("file", "ba"), ("file_reversed", "jc"), ("item", "ij")])
def test_ratio_orders_one_second_as_the_protocol_says(tie_order: str, test: str) -> None:
    data = lettered([(1, ord(letter), 0) for letter in "cjdefghiba"])
    assert of(by_ratio(data, tie_order=tie_order).test, "A") == test


EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=60)
SHARES = st.sampled_from([(0.7, 0.1), (0.5, 0.25), (0.1, 0.8), (0.34, 0.33)])


@given(EVENTS, st.sampled_from(TIE_ORDERS), SHARES, st.integers(0, 3))
def test_properties_of_ratio(
    events: list[tuple[int, int, int]], tie_order: str, shares: tuple[float, float], seed: int
) -> None:
    data = data_of([*events, *((5, item, 0) for item in range(20))])
    result = by_ratio(data, tie_order=tie_order, tie_seed=seed, train_share=shares[0], valid_share=shares[1])
    assert bag(result.train, result.valid, result.test) == bag(data)
    assert bag(result.train, result.valid) == bag(result.known)
    for user in data.user_ids:
        n = int(np.sum(data.user_ids[data.users] == user))
        parts = [part.times[part.user_ids[part.users] == user] for part in (result.train, result.valid, result.test)]
        assert (np.diff(np.concatenate(parts)) >= 0).all()  # no event stands before one of an earlier part
        assert len(parts[0]) >= 1
        assert len(parts[2]) >= 1 if n >= 3 else len(parts[0]) == n
        for part, share in zip(parts, (*shares, 1 - sum(shares)), strict=True):
            assert abs(len(part) - share * n) < 2 or n < 3


def test_ratio_says_what_is_wrong() -> None:
    data = data_of([(0, item, item) for item in range(3)])
    with pytest.raises(InputError, match=r"ratio needs a user with room for a validation event, the busiest, got 3"):
        by_ratio(data)
    with pytest.raises(InputError, match=r"protocol.train_share must lie between 0 and 1, got 1.5"):
        by_ratio(data, train_share=1.5)
    with pytest.raises(InputError, match=r"protocol.train_share and protocol.valid_share must be less than 1 together, "
                                         r"got 1.1"):  # fmt: skip
        by_ratio(data, valid_share=0.4)


# global_time: ten events of A, B and C in seconds 1 to 9 and a cut before 4 and before 7, as in the docstring
A = [(1, ord(c), t) for c, t in zip("abcdef", (1, 2, 4, 6, 7, 9), strict=True)]
B = [(2, ord("b"), 3), (2, ord("a"), 8)]
C = [(3, ord(c), t) for c, t in zip("abcd", (5, 6, 7, 8), strict=True)]
DRAWN = lettered([*A, *B, *C])
PARTS = ("train", "valid", "test", "before", "known", "final", "unused")


@pytest.mark.parametrize(
    ("target", "user", "expected"),
    [
        ("last", "A", ("ab", "d", "f", "abc", "abcde", "abcd", "")),
        ("first", "A", ("ab", "c", "e", "ab", "abcd", "abcd", "f")),
        ("last", "B", ("b", "", "a", "b", "b", "b", "")),
        ("first", "B", ("b", "", "a", "b", "b", "b", "")),
        ("last", "C", ("", "", "", "", "ab", "ab", "cd")),
        ("first", "C", ("", "", "", "", "ab", "ab", "cd")),
    ],
)
def test_the_drawing_of_global_time(target: str, user: str, expected: tuple[str, ...]) -> None:
    # 12 events: 5 lie in seconds 7 to 9, 4 in 4 to 6, 3 before
    result = by_time(DRAWN, target=target, valid_share=4 / 12, test_share=5 / 12)
    assert tuple(of(getattr(result, part), user) for part in PARTS) == expected


def test_a_second_is_never_cut_in_two() -> None:
    # half of the events would be two of the four in second 5: all four lie after the cut
    data = data_of([(0, 1, 1), (0, 2, 2), (0, 3, 5), (1, 1, 1), (1, 3, 5), (1, 4, 5), (1, 5, 5), (0, 6, 7), (1, 6, 8)])
    result = by_time(data, valid_share=0.45, test_share=0.2)
    assert result.train.times.max() == 2
    assert result.valid.times.tolist() == [5, 5]
    assert result.test.times.tolist() == [7, 8]


@pytest.mark.parametrize(
    ("tie_order", "target", "valid"), [("file", "last", "3"), ("file", "first", "5"), ("item", "last", "5")]
)
def test_the_tie_order_says_which_event_of_a_period_is_its_last(tie_order: str, target: str, valid: str) -> None:
    data = data_of([(0, 1, 1), (0, 2, 2), (0, 5, 4), (0, 4, 4), (0, 3, 4), (0, 9, 8)])
    result = by_time(data, tie_order=tie_order, target=target, valid_share=0.5, test_share=0.16)
    assert result.valid.item_ids[result.valid.items].tolist() == [valid]


@given(EVENTS, st.sampled_from(TIE_ORDERS), st.sampled_from(TARGETS), st.integers(0, 3))
def test_properties_of_global_time(events: list[tuple[int, int, int]], tie_order: str, target: str, seed: int) -> None:
    data = data_of([*events, *((5, 0, time) for time in range(10))])
    try:
        result = by_time(data, tie_order=tie_order, tie_seed=seed, target=target)
    except InputError:
        assume(False)
    assert bag(result.known, result.test, result.unused) == bag(data)  # no event is lost, none is in two parts
    first_valid = min(set(data.times) - set(result.train.times))  # the cuts: nobody trains on what comes after
    first_test = min(set(data.times) - set(result.final.times))
    assert bag(result.train) == bag(data.take(data.times < first_valid))
    assert bag(result.final) == bag(data.take(data.times < first_test))
    assert abs(np.mean(data.times >= first_test) - 0.3) <= np.mean(data.times == first_test) + 1 / len(data)
    assert result.valid.times.min() >= first_valid
    assert result.valid.times.max() < first_test <= result.test.times.min()
    for targets, history, begin in (
        (result.valid, result.before, first_valid),
        (result.test, result.known, first_test),
    ):
        assert (np.diff(targets.users) > 0).all()  # one a user
        assert np.isin(targets.users, result.train.users).all()
        assert (np.diff(history.users.astype(int) * 100 + history.times) >= 0).all()
        for user, time in zip(targets.users, targets.times, strict=True):
            stands = history.times[history.users == user]
            assert stands.max() <= time
            own = data.times[data.users == user]
            period = own[(own >= begin) & ((own < first_test) | (begin == first_test))]
            assert time == (period.max() if target == "last" else period.min())
            assert len(stands) == np.sum(own < begin) + (len(period) - 1 if target == "last" else 0)


def test_refit_learns_from_all_before_the_test_and_blind_reaches_nothing_after_it() -> None:
    result = by_time(DRAWN, valid_share=4 / 12, test_share=5 / 12)
    again = result.refit()
    assert bag(again.train) == bag(DRAWN.take(DRAWN.times < 7))
    assert len(again.valid) == 0
    assert again.test is result.test
    blind = result.blind()
    assert max(getattr(blind, part).times.max(initial=0) for part in PARTS) == 6
    assert bag(blind.valid) == bag(result.valid)


def test_global_time_says_what_is_wrong() -> None:
    alike = data_of([(0, item, 7) for item in range(9)])
    with pytest.raises(InputError, match=r"protocol.valid_share must leave a user with an event in that part of time "
                                         r"and one in training, got 0.3"):  # fmt: skip
        by_time(alike)
    with pytest.raises(
        InputError, match=r"protocol.target must be one of last, first, got 'lst' \(did you mean 'last'"
    ):
        by_time(alike, target="lst")
    with pytest.raises(InputError, match=r"protocol.test_share must lie between 0 and 1, got 0"):
        by_time(alike, test_share=0)
    with pytest.raises(InputError, match=r"must be less than 1 together, got 1.2"):
        by_time(alike, test_share=0.9)


@pytest.mark.parametrize(
    ("clock", "given"),
    [("order", "the order of a user's events"), ("relative day", "days since each user's first event")],
)
def test_users_who_share_no_clock_cannot_be_cut_at_one_time(clock: str, given: str) -> None:
    cut = data_of([(1, 5, 0), (1, 6, 1), (1, 7, 2), (2, 5, 0), (2, 6, 1), (2, 7, 2)])
    assert len(by_time(cut).test)
    with pytest.raises(InputError) as caught:
        by_time(replace(cut, name="mine", clock=clock))
    assert str(caught.value) == f"protocol=global_time needs times, and mine gives only {given}"
