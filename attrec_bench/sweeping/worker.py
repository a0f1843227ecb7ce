"""A worker: takes a trial, runs it in this warm process, tells its value, and goes on until the sweep has its total.

Workers know nothing of one another. Any number may join, leave or be killed at any moment: the study in its storage
is all that they share. A trial runs in the worker's own process, since imports cost more than a short trial does and
all that a trial has allocated is garbage when it ends.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig

from attrec_bench.configuration import explained
from attrec_bench.results.naming import called
from attrec_bench.run import run, validated
from attrec_bench.sweeping.census import FAILED, KILLED, Census, census
from attrec_bench.sweeping.endings import BEGUN
from attrec_bench.sweeping.slots import Slots
from attrec_bench.sweeping.storage import patiently
from attrec_bench.sweeping.sweep import Sweep

if TYPE_CHECKING:
    from optuna import Trial

POLL = 0.5
"""Seconds between two looks at a study whose last trials are with other workers."""

log = logging.getLogger(__name__)


def work(sweep: Sweep, number: int) -> None:
    """Search until the sweep has its total, then train the winner anew; ``number`` is this worker's own, from 0.

    Raises the error of a final run that fails, after the others have been made.
    """
    torch.set_num_threads(sweep.config.threads)
    search(sweep)
    confirm(sweep, number)


def search(sweep: Sweep) -> None:
    """Run trials until the study has its total of finished ones, or more failed ones than the sweep bears.

    It also ends where trials fail alike from the start (``hopeless``), as those of a broken model do. A worker that
    finds no slot free stays: one of the others may die, and its trial comes back.
    """
    slots = sweep.slots()

    def counted() -> Census:
        return patiently(lambda: census(slots.study.get_trials(deepcopy=False)))

    before = counted().failures()
    while not (count := counted()).over(sweep.total, sweep.max_failed) and not count.hopeless(before):
        trial = patiently(slots.take)
        if trial is None:
            time.sleep(POLL)
        else:
            try_one(sweep, slots, trial)


def try_one(sweep: Sweep, slots: Slots, trial: "Trial") -> None:
    """Run one trial and tell how it went. A trial that was taken for dead meanwhile is dropped: another has it now."""
    from optuna import TrialPruned
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    beats = Beats(slots, trial.number)
    try:
        with beats:
            value = objective(sweep, slots, trial)
    except TrialPruned:
        told: dict[str, Any] = {"state": TrialState.PRUNED}
    except UpdateFinishedTrialError:
        log.warning("trial %d was taken for dead while it ran; it is dropped", trial.number)
        return
    except Exception as error:
        reason = explained(error) or " ".join(f"{type(error).__name__}: {error}".split())
        patiently(lambda: slots.end(trial.number, FAILED, reason))
        return
    except BaseException as error:
        BEGUN.set()
        words = ": ".join(each for each in (type(error).__name__, " ".join(str(error).split())) if each)
        slots.end(trial.number, KILLED, f"its worker was stopped ({words})")
        raise
    else:
        told = {"values": value}
    try:
        patiently(lambda: trial.set_user_attr("cpu_seconds", beats.cpu_seconds))
        patiently(lambda: slots.study.tell(trial, **told, skip_if_finished=True))
    except UpdateFinishedTrialError:
        log.warning("trial %d was taken for dead as it ended; it is dropped", trial.number)


def objective(sweep: Sweep, slots: Slots, trial: "Trial") -> float:
    """Mean over the sweep's seeds of the best validation value; the steps of a trial are the epochs of all its seeds.

    What is reported at epoch e of seed k is the mean of the k finished seeds and the best so far of this one:
    two trials are compared after the same seeds and epochs, so a trial can end within a seed or between two. A model
    that is fitted in one go reports once a seed, as if that were its only epoch.
    """
    from optuna import TrialPruned

    config = sweep.space.applied(sweep.config, trial.params)
    epochs, monitor = config.train.epochs, config.train.monitor
    done: list[float] = []
    for seed in sweep.seeds:
        best = 0.0

        def watch(row: Mapping[str, float], first: int = len(done) * epochs) -> None:
            nonlocal best
            if monitor in row:
                best = max(best, row[monitor])
                patiently(lambda: trial.report((sum(done) + best) / (len(done) + 1), first + int(row["epoch"])))
                if sweep.prune and patiently(trial.should_prune):
                    raise TrialPruned

        done.append(validated(seeded(config, seed), sweep.model, watch))
    return sum(done) / len(done)


def confirm(sweep: Sweep, number: int) -> None:
    """Train, and test once, the winner with seeds that the search never saw, through the ordinary run.

    Workers share these runs: each begins at another seed, and a run that one has made is found by the others.
    """
    winner = patiently(lambda: census(sweep.study().get_trials(deepcopy=False))).best
    if winner is None:
        return
    failed: Exception | None = None
    start = number % max(len(sweep.final_seeds), 1)
    for seed in sweep.final_seeds[start:] + sweep.final_seeds[:start]:
        try:
            record, _ = run(sweep.final(winner.params, seed), sweep.model, sweep.command(winner.params, seed))
            called(sweep.root, record, sweep.model)
        except FloatingPointError as error:
            log.warning("%s, the winner with seed %d: %s", sweep.name, seed, error)
            failed = error
    if failed is not None:
        raise failed


def seeded(config: DictConfig, seed: int) -> DictConfig:
    """Return a copy of the configuration with another seed."""
    made = config.copy()
    made.seed = seed
    return made


@dataclass(eq=False)
class Beats:
    """While a trial runs, a thread shows that its worker is alive and what it costs; in the end the cost is known."""

    slots: Slots
    number: int
    stop: threading.Event = field(default_factory=threading.Event)
    cpu_seconds: float = 0.0

    def __enter__(self) -> "Beats":
        """Begin to beat."""
        self.started = time.process_time()
        self.thread = threading.Thread(target=self.beat, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and know the cost."""
        self.stop.set()
        self.thread.join()
        self.cpu_seconds = time.process_time() - self.started

    def beat(self) -> None:
        """Write a beat each heartbeat; a trial that is finished needs none."""
        from optuna.exceptions import UpdateFinishedTrialError

        trials = self.slots.storage.trials
        count = 0
        try:
            study = trials.get_study_id_from_name(self.slots.study.study_name)
            trial = trials.get_trial_id_from_study_id_trial_number(study, self.number)
            while not self.stop.wait(self.slots.heartbeat):
                count += 1
                beat = [count, time.process_time() - self.started]
                patiently(lambda beat=beat: trials.set_trial_user_attr(trial, "beat", beat))  # type: ignore[misc]
        except UpdateFinishedTrialError:
            return
