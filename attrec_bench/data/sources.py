"""Sources: one function for each published layout, a file -> Interactions in the order of the file.

Every row is one event of implicit feedback; ``min_rating`` leaves out the rows below it. ``titles`` names a file next
to the data that gives each item a readable name; where it is absent the items show their ids.
"""

import gzip
import zlib
from csv import reader as csv_reader
from dataclasses import replace
from difflib import get_close_matches
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np

from attrec_bench.data.columns import Columns, Layout, decode, read_columns
from attrec_bench.data.interactions import Interactions, encode
from attrec_bench.errors import InputError, require

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_TITLE_SEPARATORS = {".item": "|", ".dat": "::"}


def udata(path: str | Path, *, titles: str | None, min_rating: float | None) -> Interactions:
    """MovieLens-100K's ``u.data``: user, item, rating, timestamp, separated by tabs, without a header."""
    layout = Layout("\t", width=4, user=0, item=1, rating=2, time=3, header=False, quoted=False)
    return _interactions(Path(path), _content(Path(path)), layout, titles, min_rating)


def ratings_dat(path: str | Path, *, titles: str | None, min_rating: float | None) -> Interactions:
    """MovieLens-1M's and -10M's ``ratings.dat``: user::item::rating::timestamp, without a header."""
    layout = Layout("::", width=4, user=0, item=1, rating=2, time=3, header=False, quoted=False)
    return _interactions(Path(path), _content(Path(path)), layout, titles, min_rating)


def csv(
    path: str | Path,
    *,
    user: str,
    item: str,
    time: str | None,
    rating: str | None,
    separator: str,
    titles: str | None,
    min_rating: float | None,
) -> Interactions:
    """A csv file with a header, also compressed (.gz); ``user``, ``item``, ``time``, ``rating`` name its columns.

    Without ``time`` (null) a user's events happened in the order of the file. A ``rating`` column is checked where the
    file has it, and needed only by ``min_rating``.
    """
    separator = "\t" if separator == r"\t" else separator  # as a shell hands it on
    require(isinstance(separator, str) and len(separator) == 1, "separator must be a single character", separator)
    for role, name in {"user": user, "item": item}.items():
        require(isinstance(name, str), f"{role} must be the name of a column", name)
    for role, optional in {"time": time, "rating": rating}.items():
        require(isinstance(optional, str | None), f"{role} must be the name of a column or null", optional)
    data = _content(Path(path))
    header = _header(Path(path), data, separator)
    places = {name: _place(Path(path), header, role, name) for role, name in _named(user, item, time, rating, header)}
    layout = Layout(
        separator,
        width=len(header),
        user=places[user],
        item=places[item],
        time=None if time is None else places[time],
        rating=None if rating is None else places.get(rating),
        header=True,
        quoted=True,
    )
    if min_rating is not None and layout.rating is None:
        raise InputError(f"min_rating={min_rating} needs a rating column, {path} has only {', '.join(header)}")
    return _interactions(Path(path), data, layout, titles, min_rating)


def _named(user: str, item: str, time: str | None, rating: str | None, header: list[str]) -> list[tuple[str, str]]:
    """(Role, column) of the columns that must be found; a rating that the file does not have is not among them."""
    named = [("user", user), ("item", item), ("time", time), ("rating", rating if rating in header else None)]
    return [(role, name) for role, name in named if name is not None]


def _place(path: Path, header: list[str], role: str, name: str) -> int:
    """The position of column ``name``; InputError lists the columns that there are and offers the nearest one."""
    if header.count(name) > 1:
        raise InputError(f"{path}: column {name!r} must stand once in the header, got {', '.join(header)}")
    if name not in header:
        near = get_close_matches(name, header, n=1)
        hint = f" (did you mean {role}={near[0]}?)" if near else ""
        raise InputError(f"{path}: no column {name!r} for {role}; the columns are {', '.join(header)}{hint}")
    return header.index(name)


def _header(path: Path, data: bytes, separator: str) -> list[str]:
    """The names in the first line."""
    line = decode(path, BytesIO(data).readline().rstrip(b"\r\n"))
    return [name.strip() for name in next(csv_reader([line], delimiter=separator, skipinitialspace=True), [])]


def _content(path: Path) -> bytes:
    """The bytes of a file, uncompressed and without a byte order mark; InputError if there are none."""
    require(path.is_file(), "the data must be a file that exists", str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: not a whole gzip file: {error}") from error
    data = data.removeprefix(_BOM)
    if not data.strip():
        raise InputError(f"{path} is empty")
    return data


def _interactions(
    path: Path, data: bytes, layout: Layout, titles: str | None, min_rating: float | None
) -> Interactions:
    """The rows of at least ``min_rating`` as Interactions."""
    columns = read_columns(path, data, layout)
    if not len(columns.times):
        raise InputError(f"{path} has a header but no events")
    if min_rating is not None:
        columns = _rated(path, columns, min_rating)
    named = None if titles is None else _titles(path.parent / titles)
    return encode(columns.users, columns.items, columns.times, named)


def _rated(path: Path, columns: Columns, min_rating: float) -> Columns:
    """The events rated ``min_rating`` or higher."""
    is_number = isinstance(min_rating, int | float) and not isinstance(min_rating, bool) and np.isfinite(min_rating)
    require(bool(is_number), "min_rating must be a number or null", min_rating)
    assert columns.ratings is not None, "the layout was read with its ratings"
    keep = columns.ratings >= min_rating
    if not keep.any():
        raise InputError(
            f"{path}: no event has min_rating={min_rating}, the largest rating is {columns.ratings.max():g}"
        )
    return replace(
        columns,
        users=columns.users[keep],
        items=columns.items[keep],
        times=columns.times[keep],
        ratings=columns.ratings[keep],
    )


def _titles(path: Path) -> dict[str, str] | None:
    """Item id -> title: the first two columns of ``u.item``, ``movies.dat`` or a csv with a header; None if absent."""
    if not path.is_file():
        return None
    data = path.read_bytes().removeprefix(_BOM)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("iso-8859-1")  # MovieLens before 2015
    separator = _TITLE_SEPARATORS.get(path.suffix)
    # not splitlines, which also breaks a line at characters that a title may hold, such as \x85 in iso-8859-1
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    rows = list(csv_reader(StringIO(text)))[1:] if separator is None else [line.split(separator) for line in lines]
    return {row[0]: row[1] for row in rows if len(row) > 1}
