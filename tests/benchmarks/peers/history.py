"""The events that every peer is given, and their windows. numpy only."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]

FILE = "events.npz"
HELD_OUT = 2
"""Leave-one-out: the last event of a user is the test's, the one before it the validation's."""


@dataclass(frozen=True, eq=False)
class History:
    """E events, grouped by user in the order of time; users 0..U-1, items 1..I, 0 is padding."""

    users: Ints
    items: Ints
    n_users: int
    n_items: int

    def before(self, last: int) -> "History":
        """Without each user's last events."""
        ends = np.searchsorted(self.users, self.users, side="right")
        kept = np.arange(len(self.users)) < ends - last
        return History(self.users[kept], self.items[kept], self.n_users, self.n_items)

    def windows(self, maxlen: int) -> tuple[Ints, Ints, Ints]:
        """Users [n], windows [n, L] padded on the left, targets [n]: one for every event but a user's first."""
        starts = np.searchsorted(self.users, self.users)
        firsts = np.flatnonzero(np.arange(len(self.users)) > starts)
        places = firsts[:, None] + np.arange(-maxlen, 0)
        windows = np.where(places >= starts[firsts][:, None], self.items[places], 0)
        return self.users[firsts], windows.astype(np.int32), self.items[firsts]


def load(folder: str) -> History:
    """Read what ``python -m tests.benchmarks.ours`` wrote into the folder."""
    with np.load(Path(folder) / FILE) as stored:
        return History(stored["users"], stored["items"], int(stored["n_users"]), int(stored["n_items"]))
