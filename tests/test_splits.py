import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrec_bench.data.interactions import Interactions, encode
from attrec_bench.data.sources import udata
from attrec_bench.data.splits import LAST_TIES, TIE_ORDERS, Split, leave_one_out
from attrec_bench.errors import InputError


def split(data: Interactions, tie_order: str = "file", last_tie: str = "last", tie_seed: int = 0) -> Split:
    return leave_one_out(data, tie_order=tie_order, last_tie=last_tie, tie_seed=tie_seed)


def one_user(items: list[int], times: list[int]) -> Interactions:
    return encode(np.zeros(len(items), dtype=int), np.array(items), np.array(times))


def parts(result: Split) -> list[list[str]]:
    return [part.item_ids[part.items].tolist() for part in (result.train, result.valid, result.test, result.known)]


# file order 40 10 50 30 20; in seconds: 1 1 | 2 2 2
TIED = one_user([40, 10, 50, 30, 20], [1, 1, 2, 2, 2])


@pytest.mark.parametrize(
    ("tie_order", "last_tie", "train", "valid", "test"),
    [
        ("file", "last", ["40", "10", "50"], "30", "20"),
        ("file_reversed", "last", ["10", "40", "20"], "30", "50"),
        ("item", "last", ["10", "40", "20"], "30", "50"),
        ("file", "first", ["40", "10", "20"], "30", "50"),
        ("file_reversed", "first", ["10", "40", "50"], "30", "20"),
        ("item", "first", ["10", "40", "50"], "30", "20"),
    ],
)
def test_a_tied_user(tie_order: str, last_tie: str, train: list[str], valid: str, test: str) -> None:
    result = split(TIED, tie_order, last_tie)
    assert parts(result)[:3] == [train, [valid], [test]]


def test_known_is_the_order_without_the_test_event() -> None:
    assert parts(split(TIED, "file", "first"))[3] == ["40", "10", "30", "20"]
    assert parts(split(TIED, "file", "last"))[3] == ["40", "10", "50", "30"]


def test_the_drawing_in_the_docstring() -> None:
    data = one_user([1, 2, 3, 4, 5, 6], [1, 2, 2, 3, 3, 3])  # a b c d e f
    assert parts(split(data, "file", "last")) == [["1", "2", "3", "4"], ["5"], ["6"], ["1", "2", "3", "4", "5"]]
    assert parts(split(data, "file", "first")) == [["1", "2", "3", "6"], ["5"], ["4"], ["1", "2", "3", "5", "6"]]


def test_validation_goes_back_a_second_when_the_last_one_is_used_up() -> None:
    data = one_user([1, 2, 3, 4], [1, 2, 2, 3])
    assert parts(split(data, "file", "first"))[:3] == [["1", "3"], ["2"], ["4"]]


def test_file_order_is_sorted_by_time_first() -> None:
    assert parts(split(one_user([1, 2, 3, 4], [9, 1, 5, 7])))[:3] == [["2", "3"], ["4"], ["1"]]


def test_users_with_fewer_than_three_events_train_only() -> None:
    data = encode(np.array([1, 2, 2, 3, 3, 3]), np.array([7, 7, 8, 7, 8, 9]), np.arange(6))
    result = split(data)
    assert result.test.users.tolist() == result.valid.users.tolist() == [2]
    assert result.train.users.tolist() == [0, 1, 1, 2]
    with pytest.raises(InputError, match="needs a user with at least 3 events, the busiest, got 2"):
        split(data.take(np.arange(3)))


def test_refit_trains_on_all_that_is_known() -> None:
    first = split(TIED)
    again = first.refit()
    assert parts(again) == [parts(first)[3], [], parts(first)[2], parts(first)[3]]
    assert (again.valid.n_users, again.valid.n_items) == (1, 5)


def test_a_split_that_loses_events_is_refused() -> None:
    whole = split(TIED)
    with pytest.raises(ValueError, match="train 3 and valid 0 must make known 4"):
        Split.nested(train=whole.train, valid=whole.valid.take(np.arange(0)), test=whole.test, known=whole.known)


@pytest.mark.parametrize(
    ("tie_order", "last_tie", "tie_seed", "message"),
    [
        (
            "fil", "last", 0,
            "protocol.tie_order must be one of file, file_reversed, item, random, got 'fil' (did you mean 'file'?)",
        ),
        ("file", "frist", 0, "protocol.last_tie must be one of last, first, got 'frist' (did you mean 'first'?)"),
        ("file", "last", -1, "protocol.tie_seed must be a whole number from 0, got -1"),
        ("file", "last", "x", "protocol.tie_seed must be a whole number from 0, got 'x'"),
    ],
)  # fmt: skip
def test_wrong_values(tie_order: str, last_tie: str, tie_seed: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        split(TIED, tie_order, last_tie, tie_seed)
    assert str(caught.value) == message


EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=40)


@given(EVENTS, st.sampled_from(TIE_ORDERS), st.sampled_from(LAST_TIES), st.integers(0, 3))
def test_properties(events: list[tuple[int, int, int]], tie_order: str, last_tie: str, tie_seed: int) -> None:
    users, items, times = np.array([*events, (5, 0, 0), (5, 1, 0), (5, 2, 0)]).T
    data = encode(users, items, times)
    result = split(data, tie_order, last_tie, tie_seed)

    def bag(*some: Interactions) -> list[tuple[int, int, int]]:
        return sorted((int(u), int(i), int(t)) for x in some for u, i, t in zip(x.users, x.items, x.times, strict=True))

    assert bag(result.train, result.valid, result.test) == bag(data)  # disjoint and complete
    assert bag(result.train, result.valid) == bag(result.known)
    tested = np.flatnonzero(np.bincount(data.users, minlength=data.n_users) >= 3)
    assert result.test.users.tolist() == result.valid.users.tolist() == tested.tolist()
    for part in (result.train, result.known):
        keys = part.users.astype(int) * 10 + part.times
        assert (np.diff(keys) >= 0).all()  # grouped by user, in order of time
    for row, user in enumerate(tested):
        known = result.known.take(result.known.users == user)
        train_times = result.train.times[result.train.users == user]
        assert known.times.max() <= result.test.times[row]
        assert train_times.max() <= result.valid.times[row]
        if last_tie == "last":
            assert known.items[-1] == result.valid.items[row]


@given(EVENTS, st.sampled_from(TIE_ORDERS))
def test_distinct_times_leave_nothing_to_the_tie_order(events: list[tuple[int, int, int]], tie_order: str) -> None:
    users, items, _ = np.array([*events, (5, 0, 0), (5, 1, 0), (5, 2, 0)]).T
    data = encode(users, items, np.arange(len(users))[::-1])
    assert parts(split(data, tie_order, "last")) == parts(split(data, "file", "first"))


def test_random_ties_follow_the_seed() -> None:
    data = one_user(list(range(1, 61)), [0] * 60)
    orders = [parts(split(data, "random", tie_seed=seed))[3] for seed in (0, 0, 1)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != parts(split(data, "file"))[3]


def test_every_tied_event_can_be_the_last() -> None:
    data = one_user([1, 2, 3], [0, 0, 0])
    tests = [parts(split(data, "random", tie_seed=seed))[2][0] for seed in range(300)]
    shares = [tests.count(item) / 300 for item in ("1", "2", "3")]
    assert all(abs(share - 1 / 3) < 0.13 for share in shares)  # 4.8 standard errors


def hit_ratio(result: Split, k: int) -> float:
    """HR@k of the number of training events over unseen items, ties at their expected rank; not the suite's code."""
    counts = np.bincount(result.train.items, minlength=result.train.n_items + 1).astype(float)
    hits = 0.0
    for user, target in zip(result.test.users, result.test.items, strict=True):
        score = counts.copy()
        score[result.known.items[result.known.users == user]] = -1.0
        score[0] = -1.0
        above, equal = np.sum(score > score[target]), np.sum(score == score[target])
        hits += above + (equal + 1) / 2 <= k
    return hits / len(result.test)


@pytest.mark.skipif(
    not (Path(os.environ.get("ATTREC_BENCH_DATA", "/nonexistent")) / "ml-100k" / "u.data").is_file(),
    reason="needs $ATTREC_BENCH_DATA/ml-100k/u.data",
)
def test_movielens_100k() -> None:
    data = udata(Path(os.environ["ATTREC_BENCH_DATA"]) / "ml-100k" / "u.data", titles=None, min_rating=None)
    result = split(data)
    assert (len(result.train), len(result.valid), len(result.test)) == (98_114, 943, 943)
    # exact values of an independent implementation; ties in time move them
    assert round(hit_ratio(result, 50), 4) == 0.1972
    assert round(hit_ratio(split(data, "file_reversed"), 10), 4) == 0.0848
    assert round(hit_ratio(split(data, "item"), 50), 4) == 0.1400
    sample = split(data, "file", "first")
    assert not np.array_equal(sample.test.items, result.test.items)
