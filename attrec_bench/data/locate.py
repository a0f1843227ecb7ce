"""Locate: the name of a data set -> its file on this machine -> checked Interactions.

The places, in this order, each searched for every layout that the data set is known in:

    dataset.path  ->  $ATTREC_BENCH_DATA/<folder>/  ->  <user cache>/attrec-bench/<name>/  ->  download into that cache

``folder`` is the name unless the data set is one of a collection that lies together. A path that the user gave is
final: when nothing is there, no other place is tried.
"""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypedDict

from filelock import FileLock
from platformdirs import user_cache_dir

from attrec_bench.data import sources
from attrec_bench.data.download import check_sum, fetch, note_sums, unpack
from attrec_bench.data.filters import Filters, filtered
from attrec_bench.data.interactions import CLOCKS, Interactions
from attrec_bench.data.reading import missing, titled
from attrec_bench.data.times import clock_of
from attrec_bench.errors import InputError, require_choice

VARIABLE = "ATTREC_BENCH_DATA"


class Reader(Protocol):
    """A function of ``sources`` whose other keywords are set."""

    def __call__(self, path: Path, *, min_rating: float | None) -> Interactions:
        """File -> Interactions."""


class Layout(TypedDict):
    """A form in which a data set is found: the name of the file, what reads it, and what its times are (``CLOCKS``)."""

    file: str
    clock: str
    read: Reader


class Counts(TypedDict):
    """What the publisher says that the data set holds."""

    users: int
    items: int
    interactions: int


def load(
    *,
    name: str,
    folder: str,
    path: str | None,
    layouts: list[Layout],
    url: str | None,
    sha256: str | None,
    members: list[str],
    counts: Counts | None,
    min_rating: float | None,
    duplicates: str,
    min_user_events: int | None,
    min_item_events: int | None,
    k_core: int | None,
) -> Interactions:
    """Find, if need be download, read, check and filter a published data set; filters are those of ``Filters``.

    ``counts`` is checked on the whole data set, before anything is left out, and also on a file that the user gave:
    what calls itself by a published name must be what was published. ``counts=null`` turns that off.
    """
    filters = Filters(duplicates, min_user_events, min_item_events, k_core)
    files = [layout["file"] for layout in layouts]
    file = locate(name=name, folder=folder, path=path, files=files, url=url, sha256=sha256, members=members)
    layout = _layout(file, layouts)
    require_choice(f"clock of {layout['file']}", layout["clock"], CLOCKS)
    events = layout["read"](file, min_rating=None)
    if counts is not None:
        _check_counts(name, file, counts, events)
    if min_rating is not None:
        events = layout["read"](file, min_rating=min_rating)
    return filtered(replace(events, name=name, clock=layout["clock"]), filters)


def own(
    *,
    name: str,
    path: str | None,
    titles: str | None,
    clock: str,
    read: Reader,
    min_rating: float | None,
    duplicates: str,
    min_user_events: int | None,
    min_item_events: int | None,
    k_core: int | None,
) -> Interactions:
    """A user's own file in the layout that ``read`` reads, under a ``name`` of the user's choice; filters as above.

    ``clock`` says what the file's times are, ``titles`` is the file that names its items, see ``reading.titled``.
    """
    require_choice("dataset.clock", clock, CLOCKS)
    filters = Filters(duplicates, min_user_events, min_item_events, k_core)
    if path is None:
        raise InputError("dataset.path=FILE must name your own file")
    file = Path(str(path)).expanduser()
    if not file.is_file():
        raise missing("dataset.path must be a file that exists", str(path), [file.resolve()])
    titles = getattr(read, "keywords", {}).get("titles") if titles is None else titles
    events = read(file, min_rating=min_rating)
    events = replace(events, name=name, clock=clock_of(clock, events.clock, events.times, dated=events.dated))
    return filtered(events if titles is None else titled(events, titles, file), filters)


def own_csv(
    *,
    name: str,
    path: str | None,
    user: str,
    item: str,
    time: str | None,
    rating: str | None,
    separator: str,
    titles: str | None,
    clock: str,
    min_rating: float | None,
    duplicates: str,
    min_user_events: int | None,
    min_item_events: int | None,
    k_core: int | None,
) -> Interactions:
    """A user's own csv file: the columns are those of ``sources.csv``, all else is that of ``own``.

    Without a column of times the file tells an order only, whatever ``clock`` says.
    """
    columns = {"user": user, "item": item, "time": time, "rating": rating, "separator": separator, "titles": None}
    return own(
        name=name,
        path=path,
        titles=titles,
        clock="order" if time is None else clock,
        read=partial(sources.csv, **columns),  # type: ignore[arg-type]
        min_rating=min_rating,
        duplicates=duplicates,
        min_user_events=min_user_events,
        min_item_events=min_item_events,
        k_core=k_core,
    )


def locate(
    *,
    name: str,
    folder: str,
    path: str | None,
    files: list[str],
    url: str | None,
    sha256: str | None,
    members: list[str],
) -> Path:
    """The first of ``files`` found in the places above; ``members`` are the files to take out of a zip at ``url``."""
    if path is not None:
        return _given(Path(str(path)).expanduser(), files)
    cache = Path(user_cache_dir("attrec-bench")) / name
    shared = os.environ.get(VARIABLE)
    places = [Path(shared).expanduser() / folder] if shared else []
    found = _first([*places, cache], files)
    if found is not None:
        check_sum(found)
        return found
    hint = (
        f"put {' or '.join(files)} into ${VARIABLE}/{folder}/ or {cache}/, or give dataset.path=FILE; "
        "dataset=planted needs no download"
    )
    if url is None or sha256 is None:
        raise InputError(f"{name} is not on this machine and has no download: {hint}")
    try:
        return _download(cache, files, url, sha256, members)
    except OSError as error:
        raise InputError(f"{name} is not on this machine and {url} failed ({error}): {hint}") from error


def _given(path: Path, files: list[str]) -> Path:
    """The file that the user named, or the first of ``files`` in the folder that the user named."""
    if not path.exists():
        raise missing("dataset.path must be a file or folder that exists", str(path), [path.resolve()])
    if path.is_file():
        return path
    found = _first([path], files)
    if found is None:
        raise InputError(f"dataset.path={path} is a folder without {' or '.join(files)}")
    return found


def _first(folders: list[Path], files: list[str]) -> Path | None:
    return next((folder / file for folder in folders for file in files if (folder / file).is_file()), None)


def _download(cache: Path, files: list[str], url: str, sha256: str, members: list[str]) -> Path:
    """Fill the cache from ``url``, one process at a time; whoever waited finds the file there."""
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".lock"):
        found = _first([cache], files)
        if found is None:
            archive = fetch(url, sha256, cache / url.rsplit("/", 1)[-1])
            if members:
                unpack(archive, members, cache)
                archive.unlink()
            note_sums(cache, [Path(member).name for member in members] or [archive.name])
            found = _first([cache], files)
    if found is None:
        raise InputError(f"{url} holds none of {', '.join(files)}")
    return found


def _layout(file: Path, layouts: list[Layout]) -> Layout:
    """The layout with this file name; a data set with one layout reads a file of any name."""
    for layout in layouts:
        if layout["file"] == file.name or len(layouts) == 1:
            return layout
    names = " or ".join(layout["file"] for layout in layouts)
    raise InputError(f"dataset.path must name a file called {names}, got {str(file)!r}")


def _check_counts(name: str, file: Path, expected: Counts, events: Interactions) -> None:
    found = Counts(users=events.n_users, items=events.n_items, interactions=len(events))
    if found != expected:
        raise InputError(
            f"{file} is not {name} as published: expected {_told(expected)}, got {_told(found)}; "
            "for data of your own set dataset.counts=null"
        )


def _told(counts: Counts) -> str:
    return f"{counts['users']} users, {counts['items']} items, {counts['interactions']} interactions"
