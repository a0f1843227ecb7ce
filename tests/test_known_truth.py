"""Planted data, whose truth is known: what is planted is found, and nobody finds more than there is."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from attrec_bench.configuration import composed
from attrec_bench.evaluation.metrics import per_user
from attrec_bench.run import run

SIZES = ["dataset=planted", "dataset.n_users=500", "dataset.n_items=400", "dataset.n_interactions=30000"]
TRAINING = ["train.epochs=12", "train.patience=4"]
METRIC = "NDCG@50"
SMALL_BATCHES = "train.batch_size=256"
"""The family's recipes are for a million events: of 30,000 their batches would make a dozen steps an epoch."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@cache
def scores(runs: Path, long_term: float, model: str, *overrides: str) -> NDArray[np.float64]:
    """The metric of every test user [U]."""
    config = composed(
        [*SIZES, f"dataset.long_term={long_term}", f"model={model}", f"runs={runs}", *TRAINING, *overrides]
    )
    record, _ = run(config, model, "attrec-bench run")
    return per_user(METRIC, record.ranks)


def lead(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    """Mean difference over users, and its standard error (the same users, so a paired difference)."""
    difference = one - other
    return float(difference.mean()), float(difference.std(ddof=1) / len(difference) ** 0.5)


def assert_better(one: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    mean, error = lead(one, other)
    assert mean > 3 * error, f"leads by {mean:.4f} with a standard error of {error:.4f}"


def test_taste_alone_is_found_by_the_long_term(runs: Path) -> None:
    assert_better(scores(runs, 1.0, "attrec", "w=1"), scores(runs, 1.0, "attrec", "w=0"))


def test_transitions_alone_are_found_by_the_short_term(runs: Path) -> None:
    assert_better(scores(runs, 0.0, "attrec", "w=0"), scores(runs, 0.0, "attrec", "w=1"))


def test_in_between_attrec_beats_bprmf_and_popularity(runs: Path) -> None:
    attrec = scores(runs, 0.5, "attrec")
    assert_better(attrec, scores(runs, 0.5, "bprmf"))
    assert_better(attrec, scores(runs, 0.5, "popularity"))
    assert_better(scores(runs, 0.5, "popularity"), scores(runs, 0.5, "random"))


@pytest.mark.parametrize("model", ["fmc", "fpmc", "prme", "transrec", "hrm", "markov"])
def test_transitions_alone_are_found_by_all_that_read_the_last_item(runs: Path, model: str) -> None:
    found = scores(runs, 0.0, model, SMALL_BATCHES)
    assert_better(found, scores(runs, 0.0, "popularity"))
    assert_better(found, scores(runs, 0.0, "bprmf"))


@pytest.mark.parametrize("model", ["fpmc", "prme", "hrm", "itemknn", "ease"])
def test_taste_alone_is_found_by_all_that_know_the_user(runs: Path, model: str) -> None:
    # The maximum of user and last item hides the user behind the item; their mean is a sum of two models.
    pool = ("model.pool_user=mean",) if model == "hrm" else ()
    found = scores(runs, 1.0, model, SMALL_BATCHES, *pool)
    assert_better(found, scores(runs, 1.0, "popularity"))
    assert_better(found, scores(runs, 1.0, "fmc", SMALL_BATCHES))


def test_in_between_fpmc_finds_more_than_its_long_term_alone(runs: Path) -> None:
    assert_better(scores(runs, 0.5, "fpmc", SMALL_BATCHES), scores(runs, 0.5, "bprmf"))


@pytest.mark.parametrize("long_term", [0.0, 0.5, 1.0])
def test_nobody_beats_the_oracle_beyond_noise(runs: Path, long_term: float) -> None:
    oracle = scores(runs, long_term, "oracle")
    others = {"popularity": (), "bprmf": (), "attrec": ("w=1",) if long_term == 1 else ("w=0",), "caser": ()}
    for model, overrides in others.items():
        mean, error = lead(scores(runs, long_term, model, *overrides), oracle)
        assert mean < 3 * error, f"{model} leads the truth by {mean:.4f} with a standard error of {error:.4f}"
        if model == "popularity":
            assert mean < -3 * error, "the test can fail: the truth is well above Popularity"
