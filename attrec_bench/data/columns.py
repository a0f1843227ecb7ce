"""Columns: the bytes of a separated file -> typed columns, or one line that names the first bad line.

A good file is read by pandas at full speed. Only when that fails is it read again line by line, with the same rules,
because pandas does not say which line was wrong. Shapes: E events.
"""

import re
import warnings
from collections.abc import Iterator
from csv import QUOTE_MINIMAL, QUOTE_NONE
from csv import Error as CsvError
from csv import reader as csv_reader
from dataclasses import dataclass
from io import BytesIO, StringIO
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attrec_bench.data.interactions import Ints, Mask
from attrec_bench.errors import InputError

_WHOLE = re.compile(r"[+-]?[0-9]+")
_PLAIN_ID = re.compile(r"0|-?[1-9][0-9]{0,17}")  # "007" is a text: as a number it would lose its zeros


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
    return _read_fast(data, layout) or _read_lines(path, data, layout)


def _read_fast(data: bytes, layout: Layout) -> Columns | None:
    """All columns through pandas, or None if anything at all looks wrong."""
    text = None  # let pandas infer; text only where a number would change the id
    separator = layout.separator.encode()
    if len(separator) > 1:
        if b"\t" in data:
            return None
        data, separator = data.replace(separator, b"\t"), b"\t"  # pandas is fast with a single character only
    zeros = [mark + b"0" for mark in (separator, b"\n", b'"', b" ", b"-")]
    blanks = [b" " + mark for mark in (separator, b"\n", b"\r", b'"')]
    if data.startswith(b"0") or any(sign in data for sign in (*zeros, *blanks, b"+")):
        text = str
    table = _table(data, separator.decode(), layout, text)
    if table is not None and text is None and not all(table[k].dtype == np.int64 for k in (layout.user, layout.item)):
        table = _table(data, separator.decode(), layout, str)
    if table is None or bool(table[[layout.user, layout.item]].isna().to_numpy().any()):
        return None
    times = np.arange(len(table)) if layout.time is None else _whole(table[layout.time])
    ratings = None if layout.rating is None else _finite(table[layout.rating])
    if times is None or (layout.rating is not None and ratings is None):
        return None
    return Columns(_ids(table[layout.user]), _ids(table[layout.item]), times, ratings)


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


def _ids(column: "pd.Series[Any]") -> NDArray[np.generic]:
    """A column without gaps -> int64 if every id is a plain whole number, else text."""
    if column.dtype == np.int64:
        return column.to_numpy(np.int64)
    return typed(column.to_numpy(dtype=str))


def typed(ids: NDArray[np.str_]) -> NDArray[np.generic]:
    """Text [E] -> int64 if every id is a plain whole number, so that 9 comes before 10; else as it is."""
    distinct = np.unique(ids).tolist()
    return ids.astype(np.int64) if all(map(_PLAIN_ID.fullmatch, distinct)) else ids


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
    if values is None or bool(np.any(values != np.floor(values))) or bool(np.any(np.abs(values) >= 2.0**63)):
        return None
    return values.astype(np.int64)


def _read_lines(path: Path, data: bytes, layout: Layout) -> Columns:
    """The same rules line by line; raises InputError at the first line that breaks one."""
    users, items, times, ratings = [], [], [], []
    for position, (line, row) in enumerate(_rows(path, data, layout)):
        where = f"{path}, line {line}"
        if not layout.needed <= len(row) <= layout.width:
            separator = "tabs" if layout.separator == "\t" else repr(layout.separator)
            raise InputError(f"{where}: expected {layout.width} columns separated by {separator}, got {len(row)}")
        users.append(_present(where, "user", row[layout.user]))
        items.append(_present(where, "item", row[layout.item]))
        times.append(position if layout.time is None else _parse_time(where, row[layout.time]))
        if layout.rating is not None:
            ratings.append(_parse_number(where, "rating", "a number", row[layout.rating]))
    return Columns(
        typed(np.array(users, dtype=str)),
        typed(np.array(items, dtype=str)),
        np.array(times, dtype=np.int64),
        None if layout.rating is None else np.array(ratings, dtype=np.float64),
    )


def _rows(path: Path, data: bytes, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """(Line number, values) of each line with data on it."""
    text = decode(path, data)
    if layout.quoted:
        reader = csv_reader(StringIO(text, newline=""), delimiter=layout.separator, skipinitialspace=True)
        numbered = ((reader.line_num, row) for row in reader)
    else:
        lines = enumerate(re.split("\r\n|\n|\r", text), start=1)
        numbered = ((number, line.split(layout.separator)) for number, line in lines)
    try:
        for index, (number, row) in enumerate(numbered):
            is_blank = not row or (len(row) == 1 and not row[0].strip())
            if not is_blank and (index or not layout.header):
                yield number, row
    except CsvError as error:
        raise InputError(f"{path}: not a readable csv file: {error}") from error


def decode(path: Path, data: bytes) -> str:
    """UTF-8 bytes -> text; InputError names the line of the first byte that is not."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: not UTF-8, got byte 0x{data[error.start]:02x}") from error


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
        raise InputError(f"{where}: {name} must be {kind}, got {value!r}")
    return number


def _parse_time(where: str, value: str) -> int:
    number = _parse_number(where, "time", "a whole number", value)
    exact = int(value) if _WHOLE.fullmatch(value.strip()) else int(number)
    if number != int(number) or not -(2**63) <= exact < 2**63:
        raise InputError(f"{where}: time must be a whole number of 64 bits, got {value!r}")
    return exact
