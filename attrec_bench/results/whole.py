"""Folders that appear whole or not at all, whenever the process is killed.

A folder is filled under a private name, .tmp-..., and then renamed. One that is replaced is first set aside as
.old-...; if the process dies between the two renames, ``restore`` puts it back.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex


def private(root: Path, kind: str, name: str) -> Path:
    """Return a path for this process alone. Its name says whose it is: kind, run, host, process, chance."""
    return root / f".{kind}-{name}-{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"


def replace(folder: Path, new: Path) -> None:
    """Rename ``new`` to ``folder``. What lies there is set aside first, and put back if that fails."""
    if not folder.exists():
        os.rename(new, folder)
    else:
        aside = private(folder.parent, "old", folder.name)
        os.rename(folder, aside)
        try:
            os.rename(new, folder)
        except BaseException:
            os.rename(aside, folder)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    sync(folder.parent)


def restore(root: Path) -> None:
    """Put back what a killed process had set aside and not yet replaced."""
    for path, name in _leftovers(root, "old"):
        if not (root / name).exists():
            with suppress(OSError):  # another reader was faster, or the folder is read-only
                os.rename(path, root / name)


def tidy(root: Path) -> None:
    """Remove what killed processes left, after putting back what is still needed."""
    restore(root)
    for path, _ in _leftovers(root, "tmp"):
        shutil.rmtree(path, ignore_errors=True)
    for path, name in _leftovers(root, "old"):
        if (root / name).exists():  # else it could not be put back, and is all there is
            shutil.rmtree(path, ignore_errors=True)


def sync(path: Path) -> None:
    """Make the disk keep a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a small file whole: a reader sees the old one or the new one."""
    temporary = private(path.parent, "tmp", path.name)
    temporary.write_text(text)
    sync(temporary)
    os.replace(temporary, path)


def _leftovers(root: Path, kind: str) -> Iterator[tuple[Path, str]]:
    """Private folders whose process is gone, with the name each was meant for. Other hosts' cannot be judged."""
    for path in root.glob(f".{kind}-*"):
        rest, _, _chance = path.name.rpartition("-")
        rest, _, pid = rest.rpartition("-")
        _, name, host = (*rest.split("-", 2), "", "")[:3]  # only a host may hold dashes
        if host == socket.gethostname() and pid.isdecimal() and not _alive(int(pid)):
            yield path, name


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's process
        return True
    return True
