"""Values of seeds, tie draws and users -> resampled means of several models, and intervals of their differences.

Shapes: M models, S seeds of a model, K tie draws (1 where the protocol has none), n users, R resamples.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from attrec_bench.evaluation.statistics import LEVEL, Array

RESAMPLES = 2000
"""Ends of a 95 % interval then stand on 50 resamples each (Efron & Tibshirani, 1993, ask for 1,000 and more)."""

CHUNK = 1 << 21
"""Drawn users held at once: 16 MiB, whatever their number."""


def bootstrap_means(
    values: Sequence[Array],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    streams: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Values of M models, [S, K, n] each -> [R, M]: the mean of every model in R worlds that could have been.

    A world has n users drawn with replacement from the n, K tie draws from the K (both the same for all models, since
    these are paired), and for each model S seeds from its S: one level of variation for each axis.

                seed 0                  seed 1                      one world: users b, c, c; seeds 1, 1
        user a  b  c            user a  b  c                        mean = (b1 + c1 + c1 + b1 + c1 + c1) / 6

    Seeds and users are crossed, so resampling both (the "pigeonhole bootstrap", Owen 2007) is a little too wide where
    what a seed does depends on the user, and too narrow by (S - 1) / S of the variance between seeds where S is small.
    One seed has no variation and adds none: the interval is then that of the users alone.
    Users, tie draws and seeds are drawn apart, so that what is drawn for a model depends on its own shape and stream
    alone, whatever models stand beside it. Those of one of the ``streams`` (0, 1, ...) draw their seeds alike and are
    not to be compared with one another; unless said each model has a stream of its own.
    """
    streams = range(len(values)) if streams is None else streams
    users, ties, *by_stream = generator.spawn(3 + max(streams))
    most = max(each.shape[0] for each in values)
    chances = [each.random((most, resamples)) for each in by_stream]  # of fewer seeds the first rows: the same ones
    draws = _weights(ties.random((values[0].shape[1], resamples)))
    by_seed = [_weights(chances[stream][: len(each)]) for stream, each in zip(streams, values, strict=True)]
    flat = np.concatenate([each.reshape(-1, each.shape[-1]) for each in values])  # [sum of S * K, n]
    ends = np.cumsum([each.shape[0] * each.shape[1] for each in values])[:-1]
    made, start = [], 0
    for counts in _user_counts(flat.shape[1], resamples, users):
        means = np.split(counts @ flat.T / flat.shape[1], ends, axis=1)  # M times [c, S * K]
        worlds = slice(start, start := start + len(counts))
        made.append(
            np.column_stack(
                [_world(mean, seeds[worlds], draws[worlds]) for mean, seeds in zip(means, by_seed, strict=True)]
            )
        )
    return np.concatenate(made)


def difference_interval(ours: Array, theirs: Array, level: float = LEVEL) -> tuple[float, float]:
    """Resampled means [R] of two models -> percentile interval of their difference (Efron & Tibshirani, 1993)."""
    low, high = np.quantile(ours - theirs, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _world(means: Array, seeds: Array, draws: Array) -> Array:
    """Means over users [c, S * K] of one model, weights of seeds [c, S] and draws [c, K] -> its mean in c worlds."""
    by_run = means.reshape(len(means), seeds.shape[1], draws.shape[1])
    resampled: Array = np.einsum("csk,cs,ck->c", by_run, seeds, draws)
    return resampled


def _weights(chances: Array) -> Array:
    """Uniform numbers [size, R] -> [R, size]: how often each of ``size`` was drawn in ``size`` draws, as a share."""
    drawn = (chances * len(chances)).astype(np.int64)
    shares: Array = np.stack([(drawn == each).mean(axis=0) for each in range(len(chances))], axis=1)
    return shares


def _user_counts(n: int, resamples: int, generator: np.random.Generator) -> Iterator[Array]:
    """Yield [c, n] pieces, in all ``resamples`` rows: how often each user was drawn in n draws."""
    size = max(1, CHUNK // n)
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        drawn = generator.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
