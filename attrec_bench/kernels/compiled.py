"""How the inner loops are compiled.

Numba counts who holds an array: a slice that a loop hands to another costs two atomic operations, more than a row of
five numbers costs to work through. These loops make no array and keep none, and their callers hold all of them, so
nothing is counted (``_nrt`` is numba's name for the runtime that counts; without it a loop that makes an array does
not compile).
"""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Result = TypeVar("Result")


def loop(function: Callable[..., Result]) -> Callable[..., Result]:
    """Compile a loop whose every rounding is as written."""
    return cast(Callable[..., Result], njit(cache=True, nogil=True, _nrt=False)(function))


def fast_loop(function: Callable[..., Result]) -> Callable[..., Result]:
    """Compile a loop whose sums may be added in any order, so that they run in lanes; it meets no NaN, no infinity."""
    return cast(Callable[..., Result], njit(cache=True, nogil=True, fastmath=True, _nrt=False)(function))


def inlined(function: Callable[..., Result]) -> Callable[..., Result]:
    """Compile a few lines as if they stood where they are called."""
    return cast(Callable[..., Result], njit(cache=True, nogil=True, inline="always", _nrt=False)(function))
