"""Trials -> Census: how far a study is, in numbers. A census is computed from the trials each time and stored nowhere.

Every trial carries these attributes:

    slot    which of the sweep's n_trials places it takes, from 0
    worker  {host, place, pid} of the process that runs it, and its job on a Slurm cluster
    beat    [count, CPU seconds], renewed while it runs
    end     of a trial without a value: KILLED (its process died or was stopped) or FAILED (it failed by itself)
    reason  of such an end, in words
    cpu_seconds  what it has cost
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

KILLED, FAILED = "killed", "failed"

MOST_DEATHS = 10
"""A trial whose process has died this often kills it, for example for want of memory: it counts as failed."""

ALIKE = 3
"""So many trials that fail with the same words, before one has succeeded, end a search: so would all others."""


@dataclass(frozen=True)
class Census:
    """Counts of trials, and the best one so far. A finished trial is complete or pruned."""

    complete: int
    pruned: int
    running: int
    failed: int
    killed: int
    best: "FrozenTrial | None"
    mean_seconds: float
    """Wall time of a finished trial, on average; 0 where there is none."""
    reasons: tuple[tuple[int, str], ...]
    """(number, reason) of the trials that failed by themselves."""

    @property
    def finished(self) -> int:
        """Trials that count."""
        return self.complete + self.pruned

    def over(self, total: int, max_failed: int) -> bool:
        """Whether no further trial is to be started."""
        return self.finished >= total or self.failed > max_failed

    def hopeless(self, before: Collection[int]) -> bool:
        """Whether no trial has succeeded and several have failed alike, other than those ``before`` this command."""
        words = Counter(reason for number, reason in self.reasons if number not in before)
        return self.finished == 0 and max(words.values(), default=0) >= ALIKE

    def failures(self) -> frozenset[int]:
        """Return the numbers of the trials that failed by themselves."""
        return frozenset(number for number, _ in self.reasons)


def census(trials: "Sequence[FrozenTrial]") -> Census:
    """Count the trials of a study."""
    from optuna.trial import TrialState

    by_state = {state: [trial for trial in trials if trial.state == state] for state in TrialState}
    complete, pruned = by_state[TrialState.COMPLETE], by_state[TrialState.PRUNED]
    failed = [trial for trial in by_state[TrialState.FAIL] if trial.user_attrs.get("end") == FAILED]
    seconds = [trial.duration.total_seconds() for trial in complete + pruned if trial.duration]
    return Census(
        complete=len(complete),
        pruned=len(pruned),
        running=len(by_state[TrialState.RUNNING]),
        failed=len(failed),
        killed=len(by_state[TrialState.FAIL]) - len(failed),
        best=max(complete, key=lambda trial: trial.value or 0.0, default=None),
        mean_seconds=sum(seconds) / max(len(seconds), 1),
        reasons=tuple((trial.number, str(trial.user_attrs.get("reason"))) for trial in failed),
    )


def cost(trial: "FrozenTrial") -> float:
    """CPU seconds of a trial; of one that was killed, up to its last beat."""
    return float(trial.user_attrs.get("cpu_seconds", trial.user_attrs.get("beat", [0, 0.0])[1]))


def free_slot(trials: "Sequence[FrozenTrial]", total: int) -> int | None:
    """Return the lowest slot that no running or finished trial has; None where all are taken."""
    from optuna.trial import TrialState

    holding = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED)
    taken = {trial.user_attrs.get("slot") for trial in trials if trial.state in holding}
    return next((slot for slot in range(total) if slot not in taken), None)


def attempt(trials: "Sequence[FrozenTrial]", slot: int) -> int:
    """How many proposals of this slot have failed: a killed trial is proposed again, a failed one is replaced."""
    return sum(trial.user_attrs.get("slot") == slot and trial.user_attrs.get("end") == FAILED for trial in trials)


def deaths(trials: "Sequence[FrozenTrial]", slot: int) -> int:
    """How often in a row this slot's process has died, since a proposal of it has failed."""
    ends = [trial.user_attrs.get("end") for trial in trials if trial.user_attrs.get("slot") == slot]
    since = [end for end in ends if end is not None]
    while FAILED in since:
        since = since[since.index(FAILED) + 1 :]
    return since.count(KILLED)
