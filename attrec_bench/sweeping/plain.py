"""Optuna's study -> results.studies.Study: plain data, as MLflow is told of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrec_bench.results.record import text
from attrec_bench.results.studies import Sender, Study, Trial
from attrec_bench.sweeping.census import FAILED, census, cost
from attrec_bench.sweeping.sweep import STARTUP, WARMUP, Sweep

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def sender_of(sweep: Sweep) -> Sender | None:
    """Return who sends a sweep's study to MLflow; None where tracking is off."""
    tracking = sweep.config.tracking
    if tracking.uri == "off":
        return None
    return Sender(sweep.root, tracking.uri, tracking.experiment, sweep.storage.sending)


def study_of(sweep: Sweep, identity: str, trials: "Sequence[FrozenTrial]") -> Study:
    """Return the study; a trial that runs is no part of it yet."""
    count, config = census(trials), sweep.config
    rule = f"median of the completed, after {WARMUP} epochs and {STARTUP} trials" if sweep.prune else "none"
    words = {"n_trials": str(sweep.total)}
    numbers = {
        **{"trials_finished": count.finished, "trials_pruned": count.pruned, "trials_failed": count.failed},
        **{"trials_killed": count.killed, "cpu_seconds": sum(map(cost, trials))},
    }
    if count.best is not None:
        numbers["best_value"] = float(count.best.value or 0.0)
        words["best_trial"] = str(count.best.number)
        words |= {f"best.{key}": text(value) for key, value in count.best.params.items()}
    return Study(
        identity=identity,
        name=sweep.name,
        facts={
            **{"model": sweep.model, "dataset": config.dataset.name, "monitor": config.train.monitor},
            **{"sampler": "TPE", "sampler_seed": config.sweep.seed, "pruning": rule},
            **{"seeds": list(sweep.seeds), "epochs": config.train.epochs},
            **{f"space.{key}": each.words() for key, each in sweep.space.ranges.items()},
        },
        numbers=numbers,
        words=words,
        monitor=config.train.monitor,
        trials=tuple(trial_of(trial, sweep) for trial in trials if trial.state.is_finished()),
        over=count.over(sweep.total, sweep.max_failed) and count.running == 0,
    )


def trial_of(trial: "FrozenTrial", sweep: Sweep) -> Trial:
    """Return one trial that has ended."""
    assert trial.datetime_complete is not None  # it has ended
    ended = trial.state.name.lower()
    end = round(trial.datetime_complete.timestamp() * 1000)
    begin = end if trial.datetime_start is None else round(trial.datetime_start.timestamp() * 1000)
    return Trial(
        number=trial.number,
        state=ended if ended != "fail" else "failed" if trial.user_attrs.get("end") == FAILED else "killed",
        params=trial.params,
        value=trial.value,
        reason=trial.user_attrs.get("reason"),
        seeds=sweep.seeds,
        cpu_seconds=cost(trial),
        begin=begin,
        end=end,
        steps=trial.intermediate_values,
    )
