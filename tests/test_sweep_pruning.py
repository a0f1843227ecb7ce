"""Pruning: poor trials end early, and the best one never does where curves do not cross."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig
from optuna.trial import TrialState

from attrec_bench.sweeping import worker
from attrec_bench.sweeping.census import census
from tests.sweeps import finished, small, swept


def test_pruning_ends_the_training_of_poor_trials(tmp_path: Path) -> None:
    """The first ten proposals are drawn blindly, so both searches try the same ten; one pays less for them."""
    trials = {}
    for prune in ("true", "false"):
        (tmp_path / prune).mkdir()
        more = ("train.epochs=15", "dataset.long_term=1", "n_trials=10", "sweep.seeds=2", f"sweep.prune={prune}")
        trials[prune] = finished(swept(small(tmp_path / prune, *more)))
    assert [trial.params for trial in trials["true"]] == [trial.params for trial in trials["false"]]
    assert census(trials["true"]).pruned > 0 == census(trials["false"]).pruned
    epochs = {prune: sum(len(trial.intermediate_values) for trial in trials[prune]) for prune in trials}
    assert epochs["true"] < 0.8 * epochs["false"]


def test_pruning_never_ends_the_best_where_curves_do_not_cross(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial's curve is its learning rate times a rising function of the epoch: who is behind stays behind."""
    trained = []

    def curve(config: DictConfig, _: str, watch: Any) -> float:
        value = float(config.train.optimizer.lr)
        for epoch in range(1, 21):
            trained.append(epoch)
            watch({"epoch": epoch, "NDCG@50": value * (1 - 0.8**epoch)})
        return value * (1 - 0.8**20)

    monkeypatch.setattr(worker, "validated", curve)
    sweep = swept(small(tmp_path, "train.epochs=20", "n_trials=30", "sweep.seeds=2"))
    trials = finished(sweep)
    best = census(trials).best
    assert best is not None
    assert best.params["train.optimizer.lr"] == max(trial.params["train.optimizer.lr"] for trial in trials)
    first = [trial for trial in trials if trial.user_attrs["slot"] < 5]
    assert {trial.state for trial in first} == {TrialState.COMPLETE}, "nobody ends before there is a median"
    lengths = [len(trial.intermediate_values) for trial in trials if trial.state == TrialState.PRUNED]
    assert lengths
    assert set(lengths) == {5}, "who is behind ends as soon as the warm-up does"
    assert len(trained) == sum(lengths) + 40 * (30 - len(lengths)), "and trains no further"
