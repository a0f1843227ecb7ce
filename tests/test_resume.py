"""A killed or stopped training goes on where it was: whole processes, real signals."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from attrec_bench.results import checkpoint, store
from attrec_bench.results.record import Record
from attrec_bench.run import WEIGHTS
from tests.test_checkpoint import told

RUN = ["model=bprmf", "dataset.n_users=200", "dataset.n_items=150", "dataset.n_interactions=9000", "train.epochs=60"]
RUN += ["train.patience=60", "train.batch_size=64", "protocol.refit=true", "tracking.uri=off"]


def start(runs: Path, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "attrec_bench.cli", "run", *RUN, f"runs={runs}", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def the_run(runs: Path) -> tuple[Record, dict[str, torch.Tensor]]:
    (folder,) = store.folders(runs)
    return store.read(folder), torch.load(store.checked_file(folder, WEIGHTS), weights_only=True)


def checkpoints(runs: Path) -> list[str]:
    return sorted(path.name.split(".", 1)[1] for path in (runs / checkpoint.FOLDER).glob("*.pt"))


def assert_same_run(one: Path, other: Path) -> None:
    (record, weights), (expected, expected_weights) = the_run(one), the_run(other)
    assert record.identity == expected.identity
    assert told(record.history) == told(expected.history)
    assert record.metrics == expected.metrics
    assert record.ranks.tobytes() == expected.ranks.tobytes()
    assert list(weights) == list(expected_weights)
    assert all(torch.equal(weights[name], expected_weights[name]) for name in weights)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("undisturbed") / "runs"
    process = start(runs, "checkpoint=null")
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert not (runs / checkpoint.FOLDER).exists()
    return runs


@pytest.mark.parametrize("stage", checkpoint.STAGES)
def test_a_killed_training_goes_on_from_its_last_checkpoint(tmp_path: Path, undisturbed: Path, stage: str) -> None:
    runs = tmp_path / "runs"
    process = start(runs, "checkpoint=0")
    wait_for(lambda: f"{stage}.pt" in checkpoints(runs))
    time.sleep(0.15)
    process.kill()
    process.communicate()
    assert store.folders(runs) == []
    process = start(runs, "checkpoint=0")
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    epochs = [int(line.split()[4].rstrip(",")) for line in err.splitlines() if line.startswith("going on after epoch")]
    assert len(epochs) == 1 + (stage == "refit")
    assert min(epochs) >= 1
    assert_same_run(runs, undisturbed)
    assert checkpoints(runs) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_is_asked_to_stop_ends_within_two_seconds_with_what_is_saved(
    tmp_path: Path, undisturbed: Path, number: int, code: int
) -> None:
    # A machine with more to do than it has cores may be late by itself: one of three tries has to be in time.
    for attempt in range(3):
        runs = tmp_path / str(attempt)
        if asked_to_stop(runs, number, code) < 2:
            break
    else:
        pytest.fail("three times it took two seconds or more")
    process = start(runs)
    assert "going on after epoch" in process.communicate(timeout=240)[1]
    assert_same_run(runs, undisturbed)


def asked_to_stop(runs: Path, number: int, code: int) -> float:
    """Start a training, ask it to stop once it has a checkpoint, and return the seconds that it takes to end."""
    process = start(runs, "checkpoint=0.3")
    wait_for(lambda: checkpoints(runs))
    file = next((runs / checkpoint.FOLDER).glob("*.fit.pt"))
    before = file.stat().st_mtime_ns
    time.sleep(0.35)
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    seconds = time.monotonic() - began
    assert process.returncode == code
    assert err.splitlines()[-1].startswith("attrec-bench: interrupted; what is finished is kept")
    assert "Traceback" not in err
    assert file.stat().st_mtime_ns > before
    return seconds
