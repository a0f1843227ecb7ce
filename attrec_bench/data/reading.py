"""Reading: what every source shares, before and after its layout matters.

file -> content (bytes)  ->  a source's Columns  ->  events (Interactions)
"""

import gzip
import zlib
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from attrec_bench.data.columns import Columns
from attrec_bench.data.interactions import Interactions, Mask, encode, lost
from attrec_bench.data.lines import lines, no_nul, rows
from attrec_bench.errors import InputError, require, shown

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_BOM = b"\xef\xbb\xbf"
_TITLE_SEPARATORS = {".item": ("|",), ".dat": ("::", "\t")}
"""Of files without a quoting rule, by suffix; else it is a csv. Of several the one that ends the first line's id."""
_CSV_SEPARATORS = (",", ";", "\t")


def content(path: Path) -> bytes:
    """The bytes of a file, uncompressed and without a byte order mark; InputError if there are none or is a NUL."""
    require(path.is_file(), "the data must be a file that exists", str(path))
    data = _whole(path)
    if not data.strip():
        raise InputError(f"{path} is empty")
    no_nul(path, data)
    return data


def _whole(path: Path) -> bytes:
    data = _stored(path)
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: not a whole gzip file: {error}") from error
    elif data.startswith(_ZIP) and b"\0" in data:
        raise InputError(f"{path}: a zip archive or a spreadsheet, not a text: take the text out, or save it as csv")
    elif path.suffix == ".gz" and not _is_text(data):  # a browser may have unpacked it and left the name
        raise InputError(f"{path}: not a gzip file, whatever its name says: it must begin with bytes {_GZIP.hex(' ')}")
    while data.startswith(_BOM):  # each program that writes one may add another
        data = data.removeprefix(_BOM)
    return data


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def missing(rule: str, given: str, places: list[Path]) -> InputError:
    """What to raise where none of ``places`` is there: the rule, where was looked, and a name near it that is there."""
    tried = " or ".join(place for place in dict.fromkeys(map(str, places)) if place != given)
    looked = f"; looked for {tried}" if tried else ""
    for place in places:
        here = [each.name for each in place.parent.iterdir()] if place.parent.is_dir() else []
        if near := get_close_matches(place.name, here, n=1):
            return InputError(f"{rule}, got {given!r}{looked} (did you mean {near[0]}?)")
    return InputError(f"{rule}, got {given!r}{looked}")


def _stored(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def events(path: Path, columns: Columns, titles: str | None, min_rating: float | None) -> Interactions:
    """The rows of at least ``min_rating`` as Interactions, which say what that removed."""
    if not len(columns.times):
        raise InputError(f"{path} has a header but no events")
    keep = None if min_rating is None else _rated(path, columns, min_rating)
    kept = columns if keep is None else columns.take(keep)
    named = None if titles is None else _titles(path.parent / titles)
    made = replace(encode(kept.users, kept.items, kept.times, named), clock=columns.clock, dated=columns.dated)
    if keep is None:
        return made
    setting, removed = f"min_rating={min_rating:g}", len(columns.times) - len(kept.times)
    return replace(made, removed={setting: removed}, lost={setting: lost(columns.users, columns.items, keep)})


def _rated(path: Path, columns: Columns, min_rating: float) -> Mask:
    """Which events are rated ``min_rating`` or higher."""
    is_number = isinstance(min_rating, int | float) and not isinstance(min_rating, bool) and np.isfinite(min_rating)
    require(bool(is_number), "min_rating must be a number or null", min_rating)
    if columns.ratings is None:
        raise InputError(f"min_rating={min_rating} needs ratings, {path} has none")
    keep = columns.ratings >= min_rating
    if not keep.any():
        raise InputError(
            f"{path}: no event has min_rating={min_rating}, the largest rating is {columns.ratings.max():g}"
        )
    return np.asarray(keep)


def titled(data: Interactions, titles: str, beside: Path | None) -> Interactions:
    """The same data with the titles that a user's own file gives its items; one without a title shows its id.

    ``titles`` is looked for next to the data, ``beside``, and then from the current folder. InputError where it is in
    neither place or names no item at all: it is then another file, or its separator is another one.
    """
    given = Path(titles).expanduser()
    places = [*([] if beside is None else [(beside.parent / given).resolve()]), given.resolve()]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise missing("dataset.titles must be a file that exists", titles, places)
    names = _titles(file) or {}
    ids = data.item_ids.tolist()
    if not any(item in names for item in ids[1:]):
        first = shown(next(iter(names))) if names else "no line of two columns"
        raise InputError(
            f"dataset.titles={file}: its first two columns must be an item's id and its title, but none is of an "
            f"item of the data, {shown(ids[1])} for one; it begins with {first}"
        )
    return replace(data, titles=np.array([names.get(item, item) for item in ids]))


def _titles(path: Path) -> dict[str, str] | None:
    """Item id -> title: the first two columns of ``u.item``, ``movies.dat``, ``artists.dat`` or a csv; None if absent.

    A header is read as one more title, of an item that no event names.
    """
    if not path.is_file():
        return None
    data = _whole(path)
    no_nul(path, data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("iso-8859-1")  # MovieLens before 2015
    separators = _TITLE_SEPARATORS.get(path.suffix, _CSV_SEPARATORS)
    _, first = next(lines(text), (1, ""))
    separator = min(separators, key=lambda each: first.find(each) % (len(first) + 1))  # one that is absent comes last
    named = rows(path, text, separator, quoted=path.suffix not in _TITLE_SEPARATORS)
    return {row[0]: row[1] for _, row in named if len(row) > 1}
