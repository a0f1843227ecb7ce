"""Small sweeps for tests: planted data of a few users, a space of two keys, trials of a fraction of a second."""

from pathlib import Path
from typing import Any

import yaml
from optuna.trial import FrozenTrial, TrialState

from attrec_bench.sweeping.sweep import Sweep, sweep_of
from attrec_bench.sweeping.worker import search

SPACE: dict[str, Any] = {
    "train.optimizer.lr": {"type": "float", "low": 0.001, "high": 0.5, "log": True},
    "model.d": {"type": "int", "low": 2, "high": 32, "log": True},
}
DATA = ("dataset.n_users=60", "dataset.n_items=80", "dataset.n_interactions=1800")


def overrides(folder: Path, *more: str, space: dict[str, Any] | None = None, published: Any = None) -> list[str]:
    """What to type for a sweep of bprmf in ``folder``; ``more`` comes last, so it wins."""
    file = folder / "space.yaml"
    published = [{"model.d": 8}] if published is None else published
    file.write_text(yaml.safe_dump({"space": space or SPACE, "published": published}))
    return [
        *("model=bprmf", *DATA, "train.epochs=3", "train.batch_size=256", f"runs={folder / 'runs'}"),
        *("tracking.uri=off", f"sweep.space={file}", "n_trials=6", "final_seeds=2", "sweep.seeds=1", *more),
    ]


def small(folder: Path, *more: str, space: dict[str, Any] | None = None, published: Any = None) -> Sweep:
    return sweep_of(overrides(folder, *more, space=space, published=published))


def swept(sweep: Sweep) -> Sweep:
    search(sweep)
    return sweep


def trials_of(sweep: Sweep) -> list[FrozenTrial]:
    return sweep.study().get_trials(deepcopy=False)


def finished(sweep: Sweep) -> list[FrozenTrial]:
    return [trial for trial in trials_of(sweep) if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]


def told(trials: list[FrozenTrial]) -> list[tuple[Any, ...]]:
    """All that a finished trial says, by its slot: what was tried, what came out, epoch by epoch."""
    by_slot = sorted(trials, key=lambda trial: int(trial.user_attrs["slot"]))
    return [(t.user_attrs["slot"], t.params, t.state, t.value, t.intermediate_values) for t in by_slot]
