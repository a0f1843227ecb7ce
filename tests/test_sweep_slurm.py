"""A sweep whose workers are jobs of a real Slurm, one of which is cancelled on the way."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.trial import TrialState

from attrec_bench.results import store
from attrec_bench.sweeping.census import KILLED, census
from attrec_bench.sweeping.sweep import Sweep
from tests.slurm import Cluster, lacking
from tests.sweeps import finished, overrides, small, trials_of

LAUNCHER = importlib.util.find_spec("submitit") and importlib.util.find_spec("hydra_plugins.hydra_submitit_launcher")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(lacking()), reason=f"needs Slurm and munge (Debian: slurm-wlm, munge): no {lacking()} here"
    ),
    pytest.mark.skipif(not LAUNCHER, reason="needs hydra-submitit-launcher (extra: slurm)"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster(Path(tempfile.mkdtemp(prefix="attrec-bench-")) / "slurm")  # a short path: munge's socket lies in it
    made.start()
    yield made
    made.stop()


def cancel_one(cluster: Cluster, sweep: Sweep, driver: "subprocess.Popen[bytes]") -> str:
    """Wait until four jobs have trials, and cancel the job of one of them; return its number."""
    while True:
        assert driver.poll() is None, "the sweep is over too early"
        running = [trial for trial in trials_of(sweep) if trial.state == TrialState.RUNNING]
        jobs = sorted({trial.user_attrs["worker"]["job"] for trial in running if "worker" in trial.user_attrs})
        if len(jobs) == 4:
            cluster.call("scancel", jobs[0])
            return str(jobs[0])
        time.sleep(0.05)


@pytest.mark.parametrize(("accounting", "epochs"), [(True, 40), (False, 12)], ids=["sacct", "no sacct"])
def test_sixteen_trials_over_four_jobs_one_of_which_is_cancelled(
    cluster: Cluster, accounting: bool, epochs: int, tmp_path: Path
) -> None:
    """With accounting the launcher sees in some 20 s that a job is gone, and gives up; without, it waits for ever."""
    more = (f"train.epochs={epochs}", "train.batch_size=16", "n_trials=16", "sweep.heartbeat=2", "sweep.prune=false")
    given, sweep = overrides(tmp_path, *more), small(tmp_path, *more)
    launcher = ["workers=4", "hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=1"]
    command = [sys.executable, "-m", "attrec_bench.cli", "sweep", *given, *launcher]
    environment = os.environ | cluster.environment(accounting)
    with (tmp_path / "out").open("wb") as out:
        driver = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        job = cancel_one(cluster, sweep, driver)
        code = driver.wait(timeout=200)
    finally:
        driver.kill()
    said, trials = (tmp_path / "out").read_text(), trials_of(sweep)
    assert code == 0, said
    count = census(trials)
    assert (count.finished, count.running, count.failed) == (16, 0, 0)
    assert sorted(trial.user_attrs["slot"] for trial in finished(sweep)) == list(range(16))
    (lost,) = [trial for trial in trials if trial.user_attrs.get("end") == KILLED]
    assert lost.user_attrs["worker"]["job"] == job
    # It gives its trial back itself, unless a busy machine does not let it before Slurm's SIGKILL.
    assert lost.user_attrs["reason"].startswith(("its worker was stopped (KeyboardInterrupt", "its worker died"))
    again = [trial for trial in finished(sweep) if trial.user_attrs["slot"] == lost.user_attrs["slot"]]
    assert [trial.params for trial in again] == [lost.params]
    assert "JobState=CANCELLED" in cluster.call("scontrol", "--oneliner", "show", "job", job)
    # Only accounting tells the launcher that its job is gone, and the sweep may end before the launcher has asked.
    assert accounting or "the launcher has ended" not in said
    assert sorted(record.config["seed"] for record in store.read_all(sweep.root)) == [0, 1]


def test_at_its_time_limit_a_job_gives_its_trial_back(cluster: Cluster, tmp_path: Path) -> None:
    """submitit is told 60 s before, when a busy machine has begun a trial, and raises an ordinary error within it."""
    more = ("train.epochs=100000", "train.patience=100000", "n_trials=2", "sweep.heartbeat=1")
    limit = ["hydra.launcher.cpus_per_task=1", "hydra.launcher.timeout_min=2", "hydra.launcher.signal_delay_s=60"]
    sweep, given = small(tmp_path, *more), overrides(tmp_path, *more)
    command = [sys.executable, "-m", "attrec_bench.cli", "sweep", *given, "hydra/launcher=submitit_slurm", *limit]
    environment = os.environ | cluster.environment(accounting=False)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "2 trials to go; the same command goes on" in done.stderr
    (trial,) = trials_of(sweep)
    assert (trial.state, trial.user_attrs["end"]) == (TrialState.FAIL, KILLED)
    assert "KeyboardInterrupt: Job not requeued because: timed-out" in trial.user_attrs["reason"]
