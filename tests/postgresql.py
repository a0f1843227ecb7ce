"""A real PostgreSQL for tests (Debian's package), started on loopback with a folder and a port of its own."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DEBIAN = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
PG_CTL = shutil.which("pg_ctl", path=os.pathsep.join([os.environ["PATH"], *DEBIAN]))

needed = [
    pytest.mark.skipif(PG_CTL is None, reason="needs PostgreSQL's server (Debian: postgresql)"),
    pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="needs psycopg (extra: postgresql)"),
]
"""Marks of a test that uses it."""


@dataclass(frozen=True)
class Server:
    """A server of its own on loopback, which refuses to run as root."""

    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://bench@127.0.0.1:{self.port}/postgres"

    def act(self, *action: str) -> None:
        assert PG_CTL is not None
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        command = [*user, PG_CTL, "-D", str(self.data), "-w", *action]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60, cwd="/")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.data}"
        self.act("-l", str(self.data / "log"), "-o", options, "start")

    def stop(self) -> None:
        self.act("-m", "immediate", "stop")


@contextmanager
def running() -> Iterator[Server]:
    """Yield a server that has just been started."""
    folder = Path(tempfile.mkdtemp(prefix="attrec-bench-"))  # not below tmp_path, which only its owner may enter
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    made = Server(folder / "data", free_port())
    made.act("-o", "-A trust -U bench --no-sync", "initdb")
    made.start()
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
