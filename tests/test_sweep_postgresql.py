"""Workers that share a real PostgreSQL, also one that stops for a while: they wait and go on."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from attrec_bench.sweeping.census import census
from attrec_bench.sweeping.team import worker_command
from tests import postgresql
from tests.postgresql import Server
from tests.sweeps import finished, overrides, small, trials_of

pytestmark = [pytest.mark.slow, *postgresql.needed]


@pytest.fixture
def server() -> Iterator[Server]:
    with postgresql.running() as made:
        yield made


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
