"""Slots: hands out the trials of a study, so that n_trials of them are finished at the end, no more and no less.

A sweep of n trials has the slots 0 to n-1. A trial takes the lowest free one and keeps it when it is finished; a
trial that is killed or fails gives it back. All of that happens under the storage's lock. What a trial tries is a
function of (sweep.seed, slot, failed proposals of the slot, what is finished or running): so with one worker a
killed trial is proposed again, exactly, and the sweep goes where an uninterrupted one would have gone.

    slot      0 1 2 3        worker A   0 ------- done  2 --- killed
    time  ->                 worker B     1 ---- pruned   3 ------ done  2 (again)
"""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrec_bench.sweeping.census import FAILED, KILLED, MOST_DEATHS, attempt, deaths, free_slot
from attrec_bench.sweeping.space import Space
from attrec_bench.sweeping.storage import Storage
from attrec_bench.training.batches import derived_seed

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

MISSED_BEATS = 6
"""A trial that has shown no beat for this many heartbeats is taken for dead."""


@dataclass(eq=False)
class Slots:
    """One worker's view of a study."""

    study: "Study"
    storage: Storage
    space: Space
    total: int
    seed: int
    heartbeat: float
    """Seconds between the beats of a running trial."""
    seen: dict[int, tuple[Any, float]] = field(default_factory=dict)
    """Number of a running trial -> its last beat and when this process, by its own clock, first saw it."""

    def take(self) -> "Trial | None":
        """Start the next trial; None where every slot is taken."""
        with self.storage.exclusive():
            self.bury()
            trials = self.study.get_trials(deepcopy=False)
            slot = free_slot(trials, self.total)
            return None if slot is None else self.start(slot, attempt(trials, slot))

    def start(self, slot: int, tried: int) -> "Trial":
        """Ask for the trial of a slot. Killed in here, it has no worker, and the next holder of the lock buries it."""
        if slot < len(self.space.points) and tried == 0:
            self.study.enqueue_trial(self.space.points[slot], user_attrs={"slot": slot})
        self.study.sampler = sampler(self.seed, slot, tried)
        trial = self.study.ask({key: each.distribution() for key, each in self.space.ranges.items()})
        trial.set_user_attr("slot", slot)
        trial.set_user_attr("worker", here())
        return trial

    def bury(self) -> None:
        """Fail the trials whose worker has died. To be called under the lock."""
        from optuna.trial import TrialState

        trials = self.study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == TrialState.WAITING and "slot" in trial.user_attrs:
                self.end(trial.number, KILLED, "its worker died before it began")
            elif trial.state == TrialState.RUNNING and (cause := self.cause_of_death(trial)):
                slot = trial.user_attrs.get("slot", -1)
                often = deaths(trials, slot) + 1 >= MOST_DEATHS
                self.end(trial.number, FAILED if often else KILLED, cause + (f", {MOST_DEATHS} times" if often else ""))

    def cause_of_death(self, trial: "FrozenTrial") -> str | None:
        """Say why a running trial must be dead; None where it seems to be alive."""
        worker = trial.user_attrs.get("worker")
        if worker is None:
            return "its worker died before it began"
        name = f"process {worker['pid']} on {worker['host']}" + (f", job {worker['job']}" if "job" in worker else "")
        if worker["place"] == place() and not alive(worker["pid"]):
            return f"its worker died ({name})"
        now, beat = time.monotonic(), trial.user_attrs.get("beat")
        if trial.number not in self.seen or self.seen[trial.number][0] != beat:
            self.seen[trial.number] = beat, now
        silent = now - self.seen[trial.number][1]
        return f"no sign of its worker for {silent:.0f} s ({name})" if silent > MISSED_BEATS * self.heartbeat else None

    def end(self, number: int, end: str, reason: str) -> None:
        """Fail a trial with a reason, unless it is finished already: its slot is free then."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        trials = self.storage.trials
        study = trials.get_study_id_from_name(self.study.study_name)
        trial = trials.get_trial_id_from_study_id_trial_number(study, number)
        with suppress(UpdateFinishedTrialError):
            trials.set_trial_user_attr(trial, "end", end)
            trials.set_trial_user_attr(trial, "reason", reason)
            trials.set_trial_state_values(trial, TrialState.FAIL)


def sampler(seed: int, slot: int, tried: int) -> "BaseSampler":
    """Return the sampler of one trial: after a resume a sampler seeded once would propose its first points again."""
    from optuna.samplers import TPESampler

    return TPESampler(seed=derived_seed(seed, f"slot {slot}", tried) % 2**32)


def here() -> dict[str, Any]:
    """Return who this process is; on a Slurm cluster also which job, as scancel takes it."""
    found = {"host": socket.gethostname(), "place": place(), "pid": os.getpid()}
    return found | {"job": job} if (job := slurm_job(os.environ)) else found


def slurm_job(environment: Mapping[str, str]) -> str | None:
    """Return the number of this process's Slurm job, of a task in an array ARRAY_TASK; None outside of Slurm.

    A task's own SLURM_JOB_ID may be the array's: to cancel that would cancel all.
    """
    array, task = (environment.get(f"SLURM_ARRAY_{part}_ID") for part in ("JOB", "TASK"))
    return f"{array}_{task}" if array and task else environment.get("SLURM_JOB_ID")


def place() -> str:
    """Return the process table that pids of this process belong to: a container has a table of its own."""
    parts: Sequence[str] = ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid")
    try:
        return f"{Path(parts[0]).read_text().strip()} {os.readlink(parts[1])}"
    except OSError:  # no Linux
        return socket.gethostname()


def alive(pid: int) -> bool:
    """Whether a process of this machine exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
