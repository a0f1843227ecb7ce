"""Values of several models and a baseline for the same users -> one Comparison a model and metric, one family of tests.

Shapes: S seeds of a model, K tie draws (1 where the protocol has none), n users, H = models x metrics hypotheses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attrec_bench.evaluation.bootstrap import bootstrap_means, difference_interval
from attrec_bench.evaluation.statistics import (
    FLIPS,
    ROUNDING,
    Array,
    detectable,
    effect_size,
    holm,
    sign_flip_test,
    signed_ranks,
    wilcoxon_test,
    win_tie_loss,
)

SIGN_FLIP, WILCOXON = TESTS = ("sign-flip", "wilcoxon")

Values = Mapping[tuple[str, str], Array]
"""(model, metric) -> [S, K, n]."""


@dataclass(frozen=True)
class Comparison:
    """A model against the baseline in one metric; a difference above 0 is in the model's favour.

    difference  of the means              interval   95 %, bootstrap over seeds, tie draws and users
    p           two-sided, over users, each averaged over seeds and tie draws
    corrected   p after Holm's correction over the family
    effect      difference in sd of the users' differences; None where all users differ by the same
    wins, ties, losses   users
    detectable  smallest true difference that one test without correction finds with power .8; None without a spread
    at_floor    no random flip was as extreme: p and corrected are not known but to be at most that
    contrary    what was tested points elsewhere than the difference, so that neither model is the better: Wilcoxon's
                signed ranks may, the sums of sign flips are the difference itself
    """

    model: str
    baseline: str
    metric: str
    users: int
    difference: float
    interval: tuple[float, float]
    p: float
    corrected: float
    effect: float | None
    wins: int
    ties: int
    losses: int
    detectable: float | None
    at_floor: bool = False
    contrary: bool = False

    @property
    def p_words(self) -> str:
        """The corrected p as it is shown: ``0.031``, or ``<= 8e-05`` at the floor of the flips."""
        return f"{'<= ' if self.at_floor else ''}{self.corrected:.2g}"


def compare(
    values: Values, baseline: str, metrics: Sequence[str], generator: np.random.Generator, test: str = SIGN_FLIP
) -> list[Comparison]:
    """Every model but the baseline in every metric, in the order of ``values``.

    All arrays are of the same n users in the same order; the tests of one call are the family of Holm's correction.
    Difference, interval and p of a model and a metric do not depend on what else is compared, nor on which of the two
    is the baseline, but for the sign; the correction does.
    """
    cells = [key for key in values if key[0] != baseline and key[1] in metrics]
    if not cells:
        return []
    differences = np.array([_user_means(values[key]) - _user_means(values[baseline, key[1]]) for key in cells])
    differences[np.abs(differences) <= ROUNDING] = 0  # seeds that were added in another order are no difference
    flips, worlds = generator.spawn(2)
    p_values = sign_flip_test(differences, flips) if test == SIGN_FLIP else wilcoxon_test(differences)
    intervals = _intervals(values, baseline, cells, worlds)
    floor = 1 / (FLIPS + 1) if test == SIGN_FLIP else 0.0  # of random flips alone: all of few users are no fewer
    return [
        replace(
            _comparison(key, baseline, each, interval, float(p), float(holm_p)),
            at_floor=bool(p <= floor),
            contrary=bool(apart),
        )
        for key, each, interval, p, holm_p, apart in zip(
            cells, differences, intervals, p_values, holm(p_values), _contrary(differences, test), strict=True
        )
    ]


def _intervals(
    values: Values, baseline: str, cells: Sequence[tuple[str, str]], generator: np.random.Generator
) -> list[tuple[float, float]]:
    """Return the interval of each cell's difference from the baseline.

    Seeds of the two are drawn from two streams. Which has which, their values tell and not which is the baseline, so
    that their interval is mirrored where they change roles; the baseline is therefore resampled with either stream.
    """
    streams = {key: int(values[key].tobytes() < values[baseline, key[1]].tobytes()) for key in cells}
    bases = dict.fromkeys((baseline, metric, 1 - stream) for (_, metric), stream in streams.items())
    order = [*((model, metric, stream) for (model, metric), stream in streams.items()), *bases]
    resampled = bootstrap_means(
        [values[model, metric] for model, metric, _ in order], generator, streams=[stream for *_, stream in order]
    )
    means = dict(zip(order, resampled.T, strict=True))
    return [
        difference_interval(means[model, metric, stream], means[baseline, metric, 1 - stream])
        for (model, metric), stream in streams.items()
    ]


def _contrary(differences: Array, test: str) -> NDArray[np.bool_]:
    """Differences [H, n] -> [H]: whether the mean does not point where the tested statistic does."""
    if test == SIGN_FLIP:
        return np.zeros(len(differences), dtype=np.bool_)
    means = differences.mean(axis=1)
    apart: NDArray[np.bool_] = np.sign(np.where(np.abs(means) > ROUNDING, means, 0)) != np.sign(
        signed_ranks(differences)
    )
    return apart


def _comparison(
    key: tuple[str, str],
    baseline: str,
    differences: Array,
    interval: tuple[float, float],
    p: float,
    corrected: float,
) -> Comparison:
    wins, ties, losses = win_tie_loss(differences)
    return Comparison(
        model=key[0],
        baseline=baseline,
        metric=key[1],
        users=len(differences),
        difference=float(differences.mean()),
        interval=interval,
        p=p,
        corrected=corrected,
        effect=effect_size(differences),
        wins=wins,
        ties=ties,
        losses=losses,
        detectable=detectable(differences),
    )


def _user_means(values: Array) -> Array:
    """[S, K, n] -> [n]."""
    means: Array = values.mean(axis=(0, 1))
    return means
