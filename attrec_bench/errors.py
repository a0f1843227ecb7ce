"""What a user did wrong, said in one line: the value, the rule and the choices."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from reprlib import Repr

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 60


class InputError(ValueError):
    """A mistake in what the user gave. The command line prints its one line and no traceback."""


def shown(value: object) -> str:
    """Return a value from a file as a message shows it: on one line, and of a long one the beginning and the end."""
    return _SHORT.repr(value)


def require(holds: bool, rule: str, got: object) -> None:
    """Raise InputError(``rule, got <value>``) unless ``holds``; e.g. ``w must lie in [0, 1], got 1.5``."""
    if not holds:
        raise InputError(f"{rule}, got {got!r}")


def require_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise InputError unless ``value`` is one of ``choices``; the message offers the nearest one."""
    known = list(choices)
    if value in known:
        return
    near = get_close_matches(str(value), known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise InputError(f"{name} must be one of {', '.join(known)}, got {value!r}{hint}")


def require_whole(name: str, value: object, least: int) -> None:
    """Raise InputError unless ``value`` is a whole number of at least ``least``; true and false are no numbers."""
    holds = type(value) is int and value >= least
    require(holds, f"{name} must be a whole number of at least {least}", value)


def require_number(name: str, value: object, rule: str, holds: Callable[[float], bool]) -> None:
    """Raise InputError(``<name> must <rule>, got <value>``) unless ``value`` is a number for which it holds."""
    fine = isinstance(value, int | float) and not isinstance(value, bool) and holds(value)
    require(fine, f"{name} must {rule}", value)


def require_bool(name: str, value: object) -> None:
    """Raise InputError unless ``value`` is true or false: the word no, which is true in Python, is neither."""
    require(isinstance(value, bool), f"{name} must be true or false", value)
