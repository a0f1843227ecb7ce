"""Who is at work: a launcher's jobs outlive it, and a worker that is told to end gives its trial back."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from optuna.trial import TrialState

from attrec_bench.results import store
from attrec_bench.sweeping.census import KILLED, census
from attrec_bench.sweeping.slots import slurm_job
from attrec_bench.sweeping.team import LONG, Team, launched, local, worker_command
from attrec_bench.sweeping.watch import Watch, Watched
from attrec_bench.sweeping.worker import try_one
from tests.sweeps import finished, overrides, small, swept, trials_of


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("attrec_bench.sweeping.watch.time.monotonic", lambda: now[0])
    return now


def ended(folder: Path, far: bool, words: str = "it broke") -> Team:
    """A team whose one process has ended with an error."""
    team = Team([[sys.executable, "-c", f"raise SystemExit({words!r})"]], folder, 0, far=far)
    team.start()
    team.processes[0].wait()
    team.stop()
    return team


def test_a_launchers_jobs_are_watched_for_as_long_as_the_study_changes(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    sweep = small(tmp_path, "sweep.heartbeat=10")
    at_work = Watch([Watched(sweep)], ended(tmp_path / "logs", far=True)).at_work
    assert at_work()
    assert caplog.messages == [
        "the launcher has ended with: it broke; its jobs may go on, so the study is watched for as long as it changes"
    ]
    clock[0] += 59
    assert at_work()
    slots = sweep.slots()
    trial = slots.take()
    assert trial is not None
    clock[0] += 59
    assert at_work(), "a trial has begun"
    trial.set_user_attr("beat", [1, 0.1])
    clock[0] += 59
    assert at_work(), "it has beaten"
    try_one(sweep, slots, trial)
    clock[0] += 59
    assert at_work(), "it is done"
    clock[0] += 61
    assert not at_work(), "nothing has changed for six heartbeats"
    assert len(caplog.messages) == 1, "said once"


def test_a_winners_run_shows_no_beat_but_is_held(tmp_path: Path, clock: list[float]) -> None:
    sweep = swept(small(tmp_path, "n_trials=1", "final_seeds=1"))
    watched = Watched(sweep)
    at_work = Watch([watched], ended(tmp_path / "logs", far=True)).at_work
    assert at_work()
    (identity,) = watched.identities
    code = (
        f"from attrec_bench.results import store; from pathlib import Path\nwith store.lock(Path({str(sweep.root)!r}), "
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{code}{identity!r}): print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    for _ in range(3):
        clock[0] += 3600
        assert at_work(), "another process is at it, however long it takes"
    holder.communicate(b"\n")
    clock[0] += 61
    assert not at_work()
    assert not store.held(sweep.root, identity)


def test_when_local_workers_have_ended_nobody_is_at_work(tmp_path: Path) -> None:
    assert not Watch([Watched(small(tmp_path))], ended(tmp_path / "logs", far=False)).at_work()


def test_long_last_words_are_cut_and_their_place_is_told(tmp_path: Path) -> None:
    (line,) = ended(tmp_path, far=True, words="x" * 5000).errors()
    assert line == f"{'x' * LONG}... (all of it: {tmp_path / 'worker-0.log'})"


def test_a_task_of_an_array_is_named_as_scancel_takes_it() -> None:
    """Slurm gives one task of an array the array's own number as SLURM_JOB_ID: to cancel that would cancel all."""
    array = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}
    assert slurm_job(array) == "7_3"
    assert slurm_job({"SLURM_JOB_ID": "7"}) == "7"
    assert slurm_job({}) is None


def test_a_launcher_gets_a_job_for_each_worker_and_ends_with_the_sweep(tmp_path: Path) -> None:
    team = launched(["n_trials=3"], ["hydra/launcher=joblib"], 3, tmp_path)
    (command,) = team.commands
    assert {"-m", "number=0,1,2", "parent=true", "hydra/launcher=joblib"} <= set(command)
    assert team.far
    assert not local([], 3, tmp_path).far


def test_a_worker_that_gets_sigterm_gives_its_trial_back(tmp_path: Path) -> None:
    more = ("train.epochs=100000", "train.patience=100000", "n_trials=2", "sweep.prune=false")
    sweep = small(tmp_path, *more)
    with (tmp_path / "log").open("wb") as out:
        worker = subprocess.Popen(worker_command(overrides(tmp_path, *more), []), stdout=out, stderr=out)
    while census(trials_of(sweep)).running == 0 or "worker" not in trials_of(sweep)[0].user_attrs:
        assert worker.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.05)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=60) == 130
    (trial,) = trials_of(sweep)
    assert (trial.state, trial.user_attrs["end"]) == (TrialState.FAIL, KILLED)
    # A first interrupt that Python has dropped is repeated, without its name.
    assert trial.user_attrs["reason"].startswith("its worker was stopped (KeyboardInterrupt")
    assert finished(sweep) == []
