import math

import numpy as np
import pytest

from attrec_bench.evaluation import bootstrap
from attrec_bench.evaluation.bootstrap import bootstrap_means, difference_interval
from attrec_bench.evaluation.statistics import Array


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def deviation(values: list[Array], resamples: int = 20_000) -> float:
    """Standard deviation of the resampled mean of the first model."""
    return float(bootstrap_means(values, random(1), resamples)[:, 0].std())


def population_variance(values: list[float]) -> float:
    return float(np.var(values))


def test_each_level_varies_by_itself_as_theory_says() -> None:
    # the mean of k draws from k equally likely values has the variance of the values over k
    each = [0.0, 0.2, 1.0]
    expected = math.sqrt(population_variance(each) / 3)
    by_user = np.array(each).reshape(1, 1, 3)
    by_seed = np.repeat(np.array(each).reshape(3, 1, 1), 4, axis=2)
    by_draw = np.repeat(np.array(each).reshape(1, 3, 1), 4, axis=2)
    for values in (by_user, by_seed, by_draw):
        assert deviation([values]) == pytest.approx(expected, rel=0.03)
    assert deviation([np.full((3, 2, 5), 0.7)]) == pytest.approx(0, abs=1e-12)


def test_levels_add_up_where_they_do_not_interact() -> None:
    seeds, draws, users = [0.0, 0.6], [0.1, 0.3, 0.8], [0.0, 0.5, 0.5, 1.0]
    values = np.array(seeds)[:, None, None] + np.array(draws)[None, :, None] + np.array(users)[None, None, :]
    variance = sum(population_variance(each) / len(each) for each in (seeds, draws, users))
    assert deviation([values]) == pytest.approx(math.sqrt(variance), rel=0.03)


def test_all_worlds_of_two_users_and_two_seeds() -> None:
    # means of the four worlds' rows: users {aa, ab, ba, bb} x seeds {00, 01, 10, 11} of [[0, 1], [4, 9]]
    values = np.array([[0.0, 1.0], [4.0, 9.0]]).reshape(2, 1, 2)
    found = np.round(bootstrap_means([values], random(2), 16_000)[:, 0], 9)
    shares = {float(mean): float((found == mean).mean()) for mean in np.unique(found)}
    # aa 0 4 (2), bb 1 9 (5), ab .5 6.5 (3.5); seed pairs give each of the two 1/4 and their mean 1/2
    expected = {0: 1, 4: 1, 2: 2, 1: 1, 9: 1, 5: 2, 0.5: 2, 6.5: 2, 3.5: 4}
    assert shares == pytest.approx({mean: sixteenths / 16 for mean, sixteenths in expected.items()}, abs=0.015)


def test_users_and_tie_draws_are_paired_between_models_and_seeds_are_not() -> None:
    generator = random(3)
    taste = generator.random((1, 3, 50))
    model = np.repeat(taste, 2, axis=0)  # two seeds that do not matter
    means = bootstrap_means([model, model + 0.1], random(4), 500)
    assert difference_interval(means[:, 1], means[:, 0]) == pytest.approx((0.1, 0.1))
    by_seed = np.repeat(np.array([0.0, 1.0]).reshape(2, 1, 1), 5, axis=2)
    means = bootstrap_means([by_seed, by_seed], random(4), 20_000)
    # unpaired: each mean is 0, .5 or 1 with 1/4, 1/2, 1/4; the difference has twice the variance, 2 * 1/8
    assert (means[:, 0] - means[:, 1]).std() == pytest.approx(0.5, rel=0.03)


def test_models_may_have_different_numbers_of_seeds() -> None:
    means = bootstrap_means([np.ones((1, 1, 4)), np.full((5, 1, 4), 2.0)], random(), 7)
    assert means.shape == (7, 2)
    assert means == pytest.approx(np.tile([1.0, 2.0], (7, 1)))


def test_percentiles_by_hand() -> None:
    ours, theirs = np.arange(101.0), np.zeros(101)
    assert difference_interval(ours, theirs, 0.9) == pytest.approx((5, 95))


def test_memory_is_bounded_and_resamples_are_reproducible(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [random(5).random((2, 1, 30))]
    assert np.array_equal(bootstrap_means(values, random(6), 50), bootstrap_means(values, random(6), 50))
    monkeypatch.setattr(bootstrap, "CHUNK", 60)  # two rows at a time
    assert bootstrap_means(values, random(6), 51).shape == (51, 1)


TRIALS = 600
"""A coverage of .95 then has a standard error of .009."""


@pytest.mark.parametrize(("seed_sd", "least", "most"), [(0.0, 0.92, 0.98), (0.05, 0.86, 0.98)])
def test_intervals_cover_the_true_difference(seed_sd: float, least: float, most: float) -> None:
    """Users differ by sd 1, paired; seeds shift a model as a whole. Five seeds are few: see the docstring."""
    generator, n, covered = random(7), 200, 0
    for _ in range(TRIALS):
        users = generator.normal(size=n)
        models = [
            users
            + generator.normal(0, 1, size=n)  # what a model does for a user, the same with each seed
            + generator.normal(0, seed_sd, size=(5, 1, 1))
            + generator.normal(0, 0.2, size=(5, 1, n))
            for _ in range(2)
        ]
        means = bootstrap_means(models, generator, 400)
        low, high = difference_interval(means[:, 0], means[:, 1])
        covered += low <= 0 <= high
    assert least <= covered / TRIALS <= most
