"""Reviews: Amazon's ``reviews_*.json.gz``, one JSON object a line -> Interactions in the order of the file."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from attrec_bench.data.cells import checked_id, is_finite
from attrec_bench.data.columns import Columns, typed
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.lines import Faults, decode, lines
from attrec_bench.data.reading import content, events
from attrec_bench.errors import InputError, shown

USER, ITEM, RATING, TIME = "reviewerID", "asin", "overall", "unixReviewTime"
"""The four keys that are read; an object may have any others."""


def reviews_json(path: str | Path, *, titles: str | None, min_rating: float | None) -> Interactions:
    """Reviews as J. McAuley's 2014 crawl publishes them; a review is an event, its time a whole day.

    ``titles`` and ``min_rating`` are those of ``sources``. InputError names the lines that do not fit.
    """
    text = decode(Path(path), content(Path(path)))
    read: list[tuple[str, str, float, int]] = []
    faults = Faults(Path(path))
    for number, line in lines(text):
        with faults.of_a_line():
            read.append(_event(f"{path}, line {number}", line))
    faults.told()
    users, items, ratings, times = zip(*read, strict=True)
    columns = Columns(
        typed(np.array(users, dtype=str)),
        typed(np.array(items, dtype=str)),
        np.array(times, dtype=np.int64),
        np.array(ratings, dtype=np.float64),
    )
    return events(Path(path), columns, titles, min_rating)


def _event(where: str, line: str) -> tuple[str, str, float, int]:
    """User, item, rating and time."""
    review = _object(where, line)
    user, item = _id(where, review, USER), _id(where, review, ITEM)
    return user, item, _number(where, review, RATING), _time(where, review)


def _object(where: str, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not a JSON object: {error.msg}, got {shown(line[error.pos :] or line)}") from error
    except (ValueError, RecursionError) as error:  # a key twice, a number of thousands of digits, brackets as deep
        raise InputError(f"{where}: not a JSON object: {error}, got {shown(line)}") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a JSON object, got {shown(line.strip())}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs -> object; json would keep the last value of a key that stands twice, and not say so."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice")
    return made


def _present(where: str, review: dict[str, Any], key: str) -> Any:
    if review.get(key) in (None, ""):
        raise InputError(f"{where}: {key} is missing")
    return review[key]


def _id(where: str, review: dict[str, Any], key: str) -> str:
    value = _present(where, review, key)
    if not isinstance(value, str) or "\0" in value or not _is_unicode(value):
        raise InputError(f"{where}: {key} must be a text, got {shown(value)}")
    return checked_id(where, key, value)


def _is_unicode(value: str) -> bool:
    """JSON can write half a character, \\ud83d, which no file in UTF-8 can hold."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _number(where: str, review: dict[str, Any], key: str) -> float:
    value = _present(where, review, key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
        raise InputError(f"{where}: {key} must be a number, got {shown(value)}")
    return float(value)


def _time(where: str, review: dict[str, Any]) -> int:
    value = _present(where, review, TIME)
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise InputError(f"{where}: {TIME} must be a whole number of 64 bits, got {shown(value)}")
    return value
