"""What a user did wrong, said in one line: the value, the rule and the choices."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """A mistake in what the user gave. The command line prints its one line and no traceback."""


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
