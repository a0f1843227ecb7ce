"""Workers that share a real PostgreSQL, also one that stops for a while: they wait and go on."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attrec_bench.sweeping.census import census
from attrec_bench.sweeping.team import worker_command
from tests.sweeps import finished, overrides, small, trials_of

DEBIAN = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
PG_CTL = shutil.which("pg_ctl", path=os.pathsep.join([os.environ["PATH"], *DEBIAN]))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PG_CTL is None, reason="needs PostgreSQL's server (Debian: postgresql)"),
    pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="needs psycopg (extra: postgresql)"),
]


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


@pytest.fixture
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="attrec-bench-"))  # not below tmp_path, which only its owner may enter
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        made = Server(folder / "data", free.getsockname()[1])
    made.act("-o", "-A trust -U bench --no-sync", "initdb")
    made.start()
    yield made
    made.stop()
    shutil.rmtree(folder)


def test_four_workers_lose_nothing_when_the_server_stops_in_the_middle(server: Server, tmp_path: Path) -> None:
    more = (f"storage={server.url}", "n_trials=24", "train.epochs=12", "sweep.seeds=2")
    given, sweep = overrides(tmp_path, *more), small(tmp_path, *more)
    workers = []
    for number in range(4):
        with (tmp_path / f"{number}.log").open("ab") as out:
            command = worker_command(given, [f"number={number}"])
            workers.append(subprocess.Popen(command, stdout=out, stderr=out))
    while census(trials_of(sweep)).finished < 4:
        assert all(worker.poll() is None for worker in workers), (tmp_path / "0.log").read_text()
        time.sleep(0.2)
    server.stop()
    time.sleep(20)
    assert all(worker.poll() is None for worker in workers), "they wait"
    server.start()
    for worker in workers:
        assert worker.wait(timeout=200) == 0, (tmp_path / "0.log").read_text()
    count = census(trials_of(sweep))
    assert (count.finished, count.running, count.failed) == (24, 0, 0)
    assert sorted(trial.user_attrs["slot"] for trial in finished(sweep)) == list(range(24))
    logs = "".join((tmp_path / f"{number}.log").read_text() for number in range(4))
    assert "the storage does not answer, waiting for it" in logs
    assert "locked" not in logs
    sweep.storage.trials.remove_session()
    sweep.storage.trials.engine.dispose()  # type: ignore[attr-defined]  # a database has one
