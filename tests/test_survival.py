"""Runs that are killed, started twice at once, or whose MLflow cannot be reached: nothing is lost, nothing is half."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from attrec_bench.results import store

RUN = [
    *(sys.executable, "-m", "attrec_bench.cli", "run", "model=bprmf", "dataset.n_users=200", "dataset.n_items=150"),
    *("dataset.n_interactions=9000", "train.epochs=60", "train.patience=60", "train.batch_size=64"),
]


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    environment = os.environ | {"ATTREC_BENCH_RUNS": str(folder)}
    return subprocess.Popen(
        [*RUN, *more], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder.parent
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out


def test_a_killed_run_leaves_no_half_record_and_starts_again_to_the_same_result(tmp_path: Path) -> None:
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    began = time.monotonic()
    finished(start(undisturbed, "tracking.uri=off"))
    took = time.monotonic() - began
    expected = store.read_all(undisturbed)[0]

    disturbed = tmp_path / "disturbed"
    disturbed.mkdir()
    for share in np.random.default_rng(0).uniform(0.2, 1.0, 4):
        process = start(disturbed, "tracking.uri=off")
        time.sleep(share * took)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for record in store.read_all(disturbed):
            assert record.ranks.tolist() == expected.ranks.tolist()
    finished(start(disturbed, "tracking.uri=off"))
    records = store.read_all(disturbed)
    assert [record.identity for record in records] == [expected.identity]
    assert records[0].ranks.tolist() == expected.ranks.tolist()
    assert not list(disturbed.glob(".tmp-*"))


def test_of_two_identical_commands_one_trains_and_the_other_finds_the_record(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    both = [start(runs, "tracking.uri=off") for _ in range(2)]
    told = [finished(process) for process in both]
    assert sum("(found" in out for out in told) == 1
    assert len(store.read_all(runs)) == 1


def test_records_wait_for_an_mlflow_that_cannot_be_reached(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    process = start(runs, f"tracking.uri=http://127.0.0.1:{port}", "train.epochs=1")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "bprmf" in out
    assert "the next time" in err
    assert len(store.read_all(runs)) == 1
    assert "(found" in finished(start(runs, f"tracking.uri=sqlite:///{runs / 'mlflow.db'}", "train.epochs=1"))
    from attrec_bench.results.tracking import fetch

    assert fetch(f"sqlite:///{runs / 'mlflow.db'}") == store.read_all(runs)
