"""Four workers and a real MLflow server on a real PostgreSQL, which stops in the middle: every trial arrives."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from attrec_bench.results import tracking
from attrec_bench.sweeping.census import census
from tests import postgresql
from tests.postgresql import free_port
from tests.sweeps import overrides, small, trials_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), *postgresql.needed]


@dataclass(eq=False)
class Tracker:
    """An MLflow server on loopback."""

    database: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(self.port)]
        places = ["--backend-store-uri", self.database, "--artifacts-destination", str(self.folder / "artifacts")]
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "mlflow.log").open("ab") as out:
            self.process = subprocess.Popen([*command, *places], env=environment, stdout=out, stderr=out)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return
            time.sleep(0.5)
        raise AssertionError((self.folder / "mlflow.log").read_text())

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=60)


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[Tracker]:
    with postgresql.running() as server:
        made = Tracker(server.url, tmp_path)
        made.start()
        yield made
        made.stop()


def arrived(uri: str) -> list[Any]:
    """The runs of trials that are there."""
    with tracking._mlflow(uri) as client:
        place = client.get_experiment_by_name("attrec-bench")
        return [] if place is None else list(client.search_runs([place.experiment_id], "tags.kind = 'trial'"))


def test_four_workers_lose_no_trial_when_the_tracking_server_stops_in_the_middle(
    tracker: Tracker, tmp_path: Path
) -> None:
    patient = ("sweep.heartbeat=100", "train.epochs=60", "train.patience=60", "train.batch_size=16")
    more = (f"tracking.uri={tracker.uri}", "workers=4", "n_trials=24", "sweep.prune=false", *patient)
    given, sweep = overrides(tmp_path, *more), small(tmp_path, *more)
    command = [sys.executable, "-m", "attrec_bench.cli", "sweep", *given]
    with (tmp_path / "out").open("wb") as out:
        driver = subprocess.Popen(command, stdout=out, stderr=out)
    while not arrived(tracker.uri):
        assert driver.poll() is None, (tmp_path / "out").read_text()
        time.sleep(0.5)
    tracker.stop()
    said = tmp_path / "out"
    while "its trials stay in the study, to be sent later" not in said.read_text():
        assert driver.poll() is None, said.read_text()
        time.sleep(0.2)
    with paused(driver.pid):  # else a busy machine ends the sweep before it has the server up again
        tracker.start()
    assert driver.wait(timeout=400) == 0, said.read_text()
    check(tracker, sweep, said.read_text())


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Halt the four workers of the process ``pid``."""
    workers = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert len(workers) == 4
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)


def check(tracker: Tracker, sweep: Any, said: str) -> None:
    """Each trial that has ended is there once, with its value, and so are the winner's two runs."""
    runs = arrived(tracker.uri)
    numbers = sorted(int(run.data.tags["trial"]) for run in runs)
    assert numbers == [trial.number for trial in trials_of(sweep)], said
    assert census(trials_of(sweep)).finished == 24
    values = {int(run.data.tags["trial"]): run.data.metrics.get("value") for run in runs}
    assert values == {trial.number: trial.value for trial in trials_of(sweep)}
    assert len(tracking.fetch(tracker.uri)) == 2


def test_a_server_that_is_away_to_the_end_gets_all_of_it_later(tracker: Tracker, tmp_path: Path) -> None:
    more = (f"tracking.uri={tracker.uri}", "n_trials=24", "workers=2", "train.epochs=2")
    given, sweep = overrides(tmp_path, *more), small(tmp_path, *more)
    command = [sys.executable, "-m", "attrec_bench.cli", "sweep", *given]
    tracker.stop()
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    assert "to be sent later" in done.stderr
    tracker.start()
    again = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert again.stdout.startswith("nothing is left to do"), again.stderr
    check(tracker, sweep, again.stderr)
