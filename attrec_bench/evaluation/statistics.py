"""Values of seeds and users -> intervals, paired tests, effect sizes: pure functions of arrays (numpy and scipy only).

A user's value is a metric of one user, averaged over the seeds of a model; a difference is that of two models for one
user, which makes every test a paired one.

Shapes: n users, S seeds, K tie draws, H hypotheses that are tested together.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

LEVEL = 0.95
"""Of every interval; 1 - LEVEL is the level of every test."""

POWER = 0.8
"""For the minimal detectable difference."""

FLIPS = 100_000
"""Sign flips of one test, as many as Smucker, Allan & Carterette draw (SIGIR 2009): a p of .05 is known to +-.0007."""

CHUNK = 1 << 21
"""Signs held at once: 16 MiB, whatever the number of users."""

ROUNDING = 1e-12
"""Sums that differ by less than this share of their terms are equal: they were only added in another order. So are
values of metrics, all of which lie in [0, 1], that differ by no more than it."""


def seed_interval(values: Array | Sequence[float], level: float = LEVEL) -> tuple[float, float] | None:
    """Values [S] of a metric, one a seed -> Student's t interval of their mean; None for one seed, which has no spread.

    It tells how far the mean would move with other seeds on the same users (Student, 1908).
    """
    each = np.asarray(values, dtype=np.float64)
    if len(each) < 2:
        return None
    half = special.stdtrit(len(each) - 1, (1 + level) / 2) * each.std(ddof=1) / np.sqrt(len(each))
    return float(each.mean() - half), float(each.mean() + half)


def crossed_interval(values: Array, level: float = LEVEL) -> tuple[float, float] | None:
    """Values [S, K] of a metric, all seeds x all tie draws -> interval of their mean; None for one value.

    Half of it is the root of the summed squares of the halves of two Student's intervals, that of the S means of the
    seeds and that of the K means of the draws: it tells how far the mean would move with other seeds and other draws
    on the same users. Where what seeds and draws do is normal, the two estimates of variance are independent, and so it
    covers with at least the level however few and however unequal they are (Banerjee, Sankhya 1960). It is too wide,
    covering up to .99, where each run varies by itself, which both halves count. Where one level has a single value, or
    does not move, it is Student's interval over the other and tells of that alone.
    """
    ends = [seed_interval(values.mean(axis=axis), level) for axis in (1, 0)]
    halves = [(high - low) / 2 for low, high in filter(None, ends)]
    mean, half = float(values.mean()), math.hypot(*halves)
    return (mean - half, mean + half) if halves else None


def sign_flip_test(differences: Array, generator: np.random.Generator, flips: int = FLIPS) -> Array:
    """Differences [H, n] -> two-sided p values [H] of "neither model is better" by randomisation.

    If neither is, each user's two values could have come from the models in either order, so each difference could
    have had the other sign: p is the share of sign patterns whose sum is at least as far from 0 as the observed one.
    All 2**m patterns of the m users that differ where these are no more than ``flips``, else ``flips`` random ones and
    the observed one itself, which keeps the test valid (Smucker, Allan & Carterette, CIKM 2007; Phipson & Smyth, 2010).
    All hypotheses share the random patterns, which depend on n alone: a table costs little more than a cell, and p is
    the same whatever is tested beside it. Where few users differ and all by the same amount, as in HR@K of one seed, p
    moves in steps and a test at 5 % rejects less often than that.
    """
    found = np.empty(len(differences))
    moved = (differences != 0).sum(axis=1)
    few = np.array([m < 63 and 2 ** int(m) <= flips for m in moved], dtype=bool)
    for place in np.flatnonzero(few):  # the other users' signs change no sum
        kept = differences[place, differences[place] != 0][:, None]
        found[place] = _extreme(kept, [_all_patterns(len(kept))])[0] / 2 ** len(kept)
    if not few.all():
        patterns = _random_patterns(differences.shape[1], flips, generator)
        found[~few] = (_extreme(differences[~few].T, patterns) + 1) / (flips + 1)
    return found


def _extreme(differences: Array, patterns: Iterable[Array]) -> Array:
    """Differences [n, H], patterns of signs in pieces [c, n] -> [H]: how many give a sum as far from 0 as observed."""
    total = differences.sum(axis=0)
    bound = np.abs(total) - ROUNDING * np.abs(differences).sum(axis=0)
    extreme = np.zeros(len(total))
    for kept in patterns:  # sum of the differences with their signs = 2 * sum of those that are kept - sum of all
        extreme += (np.abs(2 * (kept @ differences) - total) >= bound).sum(axis=0)
    return extreme


def _all_patterns(n: int) -> Array:
    """Return the 2**n rows of zeros and ones: [2**n, n]."""
    rows: Array = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.float64)
    return rows


def _random_patterns(n: int, flips: int, generator: np.random.Generator) -> Iterator[Array]:
    """Yield ``flips`` rows of n random zeros and ones in pieces [c, n] with c * n <= CHUNK (or c = 1)."""
    size = max(1, CHUNK // n)
    for start in range(0, flips, size):
        rows = min(size, flips - start)
        packed = generator.integers(0, 256, size=(rows, -(-n // 8)), dtype=np.uint8)
        yield np.unpackbits(packed, axis=1, count=n).astype(np.float64)


def wilcoxon_test(differences: Array) -> Array:
    """Differences [H, n] -> two-sided p values [H] of Wilcoxon's signed-rank test, 1 where no user differs.

    It asks about the order of the differences and not about their mean, so on thousands of users it finds differences
    that the mean does not have (Ihemelandu & Ekstrand, SIGIR 2023), or in the other direction (see ``signed_ranks``);
    it is offered because many papers use it. Users without a difference are ranked and then dropped (Pratt, 1959):
    under HR@K they are most.
    """
    from scipy.stats import wilcoxon  # here and not above: it takes .6 s to import, and most tables do without

    steps = [_steps(each) for each in differences]
    return np.array([wilcoxon(each, zero_method="pratt").pvalue if each.any() else 1.0 for each in steps])


def signed_ranks(differences: Array) -> Array:
    """Differences [H, n] -> sums [H] of their signed ranks, whose sign is the direction that Wilcoxon's test finds.

    It need not be that of the mean: of a few users who gain much and many who lose little, the many count.
    """
    from scipy.stats import rankdata

    steps = [_steps(each) for each in differences]
    return np.array([float(np.sign(each) @ rankdata(np.abs(each))) for each in steps])


def _steps(differences: Array) -> Array:
    """Differences [n] -> whole numbers in the same order of size and with the same signs: 0 for none, +-1, +-2, ...

    Those that differ by rounding alone are one step, as 0 and a difference of equal means that were added in another
    order are; to a rank test they would not be ties.
    """
    sizes = np.abs(differences)
    order = np.argsort(sizes, kind="stable")
    steps = np.empty(len(sizes))
    steps[order] = np.cumsum(np.diff(sizes[order], prepend=0.0) > ROUNDING)
    signed: Array = np.sign(differences) * steps
    return signed


def holm(p_values: Array) -> Array:
    """P values [H] of one family -> corrected ones [H], to be compared with the level as they are.

    The smallest is multiplied by H, the next by H - 1, ...; none may fall below an earlier one (Holm, 1979). The chance
    of any false discovery in the family then stays below the level, whatever depends on what.
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.minimum(1.0, p_values[order] * np.arange(len(p_values), 0, -1))
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(scaled)
    return corrected


def effect_size(differences: Array) -> float | None:
    """Differences [n] -> their mean in units of their standard deviation, Cohen's d of paired values (Cohen, 1988).

    None where all users differ by the same amount, which has no unit.
    """
    spread = _deviation(differences)
    return float(differences.mean()) / spread if spread else None


def win_tie_loss(differences: Array) -> tuple[int, int, int]:
    """Differences [n] -> how many users are better off, the same and worse off."""
    wins, losses = differences > ROUNDING, differences < -ROUNDING
    return int(wins.sum()), int(len(differences) - wins.sum() - losses.sum()), int(losses.sum())


def detectable(differences: Array, level: float = LEVEL, power: float = POWER) -> float | None:
    """Differences [n] -> the smallest true mean difference that this many users would show with this ``power``.

    (z(1 - alpha / 2) + z(power)) * sd / sqrt(n), by normal theory, for one two-sided test without correction (Cohen,
    1988): a family of tests has less power. None without a spread to reckon with, as where no user differs. A
    difference below it that was not found says nothing.
    """
    spread = _deviation(differences)
    quantiles = special.ndtri((1 + level) / 2) + special.ndtri(power)
    return float(quantiles * spread / np.sqrt(len(differences))) if spread else None


def _deviation(differences: Array) -> float:
    """Return the standard deviation (n - 1) of differences [n]; 0 where they differ by rounding only, or are one."""
    if len(differences) < 2 or np.ptp(differences) <= ROUNDING:
        return 0.0
    return float(differences.std(ddof=1))
