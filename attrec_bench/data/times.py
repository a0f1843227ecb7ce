"""Times: the cells of a time column -> whole numbers that keep their order exactly, and the unit they are in.

Whole numbers are taken as they are. Fractions and ISO 8601 become whole numbers of the coarsest of seconds,
milliseconds, microseconds and nanoseconds that loses nothing, ISO counted from 1970 in UTC. Shapes: E events.
"""

import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attrec_bench.data.cells import with_a_point
from attrec_bench.data.interactions import FINER, Ints
from attrec_bench.errors import InputError, shown

DECIMALS = 9
"""The most that a time may have: nanoseconds."""

NUMBER = "a number"
"""The kind of a time that is not written as a date."""

_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"([T ](?P<time>\d\d:\d\d(:\d\d([.,](?P<part>\d+))?)?)( ?(?P<zone>Z|UTC|[+-]\d\d(:?\d\d)?))?)?",
    re.ASCII,
)
_YEAR_LAST = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})(?!\d)", re.ASCII)
_EXACT = Context(prec=10**6, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact, InvalidOperation])  # raises, never rounds
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_5138 = 1e11
"""Seconds; a time of today in milliseconds is more."""
_BILLIONTH = Decimal(1).scaleb(-DECIMALS)


log = logging.getLogger(__name__)


class Moment(NamedTuple):
    """What one cell says: ``at`` as a number, ``kind`` how it was written, which must be one for a whole column."""

    kind: str
    at: Decimal


def moment(where: str, cell: str) -> Moment:
    """A cell that is not empty -> what it says; InputError, which begins with ``where``, for one that is no time."""
    text = cell.strip()
    found = _ISO.fullmatch(text)
    read = _date(found) if found else _number(text)
    if read is None:
        hint = _year_first(text) or with_a_point(text)
        raise InputError(f"{where}: time must be a number or an ISO 8601 date, got {shown(cell)}{hint}")
    if not -(2**63) <= read.at < 2**63:
        raise InputError(f"{where}: time must be a number of 64 bits, got {shown(cell)}")
    if read.at != int(read.at) and _EXACT.remainder(read.at, _BILLIONTH):
        raise InputError(f"{where}: time must have at most {DECIMALS} decimals, got {shown(cell)}")
    return read


class Settled(NamedTuple):
    """Times [E], what they are if a number counts seconds, one of ``CLOCKS``, and whether they stood as dates."""

    times: NDArray[np.int64]
    clock: str
    dated: bool


def settled(path: Path, read: Sequence[Moment]) -> Settled:
    """Moments [E] of one kind -> one column."""
    dated = bool(read) and read[0].kind != NUMBER
    if read and read[0].kind == "a date":
        return Settled(np.array([int(each.at) for each in read], dtype=np.int64), "day", dated)
    decimals = max((_decimals(each.at) for each in read), default=0)
    unit = -(-decimals // 3)
    scaled = [int(each.at.scaleb(3 * unit, _EXACT)) for each in read]
    worst = max(scaled, key=abs, default=0)
    if not -(2**63) <= worst < 2**63:
        at = read[scaled.index(worst)].at
        raise InputError(
            f"{path}: times with {decimals} decimals must fit 64 bits in {FINER[unit]}s, got {shown(f'{at:f}')}"
        )
    return Settled(np.array(scaled, dtype=np.int64), FINER[unit], dated)


def clock_of(asked: str, told: str, times: Ints, *, dated: bool) -> str:
    """What times are of which the user says that they are ``asked`` and the file tells that they are ``told``.

    Dates are days, and fractions have made the unit finer. A time after the year 5000 is warned of: its unit is finer.
    InputError for ISO 8601, ``dated``, of which the user says what only numbers leave open.
    """
    if dated:
        if asked in FINER[1:]:
            raise InputError(
                f"dataset.clock={asked} says what numbers count, and these times are ISO 8601, which tell their unit "
                "themselves: leave dataset.clock out"
            )
        return told if asked in FINER else asked
    if asked not in FINER:
        return asked
    clock = FINER[min(FINER.index(asked) + FINER.index(told), len(FINER) - 1)]
    latest = float(np.abs(times, dtype=np.float64).max(initial=0)) / 1000.0 ** FINER.index(clock)
    if latest >= _YEAR_5138:
        steps = 1 + int(np.log10(latest / _YEAR_5138) // 3)
        meant = FINER[min(FINER.index(clock) + steps, len(FINER) - 1)]
        log.warning(
            "dataset.clock=%s puts a time, %d, after the year 5000: is dataset.clock=%s meant?",
            asked, times[np.abs(times, dtype=np.float64).argmax()], meant,
        )  # fmt: skip
    return clock


def _number(text: str) -> Moment | None:
    try:
        fine = isfinite(float(text)) and "_" not in text  # Python alone reads 1_0 as 10
        return Moment(NUMBER, _EXACT.create_decimal(text)) if fine else None
    except (ValueError, ArithmeticError):
        return None


def _date(found: re.Match[str]) -> Moment | None:
    """Seconds since 1970 in UTC; a time without a zone is taken to be in it."""
    date, clock, part, zone = found.group("date", "time", "part", "zone")
    offset = "+00:00" if zone in (None, "Z", "UTC") else zone
    try:
        since = datetime.fromisoformat(f"{date}T{(clock or '00:00')[:8]}{offset}") - _1970
    except ValueError:
        return None
    seconds = Decimal(since.days * 86_400 + since.seconds)
    kind = "a date" if clock is None else "a date and time" if zone is None else "a date and time with its zone"
    return Moment(kind, seconds if part is None else _EXACT.add(seconds, Decimal(f"0.{part}")))


def _year_first(text: str) -> str:
    """What to write in place of 31.12.2023 or 12/31/2023, as the end of a message; nothing where there is no such."""
    found = _YEAR_LAST.match(text)
    if found is None:
        return ""
    day, mark, month, year = found.groups()
    date = f"{year}-{month:0>2}-{day:0>2}" if mark == "." else f"{year}-MM-DD"  # of 1/2/2024 nobody knows the day
    return f" (write {date}, with the year first)"


def _decimals(at: Decimal) -> int:
    exponent = at.normalize(_EXACT).as_tuple().exponent
    return max(0, -int(exponent))
