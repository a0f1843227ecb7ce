"""kill -9 of workers at random moments: nothing is lost, nothing counts twice, and the search goes where it would have.

Each worker is a process of its own, as `sweep` starts it.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from optuna.trial import TrialState

from attrec_bench.results import ledger, store
from attrec_bench.sweeping.census import KILLED, census
from attrec_bench.sweeping.sweep import Sweep
from attrec_bench.sweeping.team import close_input, local, worker_command
from attrec_bench.sweeping.worker import search
from tests.sweeps import finished, overrides, small, told, trials_of

MORE = ("train.epochs=12", "train.batch_size=32")
"""Trials of about a second, so that a kill meets one."""


def start(given: list[str], number: int, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"worker-{number}.log").open("ab") as out:
        return subprocess.Popen(worker_command(given, [f"number={number}"]), stdout=out, stderr=out)


def kill_and_restart(sweep: Sweep, given: list[str], workers: int, kills: int, folder: Path, seed: int) -> None:
    """Kill one of the workers while a trial runs, start it again, and so on; then let them finish."""
    chance = random.Random(seed)
    processes = [start(given, number, folder) for number in range(workers)]
    study, deadline = sweep.study(), time.monotonic() + 240
    for _ in range(kills):
        before = len(study.get_trials(deepcopy=False))
        while len(study.get_trials(deepcopy=False)) == before or census(study.get_trials(deepcopy=False)).running == 0:
            assert time.monotonic() < deadline, (folder / "worker-0.log").read_text()
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 1.2))
        number = chance.randrange(workers)
        processes[number].send_signal(signal.SIGKILL)
        assert processes[number].wait() == -signal.SIGKILL, "it was still at work"
        processes[number] = start(given, number, folder)
    for process in processes:
        assert process.wait(timeout=200) == 0, (folder / "worker-0.log").read_text()


def check(sweep: Sweep, total: int) -> None:
    """Exactly the total is finished, nothing runs, no slot counts twice, no half record lies about."""
    trials = trials_of(sweep)
    assert len(finished(sweep)) == total
    assert sorted(trial.user_attrs["slot"] for trial in finished(sweep)) == list(range(total))
    assert all(trial.state.is_finished() for trial in trials)
    lost = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert {trial.user_attrs["end"] for trial in lost} <= {KILLED}, [trial.user_attrs for trial in lost]
    records = store.read_all(sweep.root)
    assert sorted(record.config["seed"] for record in records) == [0, 1]
    assert not list(sweep.root.glob(".tmp-*")), "a half record"


def test_two_workers_killed_again_and_again_finish_exactly_the_total(tmp_path: Path) -> None:
    given = overrides(tmp_path, *MORE, "n_trials=10")
    sweep = small(tmp_path, *MORE, "n_trials=10")
    kill_and_restart(sweep, given, 2, 3, tmp_path, seed=1)
    check(sweep, 10)


def test_one_worker_killed_again_and_again_does_what_an_uninterrupted_one_does(tmp_path: Path) -> None:
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    more = (*MORE, "n_trials=12")
    killed, whole = (small(tmp_path / name, *more) for name in ("killed", "whole"))
    kill_and_restart(killed, overrides(tmp_path / "killed", *more), 1, 2, tmp_path, seed=2)
    check(killed, 12)
    search(whole)
    assert told(finished(killed)) == told(finished(whole))
    best = [census(trials_of(sweep)).best for sweep in (killed, whole)]
    assert best[0] is not None
    assert best[1] is not None
    assert (best[0].params, best[0].value) == (best[1].params, best[1].value)


@pytest.mark.slow
def test_twenty_kills_in_a_sweep_of_forty(tmp_path: Path) -> None:
    given = overrides(tmp_path, *MORE, "n_trials=40")
    sweep = small(tmp_path, *MORE, "n_trials=40")
    kill_and_restart(sweep, given, 2, 20, tmp_path, seed=3)
    check(sweep, 40)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "attrec_bench.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_a_sweep_as_a_user_meets_it_from_the_first_trial_to_the_table(tmp_path: Path) -> None:
    given = overrides(tmp_path, "n_trials=8", "workers=2")
    done = bench("sweep", *given)
    assert done.returncode == 0, done.stderr
    assert "planted-bprmf: 8 of 8 trials done" in done.stdout
    assert done.stdout.count("  seed ") == 2
    assert "\x1b" not in done.stderr, "no live line in a pipe"

    again = bench("sweep", *given)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("nothing is left to do")

    record = store.read_all(tmp_path / "runs")[0]
    repeated = bench(*record.command.split()[1:], f"runs={tmp_path / 'runs'}", "tracking.uri=off")
    assert "(found" in repeated.stdout, repeated.stderr

    assert bench("run", *(each for each in given if each.startswith(("model", "dataset", "train", "runs", "tracking")))
                 ).returncode == 0  # fmt: skip
    table = bench("table", f"runs={tmp_path / 'runs'}", "tuned=true", "format=csv")
    assert table.stdout.count("bprmf") == 2 * 4, "one row of four metrics: the run of no sweep is not in it"
    account = bench("table", f"runs={tmp_path / 'runs'}", "tuned=true", "format=markdown").stdout
    assert "bprmf tuned in study planted-bprmf: 8 trials" in account
    (made,) = ledger.read_all(tmp_path / "runs")
    assert (made.trials, len(made.values), made.failed, len(made.identities)) == (8, 8, 0, 2)
    assert made.searched == max(made.values)


def test_a_killed_worker_is_started_again_and_a_killed_sweep_takes_its_workers_along(tmp_path: Path) -> None:
    given = overrides(tmp_path, *MORE, "n_trials=30")
    sweep = small(tmp_path, *MORE, "n_trials=30")
    team = local(given, 1, tmp_path / "logs")
    team.start()
    first = team.processes[0]
    while not trials_of(sweep):
        time.sleep(0.05)
    first.kill()
    first.wait()
    team.mend(0)
    assert team.processes[0].pid != first.pid
    count = len(trials_of(sweep))
    while len(trials_of(sweep)) <= count:
        time.sleep(0.05)
    close_input(team.processes[0])  # as the kernel does for a sweep that is killed
    assert team.processes[0].wait(timeout=20) != 0
    assert census(trials_of(sweep)).running == 0, "it gave its trial back"
    assert "was stopped (KeyboardInterrupt)" in trials_of(sweep)[-1].user_attrs["reason"]
