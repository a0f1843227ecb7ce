"""Lists other than the plain one: several targets a user, drawn candidates, ties of both extremes."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attrec_bench.data.interactions import Interactions
from attrec_bench.errors import InputError
from attrec_bench.evaluation.candidates import PLAIN, TIES, Lists, Ranking, lists, places, ranks_in
from attrec_bench.kernels.standing import plain_standings, standings
from tests.small import histories, random_histories
from tests.test_ranks import Table

CPU = torch.device("cpu")
DEFAULTS: dict[str, Any] = {"candidates": "full", "seed": 0, "ties": "expected"}


def asked(history: Interactions, targets: Interactions, purpose: str = "test", **changed: Any) -> Lists:
    ranking = Ranking(**DEFAULTS | changed)
    return lists(history, targets, ranking, maxlen=0, device=CPU, purpose=purpose)


def found(scores: Tensor, history: Interactions, targets: Interactions, **changed: Any) -> list[float]:
    return list(ranks_in(Table(scores), asked(history, targets, **changed)))


def several(n_users: int, n_items: int, seed: int) -> tuple[Interactions, Interactions]:
    """Histories, and one to four distinct targets a user that stand in no history."""
    random = np.random.default_rng(seed)
    orders = [(random.permutation(n_items) + 1).tolist() for _ in range(n_users)]
    cuts = [(int(random.integers(1, 5)), int(random.integers(1, 5))) for _ in orders]
    seen = [order[:a] for order, (a, _) in zip(orders, cuts, strict=True)]
    wanted = [order[a : a + b] for order, (a, b) in zip(orders, cuts, strict=True)]
    return histories(seen, n_items), histories(wanted, n_items)


def test_all_targets_of_a_user_stand_in_one_list() -> None:
    scores = torch.tensor([[99.0, 9, 8, 7, 6, 5, 4]])
    # Item 1 is seen; the list is 2 3 4 5 6 and its targets 3 and 5 stand second and fourth.
    assert found(scores, histories([[1]], 6), histories([[5, 3]], 6)) == [4, 2]


def test_an_item_that_is_a_target_twice_is_one() -> None:
    result = asked(histories([[1], [2]], 6), histories([[5, 3, 5], [4]], 6))
    assert (result.users.tolist(), result.items.tolist()) == ([0, 0, 1], [5, 3, 4])


def test_a_target_that_was_seen_before_can_still_be_found() -> None:
    scores = torch.tensor([[0.0, 9, 8, 7, 6]])
    assert found(scores, histories([[1, 2]], 4), histories([[2, 4]], 4)) == [1, 3]  # the list: 2 3 4


def test_unmasked_lists_hold_what_was_seen() -> None:
    scores = torch.tensor([[0.0, 9, 8, 7, 6]])
    assert found(scores, histories([[1, 2]], 4), histories([[3]], 4), masked=False) == [3]
    assert found(scores, histories([[1, 2]], 4), histories([[3, 4]], 4), masked=False) == [3, 4]


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        # above nobody; 3 targets and 2 others tie: the j-th target is at j * (5 + 1) / (3 + 1); item 6 comes last
        ("expected", [1.5, 3, 4.5, 6]),
        ("optimistic", [1, 2, 3, 6]),
        ("pessimistic", [3, 4, 5, 6]),
    ],
)
def test_targets_that_tie_share_the_places_by_hand(ties: str, expected: list[float]) -> None:
    scores = torch.tensor([[0.0, 2, 2, 2, 2, 2, 1]])
    assert found(scores, histories([[]], 6), histories([[1, 2, 3, 6]], 6), ties=ties) == expected


def test_expected_places_are_the_mean_over_all_orders_of_the_tied() -> None:
    """Two targets among five that tie: the mean of the smaller and of the larger place over the 10 pairs of places."""
    pairs = np.array([(a, b) for a in range(1, 6) for b in range(a + 1, 6)])
    rank = places(np.array([0, 0]), np.array([7, 7]), np.array([4, 4]), "expected")
    assert rank == pytest.approx(7 + pairs.mean(axis=0))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(TIES))
def test_ranks_equal_sorted_lists(seed: int, ties: str) -> None:
    """Sort each user's list by score, targets first or last among equals, and look where the targets stand."""
    history, targets = several(5, 12, seed)
    scores = torch.from_numpy(np.random.default_rng(seed).integers(0, 4, (5, 13)).astype(np.float32))
    result = asked(history, targets, ties=ties)
    got = ranks_in(Table(scores), result)
    for user in range(5):
        seen = set(history.items[history.users == user].tolist())
        wanted = set(targets.items[targets.users == user].tolist())
        unseen = [(-float(scores[user, i]), i in wanted) for i in range(1, 13) if i not in seen]
        low, high = (
            [place for place, (_, is_target) in enumerate(sorted(unseen, key=by), 1) if is_target]
            for by in (lambda pair: (pair[0], not pair[1]), lambda pair: pair)
        )
        mine = sorted(got[result.users == user])
        assert mine == {"optimistic": low, "pessimistic": high}.get(ties, mine)
        assert all(a <= r <= b for a, r, b in zip(low, mine, high, strict=True))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_one_target_a_user_is_the_plain_rank(seed: int) -> None:
    """The general path against the fast one: a list that holds all unseen items, drawn, is the full list."""
    history = random_histories(6, 9, seed, shortest=4, longest=4)
    random = np.random.default_rng(seed)
    unseen = [sorted(set(range(1, 10)) - set(history.items[history.users == user].tolist())) for user in range(6)]
    targets = histories([[int(random.choice(items))] for items in unseen], 9)
    scores = torch.from_numpy(random.integers(0, 4, (6, 10)).astype(np.float32))
    plain = found(scores, history, targets)
    assert found(scores, history, targets, candidates="uniform-4") == plain
    low, high = (np.array(found(scores, history, targets, ties=ties)) for ties in ("optimistic", "pessimistic"))
    assert ((low + high) / 2).tolist() == plain


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_compiled_and_plain_standings_agree(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = torch.from_numpy(random.integers(-3, 4, (5, 30)).astype(np.float32))
    rows = torch.from_numpy(np.sort(random.integers(0, 5, 12)))
    targets = torch.from_numpy(random.integers(1, 30, 12))
    taken = set(zip(rows.tolist(), targets.tolist(), strict=True))
    pairs = [(r, i) for r in range(5) for i in range(1, 30) if random.random() < 0.3 and (r, i) not in taken]
    seen_rows, seen = (torch.tensor([pair[k] for pair in pairs], dtype=torch.int32) for k in (0, 1))
    given = (scores, rows, targets, seen_rows, seen)
    for compiled, plain in zip(standings(*given), plain_standings(*given), strict=True):
        assert torch.equal(compiled, plain)


@pytest.mark.parametrize("candidates", ["uniform-5", "popularity-5"])
def test_candidates_are_distinct_unseen_items_beside_all_targets(candidates: str) -> None:
    history, targets = several(40, 30, seed=1)
    result = asked(history, targets, candidates=candidates)
    assert result.drawn is not None
    for user, row in enumerate(result.drawn.tolist()):
        wanted = targets.items[targets.users == user].tolist()
        listed = [item for item in row if item]
        assert len(set(listed)) == len(listed) == 5 + len(wanted)
        assert set(wanted) <= set(listed)
        assert not (set(listed) - set(wanted)) & set(history.items[history.users == user].tolist())


def test_the_draw_follows_its_seed_and_purpose_alone() -> None:
    history, targets = several(40, 30, seed=1)

    def drawn(**changed: Any) -> list[list[int]]:
        table = asked(history, targets, candidates="uniform-5", **changed).drawn
        assert table is not None
        return list(table.tolist())

    assert drawn() == drawn()
    assert drawn() != drawn(seed=1)
    assert drawn() != drawn(purpose="valid")


def test_uniform_draws_are_uniform_and_popular_ones_follow_the_counts() -> None:
    n_users = 3000
    # A last user gives items 2, 3, 4 the counts 1, 2, 5; the others have seen item 1 and look for item 5.
    history = histories([*([[1]] * n_users), [2, 3, 3, 4, 4, 4, 4, 4]], 6)
    targets = histories([[5]] * n_users, 6)
    for candidates, shares in (("uniform-1", [1 / 4] * 4), ("popularity-1", [1 / 8, 2 / 8, 5 / 8, 0])):
        drawn = asked(history, targets, candidates=candidates).drawn
        assert drawn is not None
        counts = np.bincount(drawn[:, 0].numpy(), minlength=7)
        assert counts[[0, 1, 5]].tolist() == [0, 0, 0]
        for item, share in zip((2, 3, 4, 6), shares, strict=True):
            error = np.sqrt(share * (1 - share) / n_users)
            assert abs(counts[item] / n_users - share) <= 4.5 * error


def test_a_constant_scorer_gets_chance_among_the_drawn() -> None:
    history, targets = random_histories(50, 40, seed=3, longest=10), histories([[1]] * 50, 40)
    rank = found(torch.zeros(50, 41), history, targets, candidates="uniform-9")
    assert rank == [5.5] * 50


def test_a_score_that_is_not_finite_is_an_error_that_names_the_model() -> None:
    scores = torch.zeros(2, 4)
    scores[1, 3] = torch.nan
    asked_for = asked(histories([[1], [1]], 3), histories([[2, 3], [2]], 3))
    with pytest.raises(FloatingPointError, match="mine gave a score that is NaN or infinite"):
        ranks_in(Table(scores), asked_for, name="mine")


def test_fewer_unseen_items_than_are_to_be_drawn_are_an_error_that_names_the_user() -> None:
    history, targets = histories([[1], [1, 2]], 5), histories([[5], [5]], 5)
    assert len(found(torch.zeros(2, 6), history, targets, candidates="uniform-2")) == 2
    with pytest.raises(InputError, match=r"protocol.candidates=uniform-3 must leave user u1 3, got 2"):
        asked(history, targets, candidates="uniform-3")
    with pytest.raises(InputError, match=r"protocol.candidates=popularity-1 must leave user u1 1, got 0"):
        asked(history, targets, candidates="popularity-1")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"candidates": "uniform"}, "protocol.candidates must be full, uniform-N or popularity-N, got 'uniform'"),
        ({"candidates": "uniform-0"}, "protocol.candidates must be full, uniform-N or popularity-N, got 'uniform-0'"),
        ({"seed": -1}, "protocol.candidates_seed must be a whole number of at least 0, got -1"),
        ({"ties": "best"}, "protocol.ties must be one of expected, optimistic, pessimistic, got 'best'"),
    ],
)
def test_wrong_values(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Ranking(**DEFAULTS | changed)
    assert str(caught.value) == message


def test_what_is_plain_takes_the_fast_path() -> None:
    history, one = histories([[1], [2]], 5), histories([[3], [3]], 5)
    assert lists(history, one, PLAIN, maxlen=0, device=CPU, purpose="test").plain
    assert not asked(history, histories([[3], [3, 4]], 5)).plain
    assert not asked(history, one, ties="optimistic").plain
    assert not asked(history, one, candidates="uniform-1").plain
