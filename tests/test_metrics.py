import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrec_bench.errors import InputError
from attrec_bench.evaluation.metrics import METRICS, means, per_user


def test_worked_case() -> None:
    found = means(np.array([1.0, 3.0, 10.5, 60.0]), ("HR@1", "HR@10", "HR@50", "NDCG@10", "NDCG@50", "MRR"))
    assert found == pytest.approx(
        {
            "HR@1": 1 / 4,
            "HR@10": 2 / 4,
            "HR@50": 3 / 4,
            "NDCG@10": (1 + 1 / 2) / 4,  # log2(1 + 3) = 2
            "NDCG@50": (1 + 1 / 2 + 1 / np.log2(11.5)) / 4,
            "MRR": (1 + 1 / 3 + 1 / 10.5 + 1 / 60) / 4,
        }
    )


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.sampled_from(METRICS))
def test_a_better_rank_never_scores_worse(a: float, b: float, name: str) -> None:
    better, worse = per_user(name, np.array([min(a, b), max(a, b)]))
    assert 0 <= worse <= better <= 1


@pytest.mark.parametrize("name", ["HR", "HR@0", "hr@10", "Foo@10", "MRR@"])
def test_an_unknown_metric_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"got {name!r}"):
        per_user(name, np.array([1.0]))
