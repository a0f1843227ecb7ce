"""How many users have met both of two items, a block of items at a time.

Shapes: U users, I items, S different (user, item) pairs, b items in a block, B windows of length L.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.kernels.compiled import loop

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Meetings:
    """Who has met what, each pair once, from both sides.

    user u has met met[user_starts[u]:user_starts[u+1]] and item i was met by by[item_starts[i]:item_starts[i+1]].
    """

    met: Ints
    """[S] items, grouped by user."""
    user_starts: Ints
    """[U+1]"""
    by: Ints
    """[S] users, grouped by item."""
    item_starts: Ints
    """[I+2]"""

    @classmethod
    def of(cls, train: Interactions) -> "Meetings":
        """Sort the events both ways."""
        width = train.n_items + 1
        users, met = np.divmod(np.unique(train.users.astype(np.int64) * width + train.items), width)
        order = np.argsort(met, kind="stable")
        return cls(
            met=met,
            user_starts=np.searchsorted(users, np.arange(train.n_users + 1)),
            by=users[order],
            item_starts=np.searchsorted(met[order], np.arange(width + 1)),
        )

    @property
    def counts(self) -> Ints:
        """[I+1]: users of each item."""
        return np.diff(self.item_starts)

    def together(self, items: range) -> Floats:
        """Items first..last-1 -> [b, I+1]: users who have met the row's and the column's item; X^T X, row by row."""
        found = np.zeros((len(items), len(self.item_starts) - 1), dtype=np.float32)
        count_together(self.met, self.user_starts, self.by, self.item_starts, items.start, found)
        return found


@loop
def count_together(met: Ints, user_starts: Ints, by: Ints, item_starts: Ints, first: int, found: Floats) -> None:
    """Add to found [b, I+1] for the items from ``first`` on."""
    for b in range(found.shape[0]):
        for s in range(item_starts[first + b], item_starts[first + b + 1]):
            for t in range(user_starts[by[s]], user_starts[by[s] + 1]):
                found[b, met[t]] += np.float32(1)


def distinct(windows: Tensor) -> Tensor:
    """Windows [B, L] -> [B, L']: each row's items once, ascending, PAD before them; columns of nothing but PAD are cut.

    For models to which a history is a set.
    """
    ordered = windows.sort(1).values
    repeated = ordered[:, 1:] == ordered[:, :-1]
    ordered[:, 1:].masked_fill_(repeated, PAD)
    return ordered[:, (ordered != PAD).any(0)]
