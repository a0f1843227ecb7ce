"""Where studies lie: a journal file in the runs folder, or a PostgreSQL database for many machines.

Both come with a lock that the kernel or the server takes from a dead process at once, so that nobody waits for it.
"""

import json
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock

from attrec_bench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.storages import BaseStorage

PATIENCE = 600.0
"""Seconds that a storage which does not answer is waited for."""

LOCK = 0x61747472
"""Key of PostgreSQL's advisory lock, the next one is another's: numbers that no other program in the database uses."""

Value = TypeVar("Value")

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Storage:
    """Optuna's storage, the lock under which trials are handed out, and the one under which they go to MLflow."""

    trials: "BaseStorage"
    exclusive: Callable[[], AbstractContextManager[object]]
    sending: Callable[[], AbstractContextManager[object]]


def opened(where: str) -> Storage:
    """Path of a journal file or address of a PostgreSQL database -> Storage, made if need be.

    Raises InputError for another kind of address, for a missing driver and for a server that does not answer.
    """
    if "://" not in where:
        return journal(Path(where))
    if not where.startswith("postgresql"):
        raise InputError(f"storage must be a file or postgresql://..., got {where!r}")
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return postgresql(where)
    except ImportError as error:
        raise InputError(f"storage={where} needs a driver: {error}; pip install 'attrec-bench[postgresql]'") from error
    except SQLAlchemyError as error:
        raise InputError(f"storage={where} cannot be used: {' '.join(str(error).split())[:300]}") from error


def journal(file: Path) -> Storage:
    """Return a journal, in which every change is one line."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = WholeLines(file)
    lock.acquire()  # a torn line must be gone before the first reading
    try:
        check_lines(file)
    finally:
        lock.release()
    # Optuna asks a lock for acquire and release only, and does not export the class it names
    backend = JournalFileBackend(str(file), lock_obj=lock)  # type: ignore[arg-type]
    locks = [partial(FileLock, f"{file}.{name}.lock") for name in ("trials", "mlflow")]
    return Storage(JournalStorage(backend), *locks)


class WholeLines:
    """The journal's lock, which also keeps the journal whole.

    Optuna's own locks are files that a killed process leaves behind: all others would wait 30 seconds for it. What it
    has written of a line would be glued to the next line, and the journal be unreadable: it is cut off instead.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lock = FileLock(f"{file}.lock")

    def acquire(self) -> bool:
        """Wait for the lock; the journal then ends in a whole line."""
        self.lock.acquire()
        if self.file.exists():
            cut_torn_line(self.file)
        return True

    def release(self) -> None:
        """Let the next one write."""
        self.lock.release()


def check_lines(file: Path) -> None:
    """Raise InputError, with the line's number, where a journal's line is none of Optuna's: a damaged disk or hand."""
    lines = file.read_bytes().splitlines() if file.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            fine = "op_code" in json.loads(line)
        except (ValueError, TypeError, RecursionError):
            fine = False
        if not fine:
            raise InputError(
                f"storage {file} is not as it was written, from line {number} on: put a copy of it back, or move it "
                "away to search anew; the records beside it are whole"
            )


def cut_torn_line(file: Path) -> None:
    """Cut off what follows a file's last newline."""
    with file.open("rb+") as stream:
        size = stream.seek(0, 2)
        if size == 0:
            return
        stream.seek(size - 1)
        if stream.read(1) != b"\n":
            stream.seek(0)
            stream.truncate(stream.read().rfind(b"\n") + 1)


def postgresql(url: str) -> Storage:
    """Return a database. Its tables are made under the lock: two processes that make them at once both fail."""
    from optuna.storages import RDBStorage
    from sqlalchemy import NullPool, create_engine, text

    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    @contextmanager
    def locked(key: int) -> "Iterator[None]":
        with engine.connect() as connection:  # the lock ends with the connection
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            yield

    exclusive, sending = partial(locked, LOCK), partial(locked, LOCK + 1)
    with exclusive():
        return Storage(RDBStorage(url, engine_kwargs={"pool_pre_ping": True}), exclusive, sending)


def patiently(call: Callable[[], Value]) -> Value:
    """Call, and call again for as long as the storage does not answer; PATIENCE ends that with its error."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import DBAPIError

    started, wait = time.monotonic(), 0.5
    while True:
        try:
            return call()
        except (StorageInternalError, DBAPIError) as error:
            if time.monotonic() - started > PATIENCE:
                raise
            if wait == 0.5:
                log.warning("the storage does not answer, waiting for it: %s", " ".join(str(error).split())[:200])
            time.sleep(wait)
            wait = min(2 * wait, 10.0)
