import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrec_bench.errors import InputError
from attrec_bench.evaluation.metrics import METRICS, OF_SEVERAL, means, per_user


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


def test_worked_case_of_several_targets_a_user() -> None:
    # User 3 has targets at 1, 4 and 12, user 7 one at 2; they need not come in order.
    ranks, users = np.array([12.0, 1.0, 2.0, 4.0]), np.array([3, 3, 7, 3])
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    expected: dict[str, list[float]] = {
        "HR@1": [1, 0],
        "MRR": [1, 1 / 2],
        "Precision@1": [1, 0],
        "Precision@5": [2 / 5, 1 / 5],
        "Recall@1": [1 / 3, 0],
        "Recall@5": [2 / 3, 1],
        "NDCG@10": [(1 + 1 / np.log2(5)) / ideal, 1 / np.log2(3)],
        "NDCG@2": [1 / (1 + 1 / np.log2(3)), 1 / np.log2(3)],
        "MAP": [(1 / 1 + 2 / 4 + 3 / 12) / 3, 1 / 2],
    }
    for name, values in expected.items():
        assert per_user(name, ranks, users) == pytest.approx(values)
        assert means(ranks, [name], users)[name] == pytest.approx(np.mean(values))


@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=8))
def test_one_target_a_user_makes_pairs_of_metrics_equal(ranks: list[float]) -> None:
    one = np.array(ranks)
    assert per_user("HR@10", one).tolist() == per_user("Recall@10", one).tolist()
    assert per_user("MRR", one).tolist() == per_user("MAP", one).tolist()
    assert per_user("HR@5", one).tolist() == pytest.approx((5 * per_user("Precision@5", one)).tolist())
    assert means(one, users=np.arange(len(one)) * 2) == means(one)


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True),
    st.data(),
    st.sampled_from([*METRICS, *OF_SEVERAL, "NDCG@3"]),
)
def test_a_better_rank_of_one_of_several_targets_never_scores_worse(
    ranks: list[int], data: st.DataObject, name: str
) -> None:
    lucky = data.draw(st.sampled_from(ranks))
    better = data.draw(st.integers(1, lucky))
    moved = [better if rank == lucky else rank + (better <= rank < lucky) for rank in ranks]  # who it passes steps back
    worse_value, better_value = (
        per_user(name, np.array(r, dtype=float), np.zeros(len(r), dtype=int))[0] for r in (ranks, moved)
    )
    assert 0 <= worse_value <= better_value + 1e-12
    assert better_value <= 1 + 1e-12


def test_the_metrics_of_several_are_given_where_there_are_several() -> None:
    assert tuple(means(np.array([1.0, 2.0]), users=np.array([0, 1]))) == METRICS
    assert tuple(means(np.array([1.0, 2.0]), users=np.array([0, 0]))) == (*METRICS, *OF_SEVERAL)
