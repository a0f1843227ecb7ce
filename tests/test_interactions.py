import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrec_bench.data.interactions import PAD, Interactions, encode

IDS = np.array([30, 4, 30, 4, 7])
TIMES = np.array([5, 1, 5, 2, 9])


def small() -> Interactions:
    return encode(np.array(["b", "a", "b", "a", "a"]), IDS, TIMES, {"4": "Four", "7": "Seven"})


def test_ids_are_dense_ascending_and_reversible() -> None:
    data = small()
    assert data.users.tolist() == [1, 0, 1, 0, 0]
    assert data.items.tolist() == [3, 1, 3, 1, 2]
    assert data.item_ids.tolist() == ["", "4", "7", "30"]  # 7 before 30: numbers sort as numbers
    assert data.user_ids.tolist() == ["a", "b"]
    assert data.item_ids[PAD] == ""


def test_text_ids_sort_as_text() -> None:
    assert encode(np.array([1]), np.array(["30"]), np.array([0])).item_ids.tolist() == ["", "30"]
    assert encode(np.zeros(2), np.array(["7", "30"]), np.arange(2)).item_ids.tolist() == ["", "30", "7"]


def test_an_item_without_title_shows_its_id() -> None:
    titles = small().titles
    assert titles is not None
    assert titles.tolist() == ["", "Four", "Seven", "30"]


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1))
def test_encode_can_be_undone(pairs: list[tuple[int, int]]) -> None:
    users, items = np.array(pairs).T
    data = encode(users, items, np.arange(len(pairs)))
    assert data.user_ids[data.users].tolist() == users.astype(str).tolist()
    assert data.item_ids[data.items].tolist() == items.astype(str).tolist()
    assert data.items.min() >= 1


def test_arrays_are_frozen() -> None:
    with pytest.raises(ValueError, match="read-only"):
        small().items[0] = 1


def test_take_keeps_ids_and_name() -> None:
    part = small().take(np.array([4, 0]))
    assert part.items.tolist() == [2, 3]
    assert part.times.tolist() == [9, 5]
    assert (part.n_users, part.n_items, len(part)) == (2, 3, 2)


def test_offsets_cut_events_by_user() -> None:
    data = small().take(np.array([1, 3, 4, 0, 2]))
    assert data.offsets.tolist() == [0, 3, 5]
    assert data.take(np.array([3])).offsets.tolist() == [0, 0, 1]  # a user without an event
    with pytest.raises(ValueError, match="grouped by user"):
        _ = small().offsets


@pytest.mark.parametrize(
    ("users", "items", "times"),
    [([0, 2], [1, 1], [0, 0]), ([-1, 0], [1, 1], [0, 0]), ([0, 0], [0, 1], [0, 0]), ([0, 0], [1, 3], [0, 0])],
)
def test_indices_outside_the_ids_are_refused(users: list[int], items: list[int], times: list[int]) -> None:
    ids = np.array(["a", "b"]), np.array(["", "x", "y"])
    with pytest.raises(ValueError, match="must lie in"):
        Interactions(np.array(users), np.array(items), np.array(times), *ids)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="equally long"):
        Interactions(np.array([0]), np.array([1, 1]), np.array([0]), np.array(["a"]), np.array(["", "x"]))


def test_sha256_sees_every_event_and_its_place() -> None:
    same, moved = small(), small().take(np.array([1, 0, 2, 3, 4]))
    later = encode(np.array(["b", "a", "b", "a", "a"]), IDS, TIMES + 1)
    renamed = encode(np.array(["b", "a", "b", "a", "a"]), IDS + (IDS == 30), TIMES)
    assert same.sha256 == small().sha256
    assert len({same.sha256, moved.sha256, later.sha256, renamed.sha256}) == 4
