from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrec_bench.data.interactions import PAD
from attrec_bench.errors import InputError
from attrec_bench.training.batches import (
    Batches,
    Unseen,
    all_but_targets,
    batches,
    derived_seed,
    generator,
    never_targets,
    positions,
)
from tests.small import batches_of, histories, random_histories

CPU = torch.device("cpu")
SETTINGS: dict[str, Any] = {
    "negatives": 1,
    "negatives_from": "unseen",
    "negatives_redrawn": True,
    "drop_last": False,
    "drawn_by": "window",
    "seed": 0,
    "device": CPU,
}


def rows(lists: list[list[int]], maxlen: int, T: int, windows: str) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    made = batches(histories(lists, 9), maxlen=maxlen, T=T, windows=windows, batch_size=4, **SETTINGS)
    return {
        (tuple(window.tolist()), tuple(target.tolist()))
        for batch in made.epoch(1)
        for window, target in zip(batch.windows, batch.targets, strict=True)
    }


def test_full_windows_slide_whole_and_a_short_user_gives_one_padded_window() -> None:
    assert rows([[1, 2, 3, 4, 5, 6], [7, 8, 9]], 2, 2, "full") == {
        ((1, 2), (3, 4)),
        ((2, 3), (4, 5)),
        ((3, 4), (5, 6)),
        ((PAD, 7), (8, 9)),
    }


def test_padded_windows_start_at_the_second_event_and_end_at_the_last() -> None:
    assert rows([[1, 2, 3, 4], [7]], 2, 2, "padded") == {((PAD, 1), (2, 3)), ((1, 2), (3, 4)), ((2, 3), (4, PAD))}


def test_a_model_without_windows_has_every_event_as_a_target() -> None:
    assert rows([[1, 2], [7]], 0, 1, "padded") == {((), (1,)), ((), (2,)), ((), (7,))}


def test_sequences_are_cut_from_the_end_and_their_targets_are_the_items_after_each_position() -> None:
    assert rows([[1, 2, 3, 4, 5, 6], [7, 8, 9], [5, 6], [4]], 2, 2, "sequences") == {
        ((PAD, 1), (PAD, 2)),
        ((2, 3), (3, 4)),
        ((4, 5), (5, 6)),
        ((7, 8), (8, 9)),
        ((PAD, 5), (PAD, 6)),
    }


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 999), st.integers(0, 5), st.integers(1, 3), st.sampled_from(["full", "padded"]))
def test_the_share_that_is_never_a_target_is_that_of_all_batches(seed: int, maxlen: int, T: int, windows: str) -> None:
    data = random_histories(6, 15, seed, shortest=2)
    made = batches(data, maxlen=maxlen, T=T, windows=windows, batch_size=3, **SETTINGS)
    places = replace(made, items=torch.arange(1, len(data) + 1, dtype=torch.int32))  # each event is an item of its own
    met = {place for batch in places.epoch(1) for place in batch.targets.flatten().tolist() if place != PAD}
    later = len(data) - data.n_users if maxlen else len(data)
    assert never_targets(data, maxlen=maxlen, T=T, windows=windows) == pytest.approx(1 - len(met) / later)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 999), st.integers(1, 5), st.integers(1, 3))
def test_in_sequences_every_event_but_a_users_first_is_a_target_once(seed: int, maxlen: int, negatives: int) -> None:
    data = random_histories(6, 15, seed)
    made = batches(
        data, maxlen=maxlen, T=maxlen, windows="sequences", batch_size=3, **SETTINGS | {"negatives": negatives}
    )
    found = Counter[tuple[int, int, int]]()
    for batch in made.epoch(1):
        user = batch.users[:, None].expand_as(batch.windows)
        real = batch.windows != PAD
        assert torch.equal(real, batch.targets != PAD)
        assert not bool((real[:, :-1] & ~real[:, 1:]).any())
        assert batch.negatives.shape == (len(user), maxlen * negatives)
        columns = (part[real].tolist() for part in (user, batch.windows, batch.targets))
        found.update(zip(*columns, strict=True))
    steps = zip(data.users, data.users[1:], data.items, data.items[1:], strict=False)
    assert found == Counter((int(u), int(i), int(j)) for u, w, i, j in steps if u == w)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 4), st.integers(1, 3))
def test_every_window_stands_before_its_targets_in_one_user(seed: int, maxlen: int, T: int) -> None:
    data = random_histories(5, 15, seed, shortest=2)
    sequences = [data.items[a:b].tolist() for a, b in zip(data.offsets[:-1], data.offsets[1:], strict=True)]
    made = batches(data, maxlen=maxlen, T=T, windows="padded", batch_size=7, **SETTINGS)
    for batch in made.epoch(1):
        for user, window, target in zip(batch.users.tolist(), batch.windows, batch.targets, strict=True):
            together = [item for item in [*window.tolist(), *target.tolist()] if item != PAD]
            at = sequences[user].index(together[0])
            assert sequences[user][at : at + len(together)] == together


def test_an_epoch_visits_every_position_once_and_its_number_decides_the_order() -> None:
    data = random_histories(20, 30, seed=1, shortest=3)
    made = batches(data, maxlen=2, T=1, windows="padded", batch_size=8, **SETTINGS)

    def targets(number: int) -> list[tuple[int, int]]:
        return [
            (u, t) for b in made.epoch(number) for u, t in zip(b.users.tolist(), b.targets[:, 0].tolist(), strict=True)
        ]

    expected = Counter(
        (int(data.users[p]), int(data.items[p])) for p in positions(data, maxlen=2, T=1, windows="padded")
    )
    assert Counter(targets(1)) == expected
    assert targets(1) == targets(1)
    assert targets(1) != targets(2)


def test_drawn_by_user_users_have_equal_chances_and_so_have_the_windows_of_each() -> None:
    """A user of one event has no window; the others have 1, 3 and 9."""
    data = histories([[1, 2], [3], [4, 5, 6, 7], list(range(8, 18))], 20)
    made = batches(data, maxlen=2, T=1, windows="padded", batch_size=5, **SETTINGS | {"drawn_by": "user"})
    epochs = 3000
    drawn = Counter(int(target) for epoch in range(epochs) for batch in made.epoch(epoch) for target in batch.targets)
    assert sum(drawn.values()) == 13 * epochs
    for events in ([2], [5, 6, 7], list(range(9, 18))):
        mean = 13 * epochs / 3 / len(events)
        # Six standard deviations of a binomial count.
        assert all(abs(drawn[event] - mean) < 6 * mean**0.5 for event in events)
    assert [b.targets.tolist() for b in made.epoch(1)] == [b.targets.tolist() for b in made.epoch(1)]


def test_drop_last_leaves_out_the_smaller_batch_only() -> None:
    data = histories([[1, 2, 3, 4, 5, 6]], 9)
    kept = batches(data, maxlen=1, T=1, windows="padded", batch_size=2, **SETTINGS | {"drop_last": True})
    whole = batches(data, maxlen=1, T=1, windows="padded", batch_size=2, **SETTINGS)
    assert [len(b.users) for b in kept.epoch(1)] == [2, 2]
    assert [len(b.users) for b in whole.epoch(1)] == [2, 2, 1]
    assert (len(kept), len(whole)) == (2, 3)


@pytest.mark.parametrize("changed", [{}, {"drop_last": True}, {"negatives_redrawn": False}, {"drawn_by": "user"}])
@pytest.mark.parametrize("negatives_from", ["unseen", "all_but_targets", "all"])
def test_batches_gathered_several_at_a_time_are_those_gathered_one_by_one(
    changed: dict[str, object], negatives_from: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = random_histories(20, 30, seed=1, shortest=3)
    made = batches_of(data, 2, 2, batch_size=8, negatives=3, negatives_from=negatives_from, **changed)
    alone = list(made.epoch(1))
    assert len(alone) == len(made) > 6
    for several in (4, 1000):
        monkeypatch.setattr(Batches, "together", several)
        together = list(made.epoch(1))
        assert len(together) == len(alone)
        for one, other in zip(alone, together, strict=True):
            assert all(getattr(one, name).equal(getattr(other, name)) for name in vars(one))


def test_unseen_draws_every_unseen_item_equally_often_and_nothing_else() -> None:
    data = histories([[2, 3, 7], [1], [1, 2, 3, 4, 5, 6, 7, 8]], 9)
    draws = 20_000
    drawn = Unseen.of(data, CPU).draw(torch.tensor([0, 1, 2]), draws, generator(0, "test"))
    for row, seen in zip(drawn, ({2, 3, 7}, {1}, {1, 2, 3, 4, 5, 6, 7, 8}), strict=True):
        counts, expected = Counter(row.tolist()), set(range(1, 10)) - seen
        assert set(counts) == expected
        mean = draws / len(expected)
        # Six standard deviations of a binomial count: a fair draw fails once in 10^8 runs, and the seed is fixed.
        assert all(abs(n - mean) < 6 * np.sqrt(mean) for n in counts.values())


def test_all_but_targets_leaves_out_the_rows_own_targets_and_nothing_else() -> None:
    targets = torch.tensor([[3, 1, 2], [5, 5, PAD]])
    drawn = all_but_targets(targets, 20_000, 6, generator(0, "test"))
    for row, free in zip(drawn, ({4, 5, 6}, {1, 2, 3, 4, 6}), strict=True):
        counts = Counter(row.tolist())
        assert set(counts) == free
        assert all(abs(n - 20_000 / len(free)) < 6 * np.sqrt(20_000 / len(free)) for n in counts.values())


def test_a_user_who_has_met_every_item_is_named() -> None:
    with pytest.raises(InputError, match="user u1 has met all 3 items"):
        Unseen.of(histories([[1], [1, 2, 3]], 3), CPU)


@pytest.mark.parametrize("windows", ["padded", "sequences"])
@pytest.mark.parametrize("redrawn", [True, False])
def test_a_window_keeps_its_negatives_where_they_are_not_redrawn(
    redrawn: bool, windows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another order and in other batches, an epoch shows each window with the negatives of the one before."""
    monkeypatch.setattr("attrec_bench.training.batches.CHUNK", 7)
    data, T = random_histories(8, 30, seed=3, shortest=4), 2

    def new() -> Batches:
        return batches(data, maxlen=2, T=T, windows=windows, batch_size=5, **SETTINGS | {"negatives_redrawn": redrawn})

    def shown(made: Batches, epoch: int) -> list[list[tuple[int, ...]]]:
        return [
            [(int(user), *window, *target), tuple(drawn)]
            for batch in made.epoch(epoch)
            for user, window, target, drawn in zip(
                batch.users.tolist(),
                batch.windows.tolist(),
                batch.targets.tolist(),
                batch.negatives.tolist(),
                strict=True,
            )
        ]

    made = new()
    first, second = shown(made, 1), shown(made, 2)
    assert shown(new(), 2) == second, "a training that goes on after a stop has no first epoch to draw in"
    assert first != second, "the order is another one in each epoch"
    assert [each[0] for each in sorted(first)] == [each[0] for each in sorted(second)]
    assert (sorted(first) == sorted(second)) is not redrawn
    for (user, *_), drawn in first:
        assert not set(drawn) & set(data.items[data.users == user].tolist())
        assert len(drawn) == T


def test_seeds_of_different_purposes_differ() -> None:
    seeds = {
        derived_seed(seed, purpose, n) for seed in range(3) for purpose in ("order", "negatives") for n in range(3)
    }
    assert len(seeds) == 18


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 0}, "train.batch_size must be a whole number of at least 1, got 0"),
        ({"negatives": 1.5}, "train.negatives must be a whole number of at least 0, got 1.5"),
        ({"drop_last": "no"}, "train.drop_last must be true or false, got 'no'"),
        ({"negatives_redrawn": 0}, "train.negatives_redrawn must be true or false, got 0"),
        ({"drawn_by": "event"}, "train.drawn_by must be one of window, user, got 'event'"),
        ({"negatives_from": "unsen"}, "did you mean 'unseen'"),
        ({"windows": "whole"}, "train.windows must be one of full, padded, sequences, got 'whole'"),
        ({"windows": "sequences"}, "train.windows=sequences needs T = maxlen of at least 1, got T=1 and maxlen=2"),
    ],
)
def test_errors_name_the_value_and_the_rule(changed: dict[str, object], message: str) -> None:
    given: dict[str, Any] = {"maxlen": 2, "T": 1, "windows": "full", "batch_size": 2} | SETTINGS | changed
    with pytest.raises(InputError, match=message):
        batches(histories([[1, 2, 3]], 5), **given)
