import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from attrec_bench.evaluation import statistics
from attrec_bench.evaluation.statistics import (
    Array,
    crossed_interval,
    detectable,
    effect_size,
    holm,
    seed_interval,
    sign_flip_test,
    signed_ranks,
    wilcoxon_test,
    win_tie_loss,
)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def flip(differences: list[float] | Array, flips: int = 100_000) -> float:
    return float(sign_flip_test(np.array([differences], dtype=np.float64), random(), flips)[0])


def test_seed_interval_by_hand() -> None:
    # mean 2, sd 1, standard error 1/sqrt(3); the .975 quantile of t with 2 degrees of freedom is 4.302653 in any table
    low, high = seed_interval([1, 2, 3]) or (0, 0)
    assert (low, high) == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), rel=1e-6)
    assert seed_interval([0.3]) is None
    assert seed_interval([0.3, 0.3]) == pytest.approx((0.3, 0.3))


def test_seed_interval_equals_scipys() -> None:
    values = random().normal(size=5)
    expected = stats.t.interval(0.9, 4, loc=values.mean(), scale=stats.sem(values))
    assert seed_interval(values, 0.9) == pytest.approx(expected)


def test_crossed_interval_by_hand() -> None:
    # means of the seeds 2 and 4, sd sqrt 2, standard error 1, t of one degree 12.7062; of the draws 1, 3, 5: sd 2,
    # standard error 2 / sqrt 3, t of two degrees 4.30265
    values = np.array([[0.0, 2.0, 4.0], [2.0, 4.0, 6.0]])
    half = math.sqrt(12.7062047**2 + (4.3026527 * 2 / math.sqrt(3)) ** 2)
    assert crossed_interval(values) == pytest.approx((3 - half, 3 + half), rel=1e-6)
    assert crossed_interval(values.T) == pytest.approx((3 - half, 3 + half), rel=1e-6)
    assert crossed_interval(np.array([[0.3]])) is None


def test_a_crossed_interval_of_one_level_is_students() -> None:
    values = random(1).normal(size=5)
    expected = pytest.approx(seed_interval(values))
    assert crossed_interval(values[:, None]) == expected
    assert crossed_interval(values[None, :]) == expected
    assert crossed_interval(np.repeat(values[:, None], 3, axis=1)) == expected, "draws that move nothing add nothing"


@pytest.mark.parametrize(
    ("seeds", "draws", "sd", "most"),
    [
        # sd of seeds, of draws and of each run by itself
        (3, 5, (0.010, 0.003, 0.002), 0.98),
        (3, 5, (0.003, 0.010, 0.002), 0.99),
        (5, 5, (0.010, 0.003, 0.002), 0.98),
        (5, 5, (0.005, 0.005, 0.010), 1.0),
        (2, 5, (0.010, 0.003, 0.002), 0.98),
        (2, 10, (0.005, 0.005, 0.010), 1.0),
        (3, 3, (0.0, 0.0, 0.010), 1.0),
    ],
)
def test_crossed_intervals_cover_the_true_mean(
    seeds: int, draws: int, sd: tuple[float, float, float], most: float
) -> None:
    generator, trials, covered = random(21), 4000, 0
    for _ in range(trials):
        by_seed, by_draw = (generator.normal(0, each, size) for each, size in zip(sd, (seeds, draws), strict=False))
        values = 0.1 + by_seed[:, None] + by_draw + generator.normal(0, sd[2], (seeds, draws))
        low, high = crossed_interval(values) or (0, 0)
        covered += low <= 0.1 <= high
    assert 0.94 <= covered / trials <= most  # a share of .95 has a standard error of .0034


def test_sign_flips_by_hand() -> None:
    assert flip([1, 1, 1]) == 2 / 8  # of 8 patterns only +++ and --- reach 3
    assert flip([1, 2, -3]) == 1  # the sum is 0: every pattern is as far from it
    assert flip([1, 2, 3]) == 2 / 8
    assert flip([3, 2, -1]) == 4 / 8  # |sum| >= 4: +++ (6), ++- (4) and their mirrors
    assert flip([0, 0, 1, 1, 1]) == 2 / 8  # users without a difference change nothing
    assert flip([0, 0]) == 1
    assert flip([]) == 1


def test_sums_that_are_equal_but_for_rounding_count_as_equal() -> None:
    # 0.1 + 0.2 - 0.3 is 5.6e-17 in binary; by hand it is 0, which every pattern reaches
    assert flip([0.1, 0.2, -0.3]) == 1
    assert flip([0.1, 0.2, -0.3], flips=7) == 1  # and so with random patterns


@given(st.lists(st.sampled_from([-5, -2, -1, 0, 1, 3, 5]), min_size=2, max_size=9))
@settings(deadline=None, max_examples=50)
def test_all_sign_patterns_equal_an_enumeration_and_scipy(fifths: list[int]) -> None:
    total = abs(sum(fifths))
    sums = [
        abs(sum(sign * each for sign, each in zip(signs, fifths, strict=True)))
        for signs in product((1, -1), repeat=len(fifths))
    ]
    expected = sum(each >= total for each in sums) / len(sums)
    assert flip([each / 5 for each in fifths]) == pytest.approx(expected)
    # whole numbers for SciPy, which takes sums that differ by rounding alone for different
    theirs = stats.permutation_test(
        (np.array(fifths),), lambda x: abs(x.sum()), permutation_type="samples", alternative="greater"
    )
    assert flip([float(each) for each in fifths]) == pytest.approx(theirs.pvalue)


def test_random_sign_patterns_come_near_all_of_them() -> None:
    differences = random(1).normal(0.2, 1, size=16)
    every = flip(differences)  # 65,536 patterns
    some = flip(differences, flips=50_000)
    assert some != every
    assert some == pytest.approx(every, abs=5 * math.sqrt(every * (1 - every) / 50_000))


def test_random_patterns_are_reproducible_and_do_not_depend_on_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    several = random(2).normal(0.1, 1, size=(3, 400))
    together = sign_flip_test(several, random(5), 1000)
    assert np.array_equal(together, sign_flip_test(several, random(5), 1000))
    assert np.array_equal(together[:1], sign_flip_test(several[:1], random(5), 1000))
    assert not np.array_equal(together, sign_flip_test(several, random(6), 1000))
    assert np.array_equal(together, sign_flip_test(-several, random(5), 1000))  # two-sided
    monkeypatch.setattr(statistics, "CHUNK", 1)  # one pattern at a time: memory may be bounded as tightly as one likes
    assert sign_flip_test(several, random(5), 1000) == pytest.approx(together, abs=0.08)


def test_no_p_value_is_zero() -> None:
    assert flip(np.ones(1000), flips=999) == 1 / 1000


def test_wilcoxon_equals_scipys_and_is_one_without_differences() -> None:
    differences = random(3).normal(0.3, 1, size=(2, 40))
    differences[1] = 0
    found = wilcoxon_test(differences)
    assert found[0] == pytest.approx(stats.wilcoxon(differences[0]).pvalue)
    assert found[1] == 1
    # by hand: signed ranks 1, 2, 3, all positive: only +++ and --- of 8 are as extreme
    assert wilcoxon_test(np.array([[1.0, 2.0, 3.0]]))[0] == pytest.approx(2 / 8)


def test_wilcoxon_sees_no_difference_and_no_order_in_rounding() -> None:
    # the same five values of each user, added in two orders: what differs is 1e-17 and no difference
    values = 1 / random(4).integers(1, 60, size=(5, 600))
    noise = values.mean(axis=0) - values[[1, 2, 3, 4, 0]].mean(axis=0)
    assert (noise != 0).sum() > 50
    assert wilcoxon_test(noise[None])[0] == 1
    # thirds of three seeds' hits, of which 1/3 - 0, 2/3 - 1/3 and 1 - 2/3 are three numbers in binary and one by hand
    hits = random(5).random((2, 3, 600)) < np.array([0.5, 0.4])[:, None, None]
    ours, theirs = hits.sum(axis=1)
    binary = ours / 3 - theirs / 3
    assert len(np.unique(np.abs(binary))) > 4
    assert wilcoxon_test(binary[None])[0] == pytest.approx(stats.wilcoxon(ours - theirs, zero_method="pratt").pvalue)
    # 2**-13 ends in 5 at its thirteenth place, where rounding to twelve would part it from its neighbour
    beside = np.array([2.0**-13 * (1 - 1e-15), 2.0**-13 * (1 + 1e-15), -(2.0**-13), 0.5])
    assert signed_ranks(beside[None])[0] == 2 + 2 - 2 + 4


def test_signed_ranks_by_hand_and_a_mean_that_points_elsewhere() -> None:
    # one user gains .9 (rank 5), four lose .1 (rank 2.5 each); the user without a difference keeps rank 1 from counting
    differences = np.array([[0.9, -0.1, -0.1, -0.1, -0.1, 0.0], [0.1, -0.2, 0.3, 0.0, 0.0, 0.0]])
    assert signed_ranks(differences) == pytest.approx([6 - 4 * 3.5, 4 - 5 + 6])
    assert differences[0].mean() > 0
    assert signed_ranks(np.zeros((1, 3)))[0] == 0


def test_holm_by_hand() -> None:
    # sorted .01, .02, .03, .04 times 4, 3, 2, 1 = .04, .06, .06, .04, which may not fall again: .06
    assert holm(np.array([0.04, 0.01, 0.03, 0.02])) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.6, 0.9])) == pytest.approx([1, 1])
    assert holm(np.array([0.03])) == pytest.approx([0.03])
    assert len(holm(np.array([]))) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_nothing_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    p, found = np.array(p_values), holm(np.array(p_values))
    assert (p <= found).all()
    assert (found <= np.minimum(1, p * len(p))).all()
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()


def test_effects_by_hand() -> None:
    differences = np.array([1.0, 1.0, 0.0, -1.0, 1e-16])
    assert win_tie_loss(differences) == (2, 2, 1)
    # mean .2; squares .64, .64, .04, 1.44, .04 sum to 2.8, by 4 is .7
    assert effect_size(differences) == pytest.approx(0.2 / math.sqrt(0.7))
    # 1.959964 + .841621 = 2.801585, as in any table of the normal distribution
    assert detectable(differences) == pytest.approx(2.801585 * math.sqrt(0.7) / math.sqrt(5), rel=1e-6)
    assert effect_size(np.array([0.5, 0.5])) is None
    assert effect_size(np.array([0.1, 0.1, 0.30000000000000004 - 0.2])) is None
    for without_spread in ([0.5, 0.5], [0.0, 0.0], [0.5]):
        assert detectable(np.array(without_spread)) is None


def simulated(n: int, shift: float, trials: int, kind: str, seed: int) -> Array:
    """Differences [trials, n] of two models whose true mean difference is ``shift`` sd: normal, or hits as under HR."""
    generator = random(seed)
    if kind == "normal":
        return generator.normal(shift, 1, size=(trials, n))
    if kind == "hits over five seeds":
        return sum((simulated(n, shift, trials, "hits", seed + 1000 * each) for each in range(5)), np.zeros(())) / 5
    # a user is hit by one model alone with probability .2 each way, moved by shift / 2
    chance = generator.random((trials, n))
    return (chance < 0.2 + shift / 2).astype(np.float64) - (chance > 0.8 + shift / 2)


def rejected(differences: Array, flips: int = 999) -> float:
    """Share of trials in which the randomisation test rejects at 5 %; each trial has its own signs."""
    generator = random(99)
    return float(np.mean([sign_flip_test(each[None], generator, flips)[0] <= 0.05 for each in differences]))


TRIALS = 4000
"""A share of .05 then has a standard error of .0034: .05 +- .01 is three of them."""


@pytest.mark.parametrize("kind", ["normal", "hits over five seeds"])
def test_under_no_difference_five_percent_are_rejected(kind: str) -> None:
    assert rejected(simulated(200, 0, TRIALS, kind, seed=11)) == pytest.approx(0.05, abs=0.01)


def test_under_no_difference_hits_of_one_seed_are_rejected_as_the_exact_test_does() -> None:
    # some 80 users differ, by 1 each: the sum moves in steps of 2, and no step leaves just 5 % beyond it
    expected = power_of_hits(200, 0)
    assert 0.03 < expected < 0.05
    assert rejected(simulated(200, 0, TRIALS, "hits", seed=11)) == pytest.approx(expected, abs=0.01)


def test_under_no_difference_wilcoxon_rejects_five_percent() -> None:
    p = wilcoxon_test(simulated(200, 0, TRIALS, "normal", seed=12))
    assert float((p <= 0.05).mean()) == pytest.approx(0.05, abs=0.01)


def power_of_normals(n: int, shift: float) -> float:
    """Chance that a two-sided test at 5 % finds a mean of ``shift`` sd in n differences, by normal theory."""
    z = shift * math.sqrt(n)
    return float(stats.norm.sf(1.959964 - z) + stats.norm.cdf(-1.959964 - z))


def power_of_hits(n: int, shift: float) -> float:
    """The same for hits: of the m users that differ, wins are binomial, and the test is McNemar's exact one."""
    users = np.arange(n + 1)
    chance_of_m = stats.binom.pmf(users, n, 0.4)
    found = 0.0
    for m in users[chance_of_m > 1e-12]:
        wins = np.arange(m + 1)
        p = np.minimum(1, 2 * stats.binom.cdf(np.minimum(wins, m - wins), m, 0.5))
        found += chance_of_m[m] * stats.binom.pmf(wins, m, (0.2 + shift / 2) / 0.4)[p <= 0.05].sum()
    return float(found)


@pytest.mark.parametrize(("kind", "shift"), [("normal", 0.2), ("hits", 0.12)])
def test_a_planted_difference_is_found_with_the_power_of_theory(kind: str, shift: float) -> None:
    expected = power_of_normals(200, shift) if kind == "normal" else power_of_hits(200, shift)
    assert 0.7 < expected < 0.9
    # standard error sqrt(.8 * .2 / 4000) = .0063
    assert rejected(simulated(200, shift, TRIALS, kind, seed=13)) == pytest.approx(expected, abs=0.02)


def test_the_minimal_detectable_difference_is_found_four_times_in_five() -> None:
    # planted at exactly what `detectable` says for sd 1: found with power .8
    n = 400
    unit = np.tile([1.0, -1.0], n // 2) * math.sqrt((n - 1) / n)  # mean 0, sd (n - 1) exactly 1
    assert rejected(simulated(n, detectable(unit) or 0, TRIALS, "normal", seed=14)) == pytest.approx(0.8, abs=0.02)


def test_holm_keeps_the_family_wise_error_below_five_percent() -> None:
    generator, wrong, trials, family = random(15), 0, 2000, 6
    for _ in range(trials):  # six models against one baseline: the differences share it, so they depend on each other
        shared = generator.normal(size=100)
        p = sign_flip_test(generator.normal(size=(family, 100)) - shared, generator, 999)
        wrong += bool((holm(p) <= 0.05).any())
    assert 0.01 <= wrong / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
