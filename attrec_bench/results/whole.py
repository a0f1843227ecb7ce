"""Folders that appear whole or not at all, whenever the process is killed.

A folder is filled under a private name, .tmp-..., and then renamed. One that is replaced is first set aside as
.old-...; if the process dies between the two renames, ``restore`` puts it back. Who replaces a folder holds its lock.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from filelock import FileLock

LOCKS = ".locks"
"""The folder of the locks, one file for each folder that may be replaced; the kernel frees a dead process's locks."""


class _Private(NamedTuple):
    """What a private path's name says: what it was meant for, and by which process of which host."""

    path: Path
    name: str
    host: str
    pid: int


def lock_of(root: Path, name: str) -> FileLock:
    """Return the lock of the folder ``root/name``; the thread that holds it may take it again."""
    locks = root.resolve() / LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / f"{name}.lock", is_singleton=True)


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
    """Put back what a killed process, on whatever host, had set aside and not yet replaced.

    Where the lock is held somebody is about to replace it, unless it is this thread that holds it.
    """
    for left in _left(root, ".old-*"):
        if not (root / left.name).exists():
            with suppress(OSError), lock_of(root, left.name).acquire(timeout=0):  # Timeout is an OSError
                os.rename(left.path, root / left.name)  # fails if another reader was faster, or in a read-only folder


def tidy(root: Path) -> None:
    """Remove what killed processes left in ``root`` and in its folders, after putting back what is still needed."""
    restore(root)
    for left in _left(root, ".old-*"):
        if (root / left.name).exists():  # else it could not be put back, and is all there is
            shutil.rmtree(left.path, ignore_errors=True)
    for left in (*_left(root, ".tmp-*"), *_left(root, "[!.]*/.tmp-*"), *_left(root, ".checkpoints/.tmp-*")):
        if left.host == socket.gethostname() and not _alive(left.pid):  # other hosts' processes cannot be asked for
            _remove(left.path)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let an error of the disk name this path where it names no file, as that of a full one, or a private one."""
    try:
        yield
    except OSError as error:
        if error.errno and (not error.filename or Path(error.filename).name.startswith(".tmp-")):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def sync(path: Path) -> None:
    """Make the disk keep a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a small file whole: a reader sees the old one or the new one."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole: a reader sees the old one or the new one, and a full disk keeps no half."""
    temporary = private(path.parent, "tmp", path.name)
    try:
        with named(path):
            temporary.write_bytes(content)
            sync(temporary)
            os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def _left(root: Path, pattern: str) -> Iterator[_Private]:
    """Private paths that fit the pattern, by processes dead or alive; other names are not ours and are left alone."""
    for path in list(root.glob(pattern)):
        rest, _, _chance = path.name.rpartition("-")
        rest, _, pid = rest.rpartition("-")
        _, name, host = (*rest.split("-", 2), "", "")[:3]  # only a host may hold dashes
        if name and host and pid.isdecimal():
            yield _Private(path, name, host, int(pid))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's process
        return True
    return True
