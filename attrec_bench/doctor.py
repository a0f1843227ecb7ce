"""Doctor: what of this machine, its data and its stores is as it should be, and what to do about what is not."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from packaging.requirements import Requirement
from platformdirs import user_cache_dir

from attrec_bench.data.locate import VARIABLE
from attrec_bench.errors import InputError
from attrec_bench.results import checkpoint, store
from attrec_bench.results.captions import count
from attrec_bench.results.marks import DATABASE
from attrec_bench.sweeping.storage import check_lines

GOOD, NOTE, BROKEN = "ok", "note", "BROKEN"
FREE_GB = 1.0
"""Below so much free disk a sweep of large models may not end."""


@dataclass(frozen=True)
class Finding:
    """One line: how grave it is, what was found, and what to do about it ("" for nothing)."""

    grade: str
    what: str
    do: str = ""

    def __str__(self) -> str:
        """Return the line."""
        return f"{self.grade:<7} {self.what}" + (f"\n        -> {self.do}" if self.do else "")


def doctor(runs: Path) -> list[Finding]:
    """Look at everything. Nothing is changed, and no finding ends the search for others."""
    return [*versions(), *data(), *records(runs), *stores(runs), *machine(runs)]


def versions() -> Iterator[Finding]:
    """Packages against the ranges that this one asks for."""
    wrong = []
    for text in metadata.requires("attrec-bench") or ():
        asked = Requirement(text)
        if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(asked.name)
        except metadata.PackageNotFoundError:
            found = ""
        if not found or not asked.specifier.contains(found, prereleases=True):
            wrong.append((asked, found))
    for asked, found in wrong:
        yield Finding(BROKEN, f"{asked.name} {found or 'is missing'}", f"pip install '{asked}'")
    if not wrong:
        yield Finding(GOOD, f"Python {sys.version.split()[0]}, every package in its range")


def data() -> Iterator[Finding]:
    """Where data are looked for, and what lies there."""
    shared, cache = os.environ.get(VARIABLE), Path(user_cache_dir("attrec-bench"))
    if shared is None:
        yield Finding(NOTE, f"{VARIABLE} is not set", "set it to the folder of your data sets; others are downloaded")
    elif not Path(shared).expanduser().is_dir():
        yield Finding(
            BROKEN, f"{VARIABLE}={shared} is no folder", "set it to the folder of your data sets, or unset it"
        )
    found: set[str] = set()
    for place in filter(Path.is_dir, [*([Path(shared).expanduser()] if shared else []), cache]):
        folders = sorted(each for each in place.iterdir() if each.is_dir() and not each.name.startswith("."))
        held = {each.name: holds_a_file(each) for each in folders}
        names = [name for name, there in held.items() if there]
        yield Finding(GOOD if names else NOTE, f"data in {place}: {', '.join(names) or 'none'}")
        found |= set(names)
        empty = [name for name, there in held.items() if not there and name not in found]
        if empty:
            yield Finding(
                NOTE, f"without a file of data in {place}: {', '.join(empty)}", "attrec-bench data NAME fetches it"
            )


def holds_a_file(folder: Path) -> bool:
    """Whether a folder holds more than a lock and what a download that was cut off has left."""
    return any(file.is_file() for file in folder.rglob("*") if not file.name.startswith(".") and file.suffix != ".part")


def records(runs: Path) -> Iterator[Finding]:
    """The runs folder: whether it can be written, and each record in it be read."""
    if not runs.is_dir():
        yield Finding(NOTE, f"no records yet in {runs}", "attrec-bench run makes the first")
        return
    if not os.access(runs, os.W_OK):
        yield Finding(BROKEN, f"{runs} cannot be written", "give yourself the right to, or say runs=FOLDER")
    whole = 0
    for folder in store.folders(runs):
        try:
            store.read(folder)
            whole += 1
        except InputError as error:
            yield Finding(BROKEN, str(error), "the command that made the run makes it again; or delete the folder")
    yield Finding(GOOD, f"{count(whole, 'whole record')} in {runs}")
    left = list((runs / checkpoint.FOLDER).glob("*.pt"))
    if left:
        size = sum(file.stat().st_size for file in left) / 2**20
        yield Finding(
            NOTE,
            f"{len(left)} checkpoints of runs that were interrupted, {size:.1f} MiB",
            f"the same commands go on from them; if you do not want that, delete {runs / checkpoint.FOLDER}",
        )


def stores(runs: Path) -> Iterator[Finding]:
    """MLflow's database and Optuna's journal in the runs folder."""
    database, journal = runs / DATABASE, runs / ".sweeps" / "studies.journal"
    if database.is_file():
        try:
            connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
            try:
                (told,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            finally:
                connection.close()
        except sqlite3.Error as error:
            told = str(error)
        do = "move it away: the records are sent anew, to a new one, with the next run"
        yield Finding(GOOD, f"{database} is whole") if told == "ok" else Finding(BROKEN, f"{database}: {told}", do)
    if journal.is_file():
        try:
            check_lines(journal)
            yield Finding(GOOD, f"{journal} is whole")
        except InputError as error:
            yield Finding(BROKEN, str(error))


def machine(runs: Path) -> Iterator[Finding]:
    """Device, disk, threads, and a variable that makes every start slow."""
    cards = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    yield Finding(GOOD, f"device: {', '.join(cards) or 'cpu'}")
    place = next(each for each in (runs.resolve(), *runs.resolve().parents) if each.is_dir())
    free = shutil.disk_usage(place).free / 1e9
    enough = free >= FREE_GB
    yield Finding(
        GOOD if enough else NOTE, f"{free:.1f} GB free in {place}", "" if enough else "make room, or runs=FOLDER"
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads is not None and (not threads.isdecimal() or int(threads) > cores):
        yield Finding(NOTE, f"OMP_NUM_THREADS={threads} on {cores} cores", "unset it, or set it to 1")
    else:
        yield Finding(GOOD, f"{cores} cores; `run` takes threads=1 unless told otherwise")
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        yield Finding(NOTE, "PYTHONDONTWRITEBYTECODE is set: every command starts seconds later", "unset it")
