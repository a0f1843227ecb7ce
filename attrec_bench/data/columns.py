"""Columns: the bytes of a separated file -> typed columns, or one line that names the bad lines.

A good file is read by pandas at full speed. Only when that fails is it read again line by line, with the same rules,
because pandas does not say which line was wrong. Shapes: E events.
"""

import re
import warnings
from csv import QUOTE_MINIMAL, QUOTE_NONE
from dataclasses import dataclass, replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attrec_bench.data.cells import LONGEST_ID, checked_id, checked_number, present
from attrec_bench.data.interactions import Ints, Mask
from attrec_bench.data.lines import Faults, decode, rows
from attrec_bench.data.times import NUMBER, Moment, Settled, moment, settled
from attrec_bench.errors import InputError, shown

_PLAIN_ID = re.compile(r"0|-?[1-9][0-9]{0,18}")  # "007" is a text: as a number it would lose its zeros


@dataclass(frozen=True)
class Layout:
    """Where the columns of a separated file stand, counted from 0.

    width    the number of columns                     time    None: the position in the file is the time
    header   the first line names the columns          rating  None: the file has none
    quoted   "a, b" in quotes is one value, and blanks after a separator do not count
    """

    separator: str
    width: int
    user: int
    item: int
    time: int | None
    rating: int | None
    header: bool
    quoted: bool

    @property
    def needed(self) -> int:
        """How many columns a line must have at the least: later ones are of no interest and may be left out."""
        return 1 + max(place for place in (self.user, self.item, self.time, self.rating) if place is not None)


@dataclass(frozen=True, eq=False)
class Columns:
    """E events in file order: ids [E] as int64 where all are whole numbers, else as text; ratings [E] or None.

    ``clock`` is what ``times`` are if a number in the file counts seconds, and ``dated`` whether they were written as
    dates, see ``times.settled``.
    """

    users: NDArray[np.generic]
    items: NDArray[np.generic]
    times: NDArray[np.int64]
    ratings: NDArray[np.float64] | None
    clock: str = "second"
    dated: bool = False

    def take(self, index: Ints | Mask) -> "Columns":
        """Return the events at ``index``, in that order."""
        ratings = None if self.ratings is None else self.ratings[index]
        return replace(self, users=self.users[index], items=self.items[index], times=self.times[index], ratings=ratings)


def read_columns(path: Path, data: bytes, layout: Layout) -> Columns:
    """Read ``data``, the content of ``path``; InputError names the first line that does not fit."""
    if layout.quoted and b'"' in data:
        for number, row in rows(path, decode(path, data), layout.separator, quoted=True):  # pandas takes any quotes
            _whole_ids(f"{path}, line {number}", row, layout)
    return _read_fast(data, layout) or _read_lines(path, data, layout)


def _whole_ids(where: str, row: list[str], layout: Layout) -> None:
    """Raise InputError for an id that runs over several lines: two stray quotes make one of all that is between."""
    for name, column in (("user", layout.user), ("item", layout.item)):
        if column < len(row) and {"\n", "\r"} & set(row[column].strip()):
            raise InputError(f"{where}: {name} must stand on one line, got {shown(row[column])}; a quote may be astray")


def _read_fast(data: bytes, layout: Layout) -> Columns | None:
    """All columns through pandas, or None if anything at all looks wrong."""
    separator = layout.separator.encode()
    if len(separator) > 1:
        if b"\t" in data or layout.quoted:
            return None
        data, separator = data.replace(separator, b"\t"), b"\t"  # pandas is fast with a single character only
    if data.count(b"\r") != data.count(b"\r\n") or (layout.quoted and separator != b"\t" and b"\t" in data):
        return None  # it misreads a blank after a lone CR, and takes a tab after a separator away
    ids = {layout.user, layout.item}
    text = ids if _changes_as_number(data, separator) else set()  # else let pandas infer
    table = _table(data, separator.decode(), layout, text)
    if table is not None and (wrong := _not_whole(table, layout) - text):
        text = text | wrong | (ids if wrong & ids else set())
        table = _table(data, separator.decode(), layout, text)
    if table is None or not all(_are_ids(table[k]) for k in ids):
        return None
    timed = Settled(np.arange(len(table)), "second", False) if layout.time is None else _times(table[layout.time])
    ratings = None if layout.rating is None else _finite(table[layout.rating])
    if timed is None or (layout.rating is not None and ratings is None):
        return None
    return Columns(_ids(table[layout.user]), _ids(table[layout.item]), timed.times, ratings, timed.clock, timed.dated)


def _changes_as_number(data: bytes, separator: bytes) -> bool:
    """Whether an id may look like a number that is written otherwise: with zeros, a plus or blanks around it."""
    marks = (separator, b"\n", b'"')
    zeros = (b" 0", b"-0", *(mark + b"0" for mark in marks))
    blanks = (b" \r", b"\v", b"\f", *(mark + b" " for mark in marks), *(b" " + mark for mark in marks))
    tabs = (b"\t",) if separator != b"\t" else ()
    return data[:1] in (b"0", b" ") or any(sign in data for sign in (b"+", *zeros, *blanks, *tabs))


def _not_whole(table: pd.DataFrame, layout: Layout) -> set[int]:
    """The places of user, item and time that hold anything but whole numbers."""
    places = {layout.user, layout.item} | (set() if layout.time is None else {layout.time})
    return {place for place in places if table[place].dtype != np.int64}


def _table(data: bytes, separator: str, layout: Layout, text: set[int]) -> pd.DataFrame | None:
    """The file as a frame with columns 0..width-1, those at ``text`` as they stand and the others inferred; or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = pd.read_csv(
                BytesIO(data),
                sep=separator,
                header=None,
                skiprows=1 if layout.header else 0,
                index_col=False,
                dtype=dict.fromkeys(text, str),
                na_values=[""],
                keep_default_na=False,  # an item may be called NA
                low_memory=False,  # one type a column, not one a chunk
                quoting=QUOTE_MINIMAL if layout.quoted else QUOTE_NONE,
                skipinitialspace=layout.quoted,
            )
    except (ValueError, OverflowError, Warning):  # ParserError and UnicodeDecodeError are ValueErrors
        return None
    return table if layout.needed <= table.shape[1] <= layout.width else None


def _are_ids(column: "pd.Series[Any]") -> bool:
    """Whether none is missing and none too long."""
    return column.dtype == np.int64 or bool(column.notna().all() and column.str.len().max() <= LONGEST_ID)


def _ids(column: "pd.Series[Any]") -> NDArray[np.generic]:
    """A column without gaps -> int64 if every id is a plain whole number, else text."""
    if column.dtype == np.int64:
        return column.to_numpy(np.int64)
    return typed(column.to_numpy(dtype=str))


def typed(ids: NDArray[np.str_]) -> NDArray[np.generic]:
    """Text [E] -> int64 if every id is a plain whole number, so that 9 comes before 10; else as it is."""
    distinct = np.unique(ids).tolist()
    try:
        return ids.astype(np.int64) if all(map(_PLAIN_ID.fullmatch, distinct)) else ids
    except OverflowError:  # 19 digits may be more than 64 bits
        return ids


def _finite(column: "pd.Series[Any]") -> NDArray[np.float64] | None:
    """A column of finite numbers as float64, or None if it is anything else."""
    if not (pd.api.types.is_numeric_dtype(column) and column.dtype != np.bool_):
        return None
    values: NDArray[np.float64] = column.to_numpy(np.float64)
    return values if bool(np.isfinite(values).all()) else None


def _times(column: "pd.Series[Any]") -> Settled | None:
    """A column of times, whole numbers or text, or None if one is missing or wrong."""
    if column.dtype == np.int64:
        return Settled(np.asarray(column, dtype=np.int64), "second", False)
    codes, distinct = pd.factorize(column)
    try:
        read = [moment("", cell) for cell in distinct]
        made = settled(Path(), read)
    except InputError:
        return None
    whole = (codes >= 0).all() and len({each.kind for each in read}) == 1
    return made._replace(times=made.times[codes]) if whole else None


def _read_lines(path: Path, data: bytes, layout: Layout) -> Columns:
    """The same rules line by line; raises InputError that tells the lines that break one."""
    read: list[_Event] = []
    faults = Faults(path)
    numbered = rows(path, decode(path, data), layout.separator, quoted=layout.quoted)
    if layout.header:
        next(numbered)
    for position, (line, row) in enumerate(numbered):
        with faults.of_a_line():
            read.append(_event(f"{path}, line {line}", row, position, layout, read))
    faults.told()
    users, items, moments, ratings = zip(*read, strict=True) if read else ((), (), (), ())
    made = settled(path, moments)
    return Columns(
        typed(np.array(users, dtype=str)),
        typed(np.array(items, dtype=str)),
        made.times,
        None if layout.rating is None else np.array(ratings, dtype=np.float64),
        made.clock,
        made.dated,
    )


def _event(where: str, row: list[str], position: int, layout: Layout, before: "list[_Event]") -> "_Event":
    """One line; InputError, which begins with ``where``, if it breaks a rule."""
    if not layout.needed <= len(row) <= layout.width:
        separator = "tabs" if layout.separator == "\t" else repr(layout.separator)
        raise InputError(f"{where}: expected {layout.width} columns separated by {separator}, got {len(row)}")
    user, item = checked_id(where, "user", row[layout.user]), checked_id(where, "item", row[layout.item])
    at = Moment(NUMBER, Decimal(position))
    if layout.time is not None:
        at = moment(where, present(where, "time", row[layout.time]))
        if before and at.kind != before[0].at.kind:
            told = f"time must be {before[0].at.kind} on every line, as before"
            raise InputError(f"{where}: {told}, got {shown(row[layout.time])}")
    rating = 0.0 if layout.rating is None else checked_number(where, "rating", row[layout.rating])
    return _Event(user, item, at, rating)


class _Event(NamedTuple):
    user: str
    item: str
    at: Moment
    rating: float
