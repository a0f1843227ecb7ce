import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attrec_bench.data.interactions import PAD
from attrec_bench.evaluation.metrics import means
from attrec_bench.evaluation.ranks import BLOCK, block_size, parts, queries, ranks
from attrec_bench.kernels.counting import expected_ranks, plain_expected_ranks
from tests.small import histories, random_histories

CPU = torch.device("cpu")


class Table:
    """A scorer that reads its scores from a table [U, I+1]."""

    maxlen = 0

    def __init__(self, scores: Tensor) -> None:
        self.scores = scores

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return self.scores[users]


def by_hand(scores: list[float], target: int, seen: set[int]) -> float:
    others = [s for item, s in enumerate(scores) if item not in seen | {PAD, target}]
    return 1 + sum(s > scores[target] for s in others) + sum(s == scores[target] for s in others) / 2


def test_seen_items_and_padding_do_not_count_and_ties_count_half() -> None:
    scores = torch.tensor([[99.0, 5, 4, 3, 3, 3, 1]])
    history, target = histories([[1, 6]], 6), histories([[3]], 6)
    # Unseen rivals of item 3: item 2 is better, items 4 and 5 tie; item 1 is seen, column 0 is padding.
    assert ranks(Table(scores), queries(history, target, maxlen=0, device=CPU)).tolist() == [1 + 1 + 2 / 2]


def test_a_target_that_was_seen_before_can_still_be_found() -> None:
    scores = torch.tensor([[0.0, 5, 4, 3]])
    assert ranks(Table(scores), queries(histories([[1, 2]], 3), histories([[2]], 3), maxlen=0, device=CPU)) == [1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_ranks_equal_a_loop_over_items(seed: int) -> None:
    history = random_histories(6, 9, seed, longest=6)
    random = np.random.default_rng(seed)
    wanted = [int(random.integers(1, 10)) for _ in range(6)]
    scores = torch.from_numpy(random.integers(0, 4, (6, 10)).astype(np.float32))
    found = ranks(Table(scores), queries(history, histories([[i] for i in wanted], 9), maxlen=0, device=CPU))
    for user, target in enumerate(wanted):
        seen = set(history.items[history.offsets[user] : history.offsets[user + 1]].tolist())
        assert found[user] == by_hand(scores[user].tolist(), target, seen - {target})


def test_a_constant_scorer_gets_the_middle_rank() -> None:
    history = random_histories(50, 40, seed=3, longest=10)
    unseen = 40 - np.diff(history.offsets)
    targets = histories(
        [
            [next(i for i in range(1, 41) if i not in set(history.items[a:b]))]
            for a, b in zip(history.offsets[:-1], history.offsets[1:], strict=True)
        ],
        40,
    )
    found = ranks(Table(torch.zeros(50, 41)), queries(history, targets, maxlen=0, device=CPU))
    assert found.tolist() == ((unseen + 1) / 2).tolist()
    assert means(found)["HR@10"] == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_not_finite_is_an_error_that_names_the_model(bad: float) -> None:
    scores = torch.zeros(2, 4)
    scores[1, 3] = bad
    asked = queries(histories([[1], [1]], 3), histories([[2], [2]], 3), maxlen=0, device=CPU)
    with pytest.raises(FloatingPointError, match="mine gave a score that is NaN or infinite"):
        ranks(Table(scores), asked, name="mine")


def test_padding_may_score_anything() -> None:
    scores = torch.tensor([[float("nan"), 2.0, 1.0]])
    assert ranks(Table(scores), queries(histories([[1]], 2), histories([[2]], 2), maxlen=0, device=CPU)) == [1]


def test_windows_are_the_last_items_of_the_history() -> None:
    asked = queries(histories([[1, 2, 3], [4], []], 9), histories([[5], [5], [5]], 9), maxlen=2, device=CPU)
    assert asked.windows.tolist() == [[2, 3], [PAD, 4], [PAD, PAD]]


def test_expected_ranks_of_a_worked_case() -> None:
    scores = torch.tensor([[0.0, 1, 2, 2], [0.0, 3, 1, 2]])
    rows, seen = torch.tensor([1]), torch.tensor([1])
    # Row 0, target 2: nobody better, item 3 ties: 1.5. Row 1, target 2: item 1 is seen, item 3 better: 2.
    found, finite = expected_ranks(scores, torch.tensor([2, 2]), rows, seen)
    assert (found.tolist(), bool(finite)) == ([1.5, 2.0], True)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([None, "nan", "inf", "-inf"]))
def test_compiled_and_plain_ranks_agree(seed: int, odd: str | None) -> None:
    random = np.random.default_rng(seed)
    scores = torch.from_numpy(random.integers(-3, 4, (5, 70)).astype(np.float32))
    targets = torch.from_numpy(random.integers(1, 70, 5))
    pairs = [(row, item) for row in range(5) for item in range(1, 70) if random.random() < 0.2 and item != targets[row]]
    rows, seen = (torch.tensor([pair[k] for pair in pairs]) for k in (0, 1))
    if odd is not None:
        scores[int(random.integers(5)), int(random.integers(1, 70))] = float(odd)
    given = (scores, targets, rows, seen)
    for compiled, plain in zip(expected_ranks(*given), plain_expected_ranks(*given), strict=True):
        assert torch.equal(compiled, plain)


@given(st.integers(1, 50_000), st.sampled_from([16, 128, 512]))
def test_blocks_are_whole_chunks_that_fit_and_hardly_a_row_is_ranked_twice(n: int, size: int) -> None:
    block = block_size(n, size)
    assert block <= max(BLOCK, size)
    assert n <= size or block % size == 0
    blocks = list(parts(n, block))
    done = sum(part.stop - part.start for part in blocks)
    assert n <= done <= n + size * len(blocks)
