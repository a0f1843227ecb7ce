"""Sequences: text with one user a line, ``user item item ...``, the items in the order of time -> Interactions."""

from pathlib import Path

import numpy as np

from attrec_bench.data.columns import Columns, decode, typed
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.reading import content, events
from attrec_bench.errors import InputError


def sequences(path: str | Path, *, titles: str | None, min_rating: float | None) -> Interactions:
    """The layout of S3-Rec's files and of what was derived from them: an event's time is its place in the line.

    Values are separated by blanks or tabs. InputError for a user without items and for one on two lines, whose order
    nobody could tell, and for ``min_rating``, since there are no ratings.
    """
    lines = _users(Path(path))
    lengths = [len(items) for items in lines.values()]
    users = np.repeat(np.array(list(lines), dtype=str), lengths)
    items = np.array([item for items in lines.values() for item in items], dtype=str)
    times = np.concatenate([np.arange(length) for length in lengths])
    return events(Path(path), Columns(typed(users), typed(items), times, None), titles, min_rating)


def _users(path: Path) -> dict[str, list[str]]:
    """User -> items, in the order of the file."""
    lines: dict[str, list[str]] = {}
    for number, line in enumerate(decode(path, content(path)).split("\n"), start=1):
        values = line.split()
        if not values:
            continue
        user, items = values[0], values[1:]
        if not items:
            raise InputError(f"{path}, line {number}: user {user!r} must be followed by at least one item")
        if user in lines:
            raise InputError(f"{path}, line {number}: user {user!r} must have one line, this is another")
        lines[user] = items
    return lines
