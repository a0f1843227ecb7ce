"""Which code is the user's own: neither this package's nor an installed library's nor Python's."""

import inspect
import sysconfig
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

PACKAGE = Path(__file__).resolve().parent
OURS = (PACKAGE, PACKAGE.parent / "baselines")


def is_own(file: Path) -> bool:
    """Whether a Python file is the user's own."""
    place = file.resolve()
    installed = {"site-packages", "dist-packages"} & set(place.parts)
    return place.is_file() and not installed and not any(map(place.is_relative_to, others()))


def is_ours(file: Path) -> bool:
    """Whether a Python file is this package's or one of its models."""
    return any(map(file.resolve().is_relative_to, OURS))


@cache
def others() -> tuple[Path, ...]:
    """Return the folders of this package, its models, and Python's own library, packages and scripts."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    return (*OURS, *{Path(sysconfig.get_path(kind)).resolve() for kind in kinds})


def place_of(error: BaseException) -> str | None:
    """Return where in the user's own files an error arose, as ``mymodels.py:28, in loss``; None if it was elsewhere.

    It is the innermost such line, from which the call led into a library. A script of hers that calls the suite is not
    meant, only what the suite calls.
    """
    if isinstance(error, SyntaxError) and error.filename and is_own(Path(error.filename)):
        return f"{shown(Path(error.filename))}:{error.lineno}"
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    ours = next((n for n, (code, _) in enumerate(frames) if is_ours(Path(code.co_filename))), 0)
    own = [(code, line) for code, line in frames[ours:] if is_own(Path(code.co_filename))]
    if not own:
        return None
    code, line = own[-1]
    return f"{shown(Path(code.co_filename))}:{line}, in {code.co_name}"


def shown(file: Path) -> str:
    """Return a file as seen from the current folder, where it lies below that."""
    place, here = file.resolve(), Path.cwd()
    return str(place.relative_to(here) if place.is_relative_to(here) else place)


def without(module: ModuleType, name: str) -> str:
    """Say which file a module is that lacks a name, and where it hides a file of the current folder."""
    file = getattr(module, "__file__", None)
    said = f"{shown(Path(file)) if file else 'a module of Python itself'} was imported, and has no {name}"
    mine = Path(*module.__name__.split(".")).with_suffix(".py")
    if mine.is_file() and (file is None or mine.resolve() != Path(file).resolve()):
        return f"{said}; it hides {mine} of the current folder: give yours another name"
    near = get_close_matches(name, vars(module), n=1)
    return f"{said} (did you mean {near[0]!r}?)" if near else said


def files_of(kind: type) -> list[Path]:
    """Return the files of a class and of those it inherits from, its own first; libraries are left out."""
    found = [Path(name) for each in kind.__mro__ if (name := file_of(each)) is not None]
    return [file for file in dict.fromkeys(found) if is_own(file) or is_ours(file)]


def file_of(kind: type) -> str | None:
    """Return the file of a class; None where it has none, as one of Python's own."""
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError):
        return None
