"""Cells: what stands at one place of a file -> its value, or one line that begins with ``where`` and names the rule."""

import re
from math import isfinite

from attrec_bench.errors import InputError, shown

LONGEST_ID = 1000
"""Characters. Arrays of text give each of E events the room of the longest: what is no id but a text would fill it."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,20},\d{1,20}", re.ASCII)


def checked_id(where: str, name: str, value: str) -> str:
    """The same, if a user or an item can be called that."""
    if len(present(where, name, value)) > LONGEST_ID:
        raise InputError(f"{where}: {name} must have at most {LONGEST_ID:,} characters, got {shown(value)}")
    return value


def is_finite(value: float) -> bool:
    """Whether a float64 holds it: neither NaN nor infinite, nor a whole number of hundreds of digits."""
    try:
        return isfinite(value)
    except OverflowError:
        return False


def present(where: str, name: str, value: str) -> str:
    """The same, if there is anything."""
    if not value:
        raise InputError(f"{where}: {name} is missing")
    return value


def checked_number(where: str, name: str, value: str) -> float:
    """A finite number."""
    present(where, name, value)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not isfinite(number) or "_" in value:  # Python alone reads 1_0 as 10
        raise InputError(f"{where}: {name} must be a number, got {shown(value)}{with_a_point(value)}")
    return number


def with_a_point(value: str) -> str:
    """What to write in place of a decimal comma, as the end of a message; nothing where there is none."""
    found = _DECIMAL_COMMA.fullmatch(value.strip())
    return f" (write {found[0].replace(',', '.')}, with a decimal point)" if found else ""
