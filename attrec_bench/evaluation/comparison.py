"""Values of several models and a baseline for the same users -> one Comparison a model and metric, one family of tests.

Shapes: S seeds of a model, K tie draws (1 where the protocol has none), n users, H = models x metrics hypotheses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from attrec_bench.evaluation.bootstrap import bootstrap_means, difference_interval
from attrec_bench.evaluation.statistics import (
    FLIPS,
    Array,
    detectable,
    effect_size,
    holm,
    sign_flip_test,
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
    wins, ties, losses   users            detectable  smallest true difference found with power .8, one test
    at_floor    no random flip was as extreme: p and corrected are not known but to be at most that
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

    @property
    def p_words(self) -> str:
        """The corrected p as it is shown: ``0.031``, or ``<= 8e-05`` at the floor of the flips."""
        return f"{'<= ' if self.at_floor else ''}{self.corrected:.2g}"


def compare(
    values: Values, baseline: str, metrics: Sequence[str], generator: np.random.Generator, test: str = SIGN_FLIP
) -> list[Comparison]:
    """Every model but the baseline in every metric, in the order of ``values``.

    All arrays are of the same n users in the same order; the tests of one call are the family of Holm's correction.
    Difference, interval and p of a model and a metric do not depend on what else is compared; the correction does.
    """
    cells = [key for key in values if key[0] != baseline and key[1] in metrics]
    if not cells:
        return []
    differences = np.array([_user_means(values[key]) - _user_means(values[baseline, key[1]]) for key in cells])
    flips, worlds = generator.spawn(2)
    p_values = sign_flip_test(differences, flips) if test == SIGN_FLIP else wilcoxon_test(differences)
    order = [*cells, *((baseline, metric) for metric in metrics)]
    streams = [int(model == baseline) for model, _ in order]  # no model but the baseline is compared with another
    resampled = bootstrap_means([values[key] for key in order], worlds, streams=streams)
    means = dict(zip(order, resampled.T, strict=True))
    floor = 1 / (FLIPS + 1) if test == SIGN_FLIP else 0.0  # of random flips alone: all of few users are no fewer
    return [
        replace(
            _comparison(
                key, baseline, each, difference_interval(means[key], means[baseline, key[1]]), float(p), float(holm_p)
            ),
            at_floor=bool(p <= floor),
        )
        for key, each, p, holm_p in zip(cells, differences, p_values, holm(p_values), strict=True)
    ]


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
