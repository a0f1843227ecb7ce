"""The runs folder: one folder a run, whole or not there at all. It is the truth; MLflow only gets copies.

    root/<identity[:16]>/record.json   everything but the arrays, with the sums of the files beside it
                         ranks.npz     users [n], ranks [n]
                         ...           what the run adds, e.g. weights
    root/.tmp-...   being written      root/.old-...   being replaced      root/.locks/   one file a run
    root/.newest    when the newest record was made

A kill at any moment leaves at most a .tmp- folder, which nobody reads, or an .old- folder, which is put back.
"""

import hashlib
import json
import logging
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout

from attrec_bench.errors import InputError
from attrec_bench.results import machine, whole
from attrec_bench.results.record import ARRAYS, SHORT, Record, digest, from_plain, to_plain

RECORD, RANKS = "record.json", "ranks.npz"
RUN_NAME = re.compile(rf"[0-9a-f]{{{SHORT}}}")
NEWEST = ".newest"
"""A file that says when the newest record was made."""

FORMAT = 1
"""Of record.json; a reader refuses another."""

UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RecursionError, zipfile.BadZipFile)
"""What broken bytes can raise on their way to a Record."""

log = logging.getLogger(__name__)


def folder_of(root: Path, identity: str) -> Path:
    """Where the run with this identity lies or will lie."""
    return root / identity[:SHORT]


def save(root: Path, record: Record, write_files: Callable[[Path], object] | None = None, force: bool = False) -> Path:
    """Write the record whole, under its lock, and return its folder. ``write_files(folder)`` adds the run's own files.

    Raises InputError where the run is recorded already and ``force`` is off; a broken folder is replaced.
    """
    folder = folder_of(root, record.identity)
    with lock(root, record.identity):
        whole.tidy(root)
        if not force and find(root, record.identity) is not None:
            raise InputError(f"run {folder.name} is recorded already in {folder}; force=true replaces it")
        temporary = whole.private(root, "tmp", folder.name)
        temporary.mkdir()
        try:
            with whole.named(root):
                _write(temporary, record, write_files)
                whole.replace(folder, temporary)
        except BaseException:  # Ctrl-C too must leave nothing
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return folder


def in_order(root: Path, now: str, replaced: Record | None = None) -> str:
    """Return when a record is made, for its ``created``: now, but later than the record before and the one it replaces.

    Tables show the newest record and the newest program, and MLflow gets what is newer than what it has: a clock that
    was set back must not make the newest record an old one.
    """
    file = root / NEWEST
    with whole.lock_of(root, "newest"):
        before = file.read_text() if file.exists() else ""
        latest = max(filter(_is_time, (before, replaced.created if replaced else "")), default="")
        if latest >= now:
            log.warning(
                "the clock stands at %s, before the newest record's %s; it is counted on from there", now, latest
            )
            now = machine.just_after(latest)
        whole.write_text(file, now)
    return now


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False  # none, or a broken file


def find(root: Path, identity: str) -> Record | None:
    """Return the finished run with this identity, or None; a broken one gives a warning and None."""
    whole.restore(root)
    folder = folder_of(root, identity)
    if not folder.exists():
        return None
    try:
        record = read(folder)
    except InputError as error:
        log.warning("%s", error)
        return None
    return record if record.identity == identity else None


def read(folder: Path) -> Record:
    """Read one run's folder. Raises InputError, one line, where anything in it is not as it was written."""
    try:
        stored = json.loads((folder / RECORD).read_bytes())
        if stored["format"] != FORMAT:
            raise ValueError(f"its format is {stored['format']}, this version reads {FORMAT}")
        with np.load(checked_file(folder, RANKS, stored["files"]), allow_pickle=False) as arrays:
            record = from_plain(stored["record"], **{name: arrays[name] for name in ARRAYS})
        if _sum_of(stored) != stored["checksum"]:
            raise ValueError("its checksum does not fit")
    except UNREADABLE as error:
        raise InputError(f"{folder} holds no readable record: {_reason(error)}") from error
    return record


def folders(root: Path) -> list[Path]:
    """Folders under ``root`` that should hold a run, in the order of their names; hidden ones are the store's own.

    A folder of another kind, as a store in this one or somebody's plots, is none of them.
    """
    if not root.is_dir():
        return []
    whole.restore(root)
    return sorted(path for path in root.iterdir() if path.is_dir() and _should_hold_a_run(path))


def _should_hold_a_run(folder: Path) -> bool:
    """Whether a folder has the name of a run or a part of one: what has neither is no run that broke."""
    if folder.name.startswith("."):
        return False
    return bool(RUN_NAME.fullmatch(folder.name)) or any((folder / name).exists() for name in (RECORD, RANKS))


def read_all(root: Path) -> list[Record]:
    """Every run under ``root``, ordered by folder. A broken one gives a warning line and is left out."""
    records = []
    for folder in folders(root):
        try:
            records.append(read(folder))
        except InputError as error:
            log.warning("%s", error)
    return records


def resolve(root: Path, id_prefix: str) -> Path:
    """Return the folder of the one run whose identity starts with ``id_prefix``. InputError for none or several."""
    names = [folder.name for folder in folders(root)]
    found = [name for name in names if id_prefix and name.startswith(id_prefix[:SHORT])]
    if len(id_prefix) > SHORT:
        found = [name for name in found if read(root / name).identity.startswith(id_prefix)]
    if len(found) == 1:
        return root / found[0]
    if found:
        raise InputError(f"run must name one run, got {id_prefix!r}, which fits {_some(found)}")
    raise InputError(
        f"run must be the first digits of a run in {root} ({_some(names) or 'none yet'}), got {id_prefix!r}"
    )


def checked_file(folder: Path, name: str, sums: dict[str, str] | None = None) -> Path:
    """Path of a run's file whose bytes are as they were written; InputError otherwise. Call it before loading weights.

    ``sums`` are the sums in the folder's record.json, where the caller has read them already.
    """
    path = folder / name
    try:
        known = json.loads((folder / RECORD).read_bytes())["files"] if sums is None else sums
        if _sha256(path) == known[name]:
            return path
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read: {_reason(error)}") from error
    raise InputError(f"{path} is not as it was written")


@contextmanager
def lock(root: Path, identity: str) -> Iterator[None]:
    """Hold the run with this identity: a second process that wants it waits here, and then finds the record.

    Who holds it may take it again.
    """
    held = whole.lock_of(root, identity[:SHORT])
    try:
        held.acquire(timeout=0)
    except Timeout:
        log.info("another process is at run %s; waiting for it", identity[:SHORT])
        held.acquire()
    try:
        yield
    finally:
        held.release()


def held(root: Path, identity: str) -> bool:
    """Whether another process holds the run with this identity."""
    try:
        with whole.lock_of(root, identity[:SHORT]).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _write(folder: Path, record: Record, write_files: Callable[[Path], object] | None) -> None:
    """Write files, sums and record.json, and make the disk keep them."""
    np.savez(folder / RANKS, users=record.users, ranks=record.ranks)
    if write_files is not None:
        write_files(folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {str(path.relative_to(folder)): _sha256(path) for path in paths}
    stored: dict[str, Any] = {"format": FORMAT, "record": to_plain(record), "files": sums}
    (folder / RECORD).write_text(text_of(stored))
    for path in (*paths, folder / RECORD, folder):
        whole.sync(path)


def text_of(stored: dict[str, Any]) -> str:
    """Return what stands in a record.json, with its own sum."""
    return json.dumps(stored | {"checksum": _sum_of(stored)}, indent=1, allow_nan=False)


def _sum_of(stored: dict[str, Any]) -> str:
    return digest({key: stored[key] for key in ("format", "record", "files")})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    """One line, whatever the error brought along."""
    said = " ".join(str(error).split()) or type(error).__name__
    return f"{said} is missing" if isinstance(error, KeyError) else said


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
