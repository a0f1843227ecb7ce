"""What a data set holds, in words: the facts a reader of a table needs about its data."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from attrec_bench.data.interactions import FINER, SHARED_CLOCKS, Interactions

EPOCH = datetime(1970, 1, 1)
SECONDS_A_YEAR = 365.2425 * 86_400
UNDEFINED, UNDEFINED_LAST = "events whose order is undefined", "users whose last event is undefined"
UNTOLD = "unknown, the data do not tell where their order was free"

CLOCK_WORDS = {
    **{unit: f"{unit}s" for unit in FINER},
    "day": "whole days",
    "relative day": "whole days since each user's own first event",
    "order": "none, only the order of each user's events",
}


def describe(data: Interactions) -> str:
    """Return lines of text: counts, density, lengths, how much of the order is undefined, repeats and the sum."""
    lengths = np.bincount(data.users, minlength=data.n_users)
    density = len(data) / (data.n_users * data.n_items)
    pairs = len(np.unique(data.users.astype(np.int64) * (data.n_items + 1) + data.items))
    tied, last = tied_events(data)
    lines = {
        "users": f"{data.n_users:,}",
        "items": f"{data.n_items:,}",
        **_titles(data),
        "interactions": f"{len(data):,} (density {density:.2%})",
        **left_out(data, "interactions"),
        "events a user": f"{lengths.min()} to {lengths.max():,}, median {np.median(lengths):g}",
        "times": _times(data),
        "users with fewer than 3 events": f"{int((lengths < 3).sum()):,} (they train only)",
        "repeated (user, item) pairs": f"{len(data) - pairs:,}",
        UNDEFINED: f"{tied / len(data):.1%} share their time with another of the same user",
        UNDEFINED_LAST: f"{last / data.n_users:.1%}: protocol.tie_order decides what is tested",
        "sha256": data.sha256,
    }
    if data.clock == "order" and not tied:
        lines |= dict.fromkeys((UNDEFINED, UNDEFINED_LAST), UNTOLD)
    return aligned(lines)


REPEATS = {
    "duplicates=exact": ": copies of another in user, item and time",
    "duplicates=first": ": all but a user's first with an item, not copies alone",
    "duplicates=last": ": all but a user's last with an item, not copies alone",
}
"""What the settings took that are easily confused."""


def left_out(data: Interactions, events: str) -> dict[str, str]:
    """How many events each filter took, and which, in a table's words for them, and the users and items of them all."""
    return {
        f"left out by {by}": f"{count:,} {events}{with_them(data.lost.get(by))}{REPEATS.get(by, '')}"
        for by, count in data.removed.items()
    }


def with_them(lost: Sequence[int] | None) -> str:
    """Users and items that have lost all their events -> the end of what is said of these; no word where it is none.

    None: an older record does not know.
    """
    named = zip(lost or (), ("user", "item"), strict=False)
    told = [f"{number:,} {noun}{'s' * (number != 1)}" for number, noun in named if number]
    return f" and with them {' and '.join(told)}" if told else ""


def _times(data: Interactions) -> str:
    """What the times are and which the first and the last; as dates too, which shows at once a clock that is none."""
    if data.clock not in SHARED_CLOCKS or not len(data):
        return CLOCK_WORDS[data.clock]
    per_second = 1000 ** FINER.index(data.clock) if data.clock in FINER else 1
    ends = [int(data.times.min()), int(data.times.max())]
    years = [1970 + end / per_second / SECONDS_A_YEAR for end in ends]
    dates = ""
    if all(2 <= year < 9999 for year in years):  # what a datetime holds, with a year to spare
        first, last = (f"{EPOCH + timedelta(seconds=end // per_second):%Y-%m-%d}" for end in ends)
        counted = "in seconds" if data.clock == "day" else "counted"
        if data.dated:
            return f"{CLOCK_WORDS[data.clock]}, {first} to {last}"
        dates = f" ({first} to {last}, if {counted} from 1970)"
    return f"{CLOCK_WORDS[data.clock]}, {ends[0]} to {ends[1]}{dates}"


def _titles(data: Interactions) -> dict[str, str]:
    """How many items have a title of their own, where titles were given."""
    if data.titles is None:
        return {}
    named = int(np.sum(data.titles[1:] != data.item_ids[1:]))
    return {"titles": f"{named:,} of {data.n_items:,} items"}


def aligned(lines: Mapping[str, str]) -> str:
    """{"users": "943", ...} -> a line each, with the values below one another."""
    width = max(map(len, lines))
    return "".join(f"{name:<{width}}  {value}\n" for name, value in lines.items())


def tied_events(data: Interactions) -> tuple[int, int]:
    """Return (events that share user and time with another, users whose last time holds several events)."""
    order = np.lexsort((data.times, data.users))
    users, times = data.users[order], data.times[order]
    same = (users[1:] == users[:-1]) & (times[1:] == times[:-1])
    tied = np.append(same, False) | np.append(False, same)
    is_last = np.append(users[1:] != users[:-1], True)
    return int(tied.sum()), int((tied & is_last).sum())
