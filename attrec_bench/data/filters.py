"""Filters: which events of a data set count. Interactions -> Interactions, whose ids are those that are left.

    duplicates  ->  min_user_events and min_item_events, in one pass  ->  k_core, until nothing more falls away

A minimum in one pass need not hold afterwards: who loses an item may fall below the minimum of events.
Shapes: E events.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from attrec_bench.data.interactions import Interactions, Ints, Mask, lost
from attrec_bench.errors import InputError, require_choice, require_whole

DUPLICATES = ("keep", "exact", "first", "last")


@dataclass(frozen=True)
class Filters:
    """What is left out; the values here are those of a data set's YAML.

    duplicates       keep all; exact: of events that agree in user, item and time only the first in the file;
                     first, last: of all of a user's events with one item only that one, in time and then in the file
    min_user_events  leave out users with fewer events      min_item_events  leave out items with fewer
    k_core           leave out both with fewer than k, again and again, until all that are left have k
    None leaves out nothing. Events are counted, not pairs: an item that a user met twice has two events.
    """

    duplicates: str
    min_user_events: int | None
    min_item_events: int | None
    k_core: int | None

    def __post_init__(self) -> None:
        """Check at birth."""
        require_choice("duplicates", self.duplicates, DUPLICATES)
        for name in ("min_user_events", "min_item_events", "k_core"):
            if getattr(self, name) is not None:
                require_whole(name, getattr(self, name), 1)


Keep = Callable[[Interactions], NDArray[np.intp]]
"""Events -> the positions of those that stay, ascending."""


def filtered(data: Interactions, filters: Filters) -> Interactions:
    """The events that pass, in their order, and what each filter took, ``removed``. InputError if none is left."""
    steps = _steps(filters)
    removed, gone = dict(data.removed), dict(data.lost)
    for setting, keep in steps.items():
        kept = keep(data)
        if not len(kept):
            raise InputError(f"{setting} leaves none of the {len(data):,} events")
        removed[setting], gone[setting] = len(data) - len(kept), lost(data.users, data.items, kept)
        data = data.take(kept)
    return replace(_only_used(data), removed=removed, lost=gone) if steps else data


def _steps(filters: Filters) -> dict[str, Keep]:
    """Setting -> what it keeps, for each filter that is on, in the order in which they are applied."""
    steps: dict[str, Keep] = {}
    if filters.duplicates != "keep":
        chosen = once if filters.duplicates == "exact" else partial(one_of_each, which=filters.duplicates)
        steps[f"duplicates={filters.duplicates}"] = chosen
    least = {"min_user_events": filters.min_user_events, "min_item_events": filters.min_item_events}
    told = [f"{name}={value}" for name, value in least.items() if value is not None]
    if told:
        steps[" ".join(told)] = lambda data: np.flatnonzero(
            _enough(data.users, filters.min_user_events or 0) & _enough(data.items, filters.min_item_events or 0)
        )
    k = filters.k_core
    if k is not None:
        steps[f"k_core={k}"] = lambda data: core_of(data.users, data.items, k, "k_core")
    return steps


def core_of(users: Ints, items: Ints, k: int, name: str) -> NDArray[np.intp]:
    """[E'], ascending: the largest set of events in which every user and every item has at least ``k``.

    It is the only one: whatever falls away early would have fallen away late, so the order of removal is free.
    ``name`` is the setting's, for InputError where ``k`` is no whole number of at least 1.
    """
    require_whole(name, k, 1)
    kept = np.arange(len(users))
    while True:
        enough = _enough(users[kept], k) & _enough(items[kept], k)
        if enough.all():
            return kept
        kept = kept[enough]


def once(data: Interactions) -> NDArray[np.intp]:
    """Positions, ascending, of the events that equal no earlier one of the file in user, item and time."""
    order = np.lexsort((np.arange(len(data)), data.times, data.items, data.users))
    columns = [column[order] for column in (data.users, data.items, data.times)]
    changed = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.sort(order[np.append(True, changed)])


def one_of_each(data: Interactions, which: str) -> NDArray[np.intp]:
    """[pairs], ascending: the ``first`` or ``last`` event of every user-item pair, in time and then in the file."""
    order = np.lexsort((np.arange(len(data)), data.times, data.items, data.users))
    users, items = data.users[order], data.items[order]
    change = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
    chosen = np.append(True, change) if which == "first" else np.append(change, True)
    return np.sort(order[chosen])


def _enough(codes: Ints, least: int) -> Mask:
    """[E]: whether an event's user (or item) has at least so many events."""
    return np.asarray(np.bincount(codes, minlength=1)[codes] >= least)


def _only_used(data: Interactions) -> Interactions:
    """The same events, of users and items that have one. A truth knows the ids as they were, and goes."""
    users, user_codes = np.unique(data.users, return_inverse=True)
    items, item_codes = np.unique(data.items, return_inverse=True)
    ids = np.append(0, items)
    return replace(
        data,
        users=user_codes.astype(np.int32),
        items=(item_codes + 1).astype(np.int32),
        user_ids=data.user_ids[users],
        item_ids=data.item_ids[ids],
        titles=None if data.titles is None else data.titles[ids],
        truth=None,
    )
