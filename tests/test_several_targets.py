"""Metrics of lists with several targets: Caser's, against a walk down the list."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrec_bench.evaluation.candidates import ranks_in
from attrec_bench.evaluation.metrics import per_user
from tests.test_candidates import asked, several
from tests.test_ranks import Table


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_precision_recall_and_map_are_those_of_a_walk_down_the_list(seed: int) -> None:
    """Caser's evaluation: sort all items, drop what was seen, walk down and count the user's test items."""
    history, targets = several(5, 12, seed)
    scores = torch.from_numpy(np.random.default_rng(seed).permutation(65).reshape(5, 13).astype(np.float32))
    result = asked(history, targets)
    rank = ranks_in(Table(scores), result)
    for user in range(5):
        seen, wanted = (set(part.items[part.users == user].tolist()) for part in (history, targets))
        listed = [item for item in np.argsort(-scores[user].numpy()).tolist() if item not in seen | {0}]
        hits = np.array([item in wanted for item in listed])
        at = np.cumsum(hits)
        expected = {
            "Precision@5": at[4] / 5,
            "Recall@5": at[4] / len(wanted),
            "MAP": float((at / np.arange(1, len(at) + 1))[hits].mean()),
            "HR@1": float(hits[0]),
        }
        for name, value in expected.items():
            assert per_user(name, rank, result.users)[user] == pytest.approx(value)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["HR@3", "NDCG@3", "Precision@3", "Recall@3", "MRR", "MAP"]))
def test_metrics_of_real_lists_lie_between_0_and_1_and_rise_with_a_targets_score(seed: int, metric: str) -> None:
    history, targets = several(5, 12, seed)
    random = np.random.default_rng(seed)
    scores = torch.from_numpy(random.integers(0, 4, (5, 13)).astype(np.float32))
    result = asked(history, targets)
    low = per_user(metric, ranks_in(Table(scores), result), result.users)
    lucky = int(random.integers(len(result.users)))
    scores[result.users[lucky], result.items[lucky]] += int(random.integers(1, 4))
    high = per_user(metric, ranks_in(Table(scores), result), result.users)
    assert (low <= 1 + 1e-12).all()
    assert (low >= 0).all()
    assert (high >= low - 1e-12).all()
