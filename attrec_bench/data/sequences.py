"""Sequences: text with one user a line, ``user item item ...``, the items in the order of time -> Interactions."""

import re
from pathlib import Path

import numpy as np

from attrec_bench.data.cells import checked_id
from attrec_bench.data.columns import Columns, typed
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.lines import Faults, decode, lines, of_a_csv
from attrec_bench.data.reading import content, events
from attrec_bench.errors import InputError, shown


def sequences(path: str | Path, *, titles: str | None, min_rating: float | None) -> Interactions:
    """The layout of S3-Rec's files and of what was derived from them: an event's time is its place in the line.

    Values are separated by blanks or tabs. InputError for a user without items and for one on two lines, whose order
    nobody could tell, and for ``min_rating``, since there are no ratings.
    """
    histories = _users(Path(path))
    lengths = [len(items) for items in histories.values()]
    users = np.repeat(np.array(list(histories), dtype=str), lengths)
    items = np.array([item for items in histories.values() for item in items], dtype=str)
    times = np.concatenate([np.arange(length) for length in lengths])
    return events(Path(path), Columns(typed(users), typed(items), times, None), titles, min_rating)


def _users(path: Path) -> dict[str, list[str]]:
    """User -> items, in the order of the file."""
    histories: dict[str, list[str]] = {}
    faults = Faults(path)
    data = content(path)
    for number, line in lines(decode(path, data)):
        with faults.of_a_line():
            user, items = _history(f"{path}, line {number}", line)
            if user in histories:
                raise InputError(f"{path}, line {number}: user {shown(user)} must have one line, this is another")
            histories[user] = items
    with of_a_csv(data):
        faults.told()
    return histories


def _history(where: str, line: str) -> tuple[str, list[str]]:
    # not split(), which also splits at blanks that an id may hold, such as the one that is not to be broken
    user, *items = re.split("[ \t]+", line.strip(" \t"))
    if not items:
        raise InputError(f"{where}: user {shown(user)} must be followed by at least one item")
    return checked_id(where, "user", user), [checked_id(where, "item", item) for item in items]
