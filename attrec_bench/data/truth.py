"""Truth: the process that planted data are drawn from, in closed form, so that the best possible scorer is known.

The next item of user u, whose last items are a (the last), b, c, ... :

    P(i) = noise / I  +  (1 - noise) * [ long_term * P_long(i|u)  +  (1 - long_term) * P_short(i|a,b,c) ]

    P_long(i|u)        = sum over clusters k of taste[u,k] * appeal[k,i]
    P_short(i|a,b,c)   = lags[0] * near(i|a) + lags[1] * near(i|b) + lags[2] * near(i|c)
    near(i|a)          ~ exp(-steps / reach), the items lie on a ring in a random order, steps = way from a to i on it

and of P the items that the user has met already are taken out, since nobody rates a film twice.
Shapes: B users at a time, U users, I items, K clusters, L = len(lags) last items; item 0 is padding.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attrec_bench.data.interactions import PAD, Ints

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlantedTruth:
    """The process of the module's docstring.

    taste  [U, K] each row sums to 1    place  [I+1] the place of an item on the ring, 0..I-1; place[PAD] is unused
    appeal [K, I] each row sums to 1    lags   [L]   weights of the last, the last but one, ...; they sum to 1
    """

    taste: Floats
    appeal: Floats
    place: Ints
    lags: Floats
    reach: float
    long_term: float
    noise: float

    @property
    def maxlen(self) -> int:
        """L: how many last items the next one depends on."""
        return len(self.lags)

    @property
    def n_items(self) -> int:
        """I."""
        return len(self.place) - 1

    def probabilities(self, users: Ints, windows: Ints) -> Floats:
        """P before seen items are taken out: users [B], windows [B, any length], PAD on the left -> [B, I+1]."""
        mixed = self.long_term * (self.taste[users] @ self.appeal)
        mixed += (1 - self.long_term) * self._short(windows[:, -self.maxlen :])
        return np.pad(self.noise / self.n_items + (1 - self.noise) * mixed, ((0, 0), (1, 0)))

    def _short(self, windows: Ints) -> Floats:
        """P_short, [B, <=L] -> [B, I]; fewer last items share the weight, and after none every item is as likely."""
        weights = np.where(windows != PAD, self.lags[: windows.shape[1]][::-1], 0.0)
        total = weights.sum(axis=1, keepdims=True)
        weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
        short = np.where(total > 0, 0.0, 1 / self.n_items) * np.ones(self.n_items)
        for weight, item in zip(weights.T, windows.T, strict=True):
            steps = (self.place[1:] - self.place[item][:, None]) % self.n_items
            short += weight[:, None] * self.near[steps]
        return short

    @cached_property
    def near(self) -> Floats:
        """[I]: the probability of the item s steps further on the ring.

        The way is k = 1, 2, ... steps in either direction with probability (1-q) q^(k-1) / 2, q = exp(-1/reach), going
        round as often as it takes; summed over the rounds: (q^s + q^(I-s)) / (1 - q^I) * (1-q) / 2q, for s = 0 with
        2 q^I in the place of the bracket.
        """
        q, steps = np.exp(-1 / self.reach), np.arange(self.n_items)
        ways = q**steps + q ** (self.n_items - steps)
        ways[0] = 2 * q**self.n_items
        return np.asarray(ways / (1 - q**self.n_items) * (1 - q) / (2 * q))
