"""Interactions: who met which item when, as frozen arrays.

Shapes: E events, U users, I items. Items are 1..I because 0 is padding; users are 0..U-1.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PAD = 0
"""The item that is no item: it fills windows on the left, and no model may recommend it."""

FINER = ("second", "millisecond", "microsecond", "nanosecond")
"""Each a thousandth of the one before."""

CLOCKS = (*FINER, "day", "relative day", "order")
"""How finely times are told: to the second, a part of it or the day, to the day but counted from each user's own first
event, or no time at all but the order of each user's events."""

SHARED_CLOCKS = (*FINER, "day")
"""Clocks by which the events of different users can be put in order."""

Ints = NDArray[np.integer]
Mask = NDArray[np.bool_]


class Truth(Protocol):
    """What a generator knows about its own data and a real data set never tells."""

    @property
    def maxlen(self) -> int:
        """How many last items the next one depends on: a window of this length tells all there is to know."""

    def probabilities(self, users: Ints, windows: Ints) -> NDArray[np.float64]:
        """P(next item | user, window) before seen items are excluded: users [B], windows [B, L] -> [B, I+1]."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """E events. As read they stand in file order; ``splits`` sorts them by user and time.

    users   [E] int32, 0..n_users-1        user_ids [U] the original ids, in ascending order
    items   [E] int32, 1..n_items          item_ids [I+1] the original ids, in ascending order; item_ids[PAD] is ""
    times   [E] int64, see clock            titles   [I+1] a readable name for each item, or None
    truth   known for generated data only   name     what the data set calls itself in records and tables
    clock   what the times are, see CLOCKS  removed  what was asked to be left out -> how many events that were
    dated   whether the file wrote dates,   lost     the same -> how many users and items have had no event since then
            so that times count from 1970
    """

    users: Ints
    items: Ints
    times: Ints
    user_ids: NDArray[np.str_]
    item_ids: NDArray[np.str_]
    titles: NDArray[np.str_] | None = None
    truth: Truth | None = None
    name: str = ""
    clock: str = "second"
    removed: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    dated: bool = False

    def __post_init__(self) -> None:
        """Check at birth what everything later relies on, and freeze the arrays."""
        lengths = {len(self.users), len(self.items), len(self.times)}
        if len(lengths) != 1:
            raise ValueError(f"users, items and times must be equally long, got lengths {sorted(lengths)}")
        if len(self.users) and not (self.users.min() >= 0 and self.users.max() < self.n_users):
            raise ValueError(f"users must lie in 0..{self.n_users - 1}")
        if len(self.items) and not (self.items.min() > PAD and self.items.max() <= self.n_items):
            raise ValueError(f"items must lie in 1..{self.n_items}")
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __len__(self) -> int:
        """E."""
        return len(self.users)

    @property
    def n_users(self) -> int:
        """U, with users that have no event in this part of the data."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """I, without the padding item."""
        return len(self.item_ids) - 1

    def take(self, index: Ints | Mask) -> "Interactions":
        """Return the events at ``index``, in that order; users, items and ids stay those of the whole."""
        return replace(self, users=self.users[index], items=self.items[index], times=self.times[index])

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """[U+1]: the events of user u are offsets[u]..offsets[u+1]-1. Needs events grouped by user."""
        if len(self) and bool(np.any(np.diff(self.users) < 0)):
            raise ValueError("events must be grouped by user in ascending order; sort them first")
        return np.searchsorted(self.users, np.arange(self.n_users + 1)).astype(np.int64)

    @cached_property
    def sha256(self) -> str:
        """Sum of ids, events, times and their order: two layouts of the same data in the same order agree."""
        digest = hashlib.sha256()
        digest.update("\n".join(self.user_ids).encode() + b"\0" + "\n".join(self.item_ids).encode() + b"\0")
        for array in (self.users, self.items, self.times):
            digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
        return digest.hexdigest()


def lost(users: NDArray[np.generic], items: NDArray[np.generic], kept: Ints | Mask) -> tuple[int, int]:
    """Ids [E] each and the events that stay -> how many users and how many items stay without one."""
    missing = [len(np.unique(ids)) - len(np.unique(ids[kept])) for ids in (users, items)]
    return missing[0], missing[1]


def encode(
    users: NDArray[np.generic],
    items: NDArray[np.generic],
    times: Ints,
    titles: dict[str, str] | None = None,
) -> Interactions:
    """Original ids and times, [E] each, in file order -> Interactions with dense ids, ascending as the originals do.

    Numbers sort as numbers and text as text, so ``tie_order=item`` means the order of the original ids.
    ``titles`` maps an original item id to a readable name; an item without one shows its id.
    """
    user_ids, user_codes = np.unique(users, return_inverse=True)
    item_ids, item_codes = np.unique(items, return_inverse=True)
    names = np.concatenate([np.array([""]), item_ids.astype(str)])
    shown = None if titles is None else np.array([titles.get(name, name) for name in names])
    return Interactions(
        users=user_codes.astype(np.int32),
        items=(item_codes + 1).astype(np.int32),
        times=np.asarray(times, dtype=np.int64),
        user_ids=user_ids.astype(str),
        item_ids=names,
        titles=shown,
    )
