"""run, sweep, table and download, killed at random moments: the next start gives what an undisturbed one gives.

ATTREC_BENCH_KILLS says at how many moments in all (12 unless said; 100 take an hour on two busy cores), and
ATTREC_BENCH_KILL_SEED which. A command is any of the four, a signal any of SIGKILL, SIGTERM and SIGINT, in turn.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from attrec_bench.results import store
from tests.loopback import serving
from tests.sweeps import overrides
from tests.test_download import zipped

KILLS = int(os.environ.get("ATTREC_BENCH_KILLS", "12"))
SEED = int(os.environ.get("ATTREC_BENCH_KILL_SEED", "0"))
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SOON = 2.0
"""Seconds in which a command ends that is asked to."""

RUN = ["model=bprmf", "dataset.n_users=100", "dataset.n_items=90", "dataset.n_interactions=4000", "train.epochs=30"]
RUN += ["train.patience=30", "train.batch_size=64", "checkpoint=0", "protocol.refit=true"]
TABLE = ["format=csv-wide", "metrics=HR@10,HR@50,NDCG@10,MRR"]


@dataclass(frozen=True)
class Job:
    """A command in a folder of its own; ``environment`` is added to this process'."""

    name: str
    folder: Path
    arguments: list[str]
    environment: Mapping[str, str]

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def start(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "said").open("w") as said:
            command = [sys.executable, "-m", "attrec_bench.cli", *self.arguments]
            return subprocess.Popen(command, cwd=self.folder, env=environment(self), stdout=said, stderr=said)

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def finish(self) -> str:
        """Run it to its end -> the table that follows from it; a download's is the description of its data."""
        assert self.start().wait(280) == 0, self.said()
        if self.name == "download":
            return self.said()
        if self.name == "table":
            return (self.folder / "table.csv").read_text()
        whole_records(self.runs)
        table = Job("table", self.folder, ["table", f"runs={self.runs}", *TABLE], {})
        assert table.start().wait(120) == 0, table.said()
        return table.said()


def environment(job: Job) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("ATTREC_BENCH_RUNS", "ATTREC_BENCH_DATA")}
    return kept | {"XDG_CACHE_HOME": str(job.folder / "cache"), "no_proxy": "*", **job.environment}


def whole_records(runs: Path) -> None:
    """Each folder holds a whole record, and nothing half lies beside them."""
    for folder in store.folders(runs):
        if folder.name != "sweeps":
            store.read(folder)
    assert not list(runs.glob(".tmp-*"))


CONTENT = zipped(
    **{
        "ml-100k/u.data": "".join(
            f"{u}\t{1 + (u * 7 + i * 5) % 120}\t4\t{u * 50 + i}\n" for u in range(1, 60) for i in range(20)
        ),
        "ml-100k/u.item": "".join(f"{i}|Film {i}|x\n" for i in range(1, 121)),
        "padding": os.urandom(300_000).hex(),
    }
)


def slowly(handler: BaseHTTPRequestHandler) -> None:
    """A file of 600 kB in about two seconds; a client that has a part of it asks for the rest."""
    wanted = handler.headers["Range"]
    start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
    body = CONTENT[start:]
    handler.send_response(206 if wanted else 200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for begin in range(0, len(body), 30_000):
        handler.wfile.write(body[begin : begin + 30_000])
        time.sleep(0.1)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving(slowly) as url:
        yield f"{url}/set.zip"


def job(name: str, folder: Path, site: str, records: Path) -> Job:
    folder.mkdir()
    runs = folder / "runs"
    if name == "run":
        return Job(name, folder, ["run", *RUN, f"runs={runs}"], {})
    if name == "sweep":
        return Job(name, folder, ["sweep", *overrides(folder, "train.epochs=6", "n_trials=8")], {})
    if name == "table":
        return Job(name, folder, ["table", f"runs={records}", f"out={folder / 'table.csv'}", *TABLE], {})
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return Job(
        name, folder, ["data", "ml-100k", f"dataset.url={site}", f"dataset.sha256={sha256}", "dataset.counts=null"], {}
    )


@dataclass(frozen=True)
class Undisturbed:
    """What each command gives by itself, and in how many seconds."""

    result: dict[str, str]
    seconds: dict[str, float]
    records: Path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, site: str) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    result, seconds = {}, {}
    for name in ("run", "sweep", "table", "download"):
        began = time.monotonic()
        result[name] = job(name, folder / name, site, folder / "run" / "runs").finish()
        seconds[name] = time.monotonic() - began
    assert result["run"] == result["table"]
    return Undisturbed(result, seconds, folder / "run" / "runs")


def moments() -> list[Any]:
    """(command, signal, share of the command's time) of each kill."""
    kinds = islice(cycle((name, each) for each in SIGNALS for name in ("run", "sweep", "table", "download")), KILLS)
    chance = random.Random(SEED)
    return [
        pytest.param(name, sent, chance.uniform(0, 1), id=f"{number}-{name}-{sent.name}")
        for number, (name, sent) in enumerate(kinds)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sent", "share"), moments())
def test_after_a_kill_the_next_start_gives_what_an_undisturbed_one_gives(
    tmp_path: Path, site: str, undisturbed: Undisturbed, name: str, sent: signal.Signals, share: float
) -> None:
    disturbed = job(name, tmp_path / "disturbed", site, undisturbed.records)
    process = disturbed.start()
    time.sleep(share * undisturbed.seconds[name])
    began = time.monotonic()
    process.send_signal(sent)
    code, took = process.wait(60), time.monotonic() - began
    if code != 0:  # it had not finished
        # a signal that comes before Python has begun to run us ends it as it ends any program
        assert code in (-sent, 128 + sent), disturbed.said()
        assert "Traceback" not in disturbed.said() or code == -sent, disturbed.said()
    if sent != signal.SIGKILL and code != 0:  # one that has done its work only puts torch away
        assert took < SOON, f"{name} took {took:.1f} s to end: {disturbed.said()}"
    assert disturbed.finish() == undisturbed.result[name]
