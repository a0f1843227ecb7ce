"""Sources: one function for each published layout with a separator, a file -> Interactions in the order of the file.

Every row is one event of implicit feedback; ``min_rating`` leaves out the rows below it. ``titles`` names a file next
to the data that gives each item a readable name; where it is absent the items show their ids. What is no table stands
in ``reviews`` (a JSON object a line) and ``sequences`` (a user a line).
"""

import re
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from attrec_bench.data.columns import Layout, read_columns
from attrec_bench.data.filters import core_of
from attrec_bench.data.interactions import Interactions, lost
from attrec_bench.data.lines import decode, of_a_csv, rows
from attrec_bench.data.reading import content, events
from attrec_bench.data.times import moment
from attrec_bench.errors import InputError, require, shown

LONGEST_SHOWN, MOST_SHOWN = 60, 30
"""Characters of a column's name, and columns, that a message shows."""

NAMES = re.compile(rb"user(_?id)?[ \t]+item(_?id)?", re.IGNORECASE)
"""A first line that nobody means as a user with an item."""

Roles = dict[str, str | None]
"""user, item, time and rating -> the name of its column; None: the file has none, or none of interest."""


def udata(path: str | Path, *, titles: str | None, min_rating: float | None) -> Interactions:
    """MovieLens-100K's ``u.data``: user, item, rating, timestamp, separated by tabs, without a header."""
    layout = Layout("\t", width=4, user=0, item=1, rating=2, time=3, header=False, quoted=False)
    return _read(Path(path), layout, titles, min_rating)


def ratings_dat(path: str | Path, *, titles: str | None, min_rating: float | None) -> Interactions:
    """MovieLens-1M's and -10M's ``ratings.dat``: user::item::rating::timestamp, without a header."""
    layout = Layout("::", width=4, user=0, item=1, rating=2, time=3, header=False, quoted=False)
    return _read(Path(path), layout, titles, min_rating)


def amazon_ratings(path: str | Path, *, core: int | None, titles: str | None, min_rating: float | None) -> Interactions:
    """A category of Amazon's ``ratings_*.csv``: user,item,rating,timestamp, without a header.

    The file holds every rating. ``core`` takes what is published as the "5-core" out of it, before anything else: users
    and items with at least so many ratings, counted until nothing more falls away; null takes all.
    """
    layout = Layout(",", width=4, user=0, item=1, rating=2, time=3, header=False, quoted=False)
    columns = read_columns(Path(path), content(Path(path)), layout)
    if core is None:
        return events(Path(path), columns, titles, min_rating)
    users, items = (np.unique(ids, return_inverse=True)[1] for ids in (columns.users, columns.items))
    kept = core_of(users, items, core, "core")
    if not len(kept):
        raise InputError(f"core={core} leaves none of the {len(columns.times):,} events of {path}")
    made = events(Path(path), columns.take(kept), titles, min_rating)
    removed, gone = len(columns.times) - len(kept), lost(users, items, kept)
    return replace(made, removed={f"core={core}": removed, **made.removed}, lost={f"core={core}": gone, **made.lost})


def pairs(path: str | Path, *, titles: str | None, min_rating: float | None) -> Interactions:
    """``user item`` a line, separated by a blank or a tab: a user's events happened in the order of the file."""
    data = content(Path(path))
    first = _first_line(data.lstrip(b"\r\n"))
    separator = "\t" if b"\t" in first else " "
    if NAMES.fullmatch(first.strip()):
        typed = r"\t" if separator == "\t" else separator
        raise InputError(
            f"{path}: the first line must be a pair, got the names of columns {shown(first.decode().strip())} "
            f"(with them it is read by dataset=csv \"dataset.separator='{typed}'\")"
        )
    layout = Layout(separator, width=2, user=0, item=1, rating=None, time=None, header=False, quoted=False)
    with of_a_csv(data):
        columns = read_columns(Path(path), data, layout)
    return events(Path(path), columns, titles, min_rating)


def user_taggedartists(path: str | Path, *, titles: str | None, min_rating: float | None) -> Interactions:
    """HetRec 2011's ``user_taggedartists-timestamps.dat``: userID, artistID, tagID, timestamp, tabs, with a header.

    An event is a tag that a user gave to an artist: several tags at once are several events of one pair.
    """
    roles: Roles = {"user": "userID", "item": "artistID", "time": "timestamp", "rating": None}
    data = content(Path(path))
    header = _header(Path(path), data, "\t", quoted=False)
    return _named(Path(path), data, "\t", header, roles, titles, min_rating, quoted=False)


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
    require(separator not in '"\r\n', "separator must be neither a quote nor the end of a line", separator)
    roles = _checked({"user": user, "item": item, "time": time, "rating": rating})
    data = content(Path(path))
    header = _header(Path(path), data, separator, quoted=True)
    return _named(Path(path), data, separator, header, roles, titles, min_rating, quoted=True)


def inter(
    path: str | Path,
    *,
    user: str,
    item: str,
    time: str | None,
    rating: str | None,
    titles: str | None,
    min_rating: float | None,
) -> Interactions:
    """RecBole's ``.inter``: separated by tabs, with a header of names and types, ``user_id:token``.

    Keywords are those of ``csv``: names without their types. A user and an item must be tokens, the others floats.
    """
    roles = _checked({"user": user, "item": item, "time": time, "rating": rating})
    data = content(Path(path))
    header = _untyped(Path(path), _header(Path(path), data, "\t", quoted=False), roles)
    return _named(Path(path), data, "\t", header, roles, titles, min_rating, quoted=False)


def _checked(roles: Roles) -> Roles:
    """The same, if each can be a name and no two are one."""
    for role in ("user", "item"):
        require(isinstance(roles[role], str), f"{role} must be the name of a column", roles[role])
    for role in ("time", "rating"):
        require(isinstance(roles[role], str | None), f"{role} must be the name of a column or null", roles[role])
    named: dict[str, str] = {}
    for role, name in roles.items():
        if name is not None and (other := named.setdefault(name, role)) != role:
            raise InputError(f"{other} and {role} must be two columns, got {name!r} for both")
    return roles


def _read(path: Path, layout: Layout, titles: str | None, min_rating: float | None) -> Interactions:
    """A file without a header."""
    return events(path, read_columns(path, content(path), layout), titles, min_rating)


def _named(
    path: Path,
    data: bytes,
    separator: str,
    header: list[str],
    roles: Roles,
    titles: str | None,
    min_rating: float | None,
    *,
    quoted: bool,
) -> Interactions:
    """A file with these names in its first line, in which every role but the rating must be found."""
    places = {
        role: _place(path, header, role, name)
        for role, name in roles.items()
        if name is not None and (role != "rating" or name in header)
    }
    layout = Layout(
        separator,
        width=len(header),
        user=places["user"],
        item=places["item"],
        time=places.get("time"),
        rating=places.get("rating"),
        header=True,
        quoted=quoted,
    )
    if min_rating is not None and layout.rating is None:
        wanted = "" if roles["rating"] is None else f" (dataset.rating is {roles['rating']!r})"
        raise InputError(f"min_rating={min_rating} needs a rating column{wanted}, {path} has only {_listed(header)}")
    return events(path, read_columns(path, data, layout), titles, min_rating)


def _untyped(path: Path, header: list[str], roles: Roles) -> list[str]:
    """["user_id:token", ...] -> ["user_id", ...]; InputError for a column without a type and a role of another type."""
    names = []
    for column in header:
        name, colon, kind = column.rpartition(":")
        if not colon:
            other = "" if any(":" in each for each in header) else " (without types it is read by dataset=csv)"
            raise InputError(
                f"{path}, line 1: column {shown(column)} must have a type, as in {_listed([column])}:token{other}"
            )
        for role in (role for role, wanted in roles.items() if wanted == name):
            needed = "token" if role in ("user", "item") else "float"
            if kind != needed:
                raise InputError(f"{path}, line 1: {role} must be of type {needed}, got {_listed([column])}")
        names.append(name)
    return names


def _place(path: Path, header: list[str], role: str, name: str) -> int:
    """The position of column ``name``; InputError lists the columns that there are and offers the nearest one."""
    if header.count(name) > 1:
        raise InputError(f"{path}, line 1: column {name!r} must stand once in the header, got {_listed(header)}")
    if name not in header:
        near = get_close_matches(name, header, n=1)
        hint = f" (did you mean {role}={_listed(near)}?)" if near else _other_layout(header)
        raise InputError(f"{path}, line 1: no column {name!r} for {role}; the columns are {_listed(header)}{hint}")
    return header.index(name)


def _other_layout(header: list[str]) -> str:
    """The hint for a header of one column, in which another separator stands, and for a first line of values."""
    cells = re.split("[ \t]+", header[0])
    if len(header) == 1 and len(cells) > 1 and any(map(_is_value, cells)):
        return " (no header: `user item` a line is read by dataset=pairs, `user item item ...` by dataset=sequences)"
    separator = next((each for each in ";\t|," if len(header) == 1 and each in header[0]), None)
    if separator is None and any(map(_is_value, header)):
        return " (a line of values: put one before it that names the columns, as user_id,item_id,timestamp does)"
    as_typed = r"\t" if separator == "\t" else separator
    return f" (one column only: is \"dataset.separator='{as_typed}'\" meant? quote it as here)" if separator else ""


def _is_value(cell: str) -> bool:
    """Whether a cell is a number or a time, which no column is called."""
    try:
        moment("", cell)
    except InputError:
        return False
    return True


def _listed(names: list[str]) -> str:
    """Names from a file for a message: what would break its line is escaped, and what is too long or many is cut."""
    told = [name if name.isprintable() and len(name) <= LONGEST_SHOWN else shown(name) for name in names[:MOST_SHOWN]]
    rest = len(names) - len(told)
    return ", ".join(told) + (f" and {rest:,} more" if rest else "")


def _header(path: Path, data: bytes, separator: str, *, quoted: bool) -> list[str]:
    """The names in the first line."""
    for _, names in rows(path, decode(path, _first_line(data)), separator, quoted=quoted):
        return [name.strip() for name in names]
    raise InputError(f"{path}, line 1: a header must name the columns, the line is blank")


def _first_line(data: bytes) -> bytes:
    return re.split(b"[\r\n]", data, maxsplit=1)[0]
