"""Columns: the bytes of a separated file -> typed columns, or one line that names the first bad line.

A good file is read by pandas at full speed. Only when that fails is it read again line by line, with the same rules,
because pandas does not say which line was wrong. Shapes: E events.
"""

import re
import warnings
from collections import deque
from csv import QUOTE_MINIMAL, QUOTE_NONE
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attrec_bench.data.interactions import Ints, Mask
from attrec_bench.data.lines import decode, rows
from attrec_bench.errors import InputError, shown

LONGEST_ID = 1000
"""Characters. Arrays of text give each of E events the room of the longest: what is no id but a text would fill it."""

_PLAIN_ID = re.compile(r"0|-?[1-9][0-9]{0,18}")  # "007" is a text: as a number it would lose its zeros
_EXACT = 2.0**53  # from here on a float is not every whole number


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
    """E events in file order: ids [E] as int64 where all are whole numbers, else as text; ratings [E] or None."""

    users: NDArray[np.generic]
    items: NDArray[np.generic]
    times: NDArray[np.int64]
    ratings: NDArray[np.float64] | None

    def take(self, index: Ints | Mask) -> "Columns":
        """Return the events at ``index``, in that order."""
        ratings = None if self.ratings is None else self.ratings[index]
        return Columns(self.users[index], self.items[index], self.times[index], ratings)


def read_columns(path: Path, data: bytes, layout: Layout) -> Columns:
    """Read ``data``, the content of ``path``; InputError names the first line that does not fit."""
    if layout.quoted and b'"' in data:
        deque(rows(path, decode(path, data), layout.separator, quoted=True), maxlen=0)  # pandas takes any quotes
    return _read_fast(data, layout) or _read_lines(path, data, layout)


def _read_fast(data: bytes, layout: Layout) -> Columns | None:
    """All columns through pandas, or None if anything at all looks wrong."""
    separator = layout.separator.encode()
    if len(separator) > 1:
        if b"\t" in data or layout.quoted:
            return None
        data, separator = data.replace(separator, b"\t"), b"\t"  # pandas is fast with a single character only
    if data.count(b"\r") != data.count(b"\r\n") or (layout.quoted and separator != b"\t" and b"\t" in data):
        return None  # it misreads a blank after a lone CR, and takes a tab after a separator away
    text = str if _changes_as_number(data, separator) else None  # else let pandas infer
    table = _table(data, separator.decode(), layout, text)
    if table is not None and text is None and not all(table[k].dtype == np.int64 for k in (layout.user, layout.item)):
        table = _table(data, separator.decode(), layout, str)
    if table is None or not all(_are_ids(table[k]) for k in (layout.user, layout.item)):
        return None
    times = np.arange(len(table)) if layout.time is None else _whole(table[layout.time])
    ratings = None if layout.rating is None else _finite(table[layout.rating])
    if times is None or (layout.rating is not None and ratings is None):
        return None
    return Columns(_ids(table[layout.user]), _ids(table[layout.item]), times, ratings)


def _changes_as_number(data: bytes, separator: bytes) -> bool:
    """Whether an id may look like a number that is written otherwise: with zeros, a plus or blanks around it."""
    marks = (separator, b"\n", b'"')
    zeros = (b" 0", b"-0", *(mark + b"0" for mark in marks))
    blanks = (b" \r", b"\v", b"\f", *(mark + b" " for mark in marks), *(b" " + mark for mark in marks))
    tabs = (b"\t",) if separator != b"\t" else ()
    return data[:1] in (b"0", b" ") or any(sign in data for sign in (b"+", *zeros, *blanks, *tabs))


def _table(data: bytes, separator: str, layout: Layout, ids: type[str] | None) -> pd.DataFrame | None:
    """The file as a frame with columns 0..width-1, or None; ``ids`` is the type of user and item, None to infer it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = pd.read_csv(
                BytesIO(data),
                sep=separator,
                header=None,
                skiprows=1 if layout.header else 0,
                index_col=False,
                dtype={layout.user: ids, layout.item: ids} if ids else None,
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
    except OverflowError:
        return ids


def _finite(column: "pd.Series[Any]") -> NDArray[np.float64] | None:
    """A column of finite numbers as float64, or None if it is anything else."""
    if not (pd.api.types.is_numeric_dtype(column) and column.dtype != np.bool_):
        return None
    values: NDArray[np.float64] = column.to_numpy(np.float64)
    return values if bool(np.isfinite(values).all()) else None


def _whole(column: "pd.Series[Any]") -> NDArray[np.int64] | None:
    """A column of whole numbers as int64, or None if it is anything else."""
    if column.dtype == np.int64:
        return np.asarray(column, dtype=np.int64)
    values = _finite(column)
    if values is None or bool(np.any(values != np.floor(values))) or bool(np.any(np.abs(values) >= _EXACT)):
        return None
    return values.astype(np.int64)


def _read_lines(path: Path, data: bytes, layout: Layout) -> Columns:
    """The same rules line by line; raises InputError at the first line that breaks one."""
    users, items, times, ratings = [], [], [], []
    numbered = rows(path, decode(path, data), layout.separator, quoted=layout.quoted)
    if layout.header:
        next(numbered)
    for position, (line, row) in enumerate(numbered):
        where = f"{path}, line {line}"
        if not layout.needed <= len(row) <= layout.width:
            separator = "tabs" if layout.separator == "\t" else repr(layout.separator)
            raise InputError(f"{where}: expected {layout.width} columns separated by {separator}, got {len(row)}")
        users.append(checked_id(where, "user", row[layout.user]))
        items.append(checked_id(where, "item", row[layout.item]))
        times.append(position if layout.time is None else _parse_time(where, row[layout.time]))
        if layout.rating is not None:
            ratings.append(_parse_number(where, "rating", "a number", row[layout.rating]))
    return Columns(
        typed(np.array(users, dtype=str)),
        typed(np.array(items, dtype=str)),
        np.array(times, dtype=np.int64),
        None if layout.rating is None else np.array(ratings, dtype=np.float64),
    )


def checked_id(where: str, name: str, value: str) -> str:
    """The same, if a user or an item can be called that."""
    if len(_present(where, name, value)) > LONGEST_ID:
        raise InputError(f"{where}: {name} must have at most {LONGEST_ID:,} characters, got {shown(value)}")
    return value


def is_finite(value: float) -> bool:
    """Whether a float64 holds it: neither NaN nor infinite, nor a whole number of hundreds of digits."""
    try:
        return isfinite(value)
    except OverflowError:
        return False


def _present(where: str, name: str, value: str) -> str:
    if not value:
        raise InputError(f"{where}: {name} is missing")
    return value


def _parse_number(where: str, name: str, kind: str, value: str) -> float:
    _present(where, name, value)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not isfinite(number) or "_" in value:  # Python alone reads 1_0 as 10
        raise InputError(f"{where}: {name} must be {kind}, got {shown(value)}")
    return number


def _parse_time(where: str, value: str) -> int:
    number = _parse_number(where, "time", "a whole number", value)
    exact = Decimal(value.strip()) if abs(number) >= _EXACT else Decimal(number)
    whole = int(exact)
    if whole != exact or not -(2**63) <= whole < 2**63:
        raise InputError(f"{where}: time must be a whole number of 64 bits, got {shown(value)}")
    return whole
