"""How the inner loops are compiled.

Numba counts who holds an array: a slice that a loop hands to another costs two atomic operations, more than a row of
five numbers costs to work through. These loops make no array and keep none, and their callers hold all of them, so
nothing is counted (``_nrt`` is numba's name for the runtime that counts; without it a loop that makes an array does
not compile).

What is compiled is kept on disk. Numba takes it as long as the file of the loop is as it was, and does not look at the
files of the loops that this one calls and holds a copy of; here it is taken while all of these files are as they were.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

Result = TypeVar("Result")


def stamp_of(folder: Path) -> str:
    """Return a sum of the Python files of a folder."""
    files = sorted(folder.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


STAMP = stamp_of(Path(__file__).parent)


def compiled(function: Callable[..., Result], **options: Any) -> Callable[..., Result]:
    """Compile a loop, to be kept for as long as no file of this folder changes."""
    made = njit(cache=True, nogil=True, _nrt=False, **options)(function)
    kept = getattr(made, "_cache", None)  # without numba's compiler (NUMBA_DISABLE_JIT) nothing is kept
    if kept is not None:
        kept._cache_file._source_stamp = STAMP
    return cast(Callable[..., Result], made)


def loop(function: Callable[..., Result]) -> Callable[..., Result]:
    """Compile a loop whose every rounding is as written."""
    return compiled(function)


def fast_loop(function: Callable[..., Result]) -> Callable[..., Result]:
    """Compile a loop whose sums may be added in any order, so that they run in lanes; it meets no NaN, no infinity."""
    return compiled(function, fastmath=True)


def inlined(function: Callable[..., Result]) -> Callable[..., Result]:
    """Compile a few lines as if they stood where they are called."""
    return compiled(function, inline="always")
