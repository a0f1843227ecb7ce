"""A sweep: its total, its seeds, resuming, and that the test events are out of reach."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig
from optuna.trial import TrialState

from attrec_bench import run as running
from attrec_bench.results import store
from attrec_bench.sweeping import worker
from attrec_bench.sweeping.storage import opened
from attrec_bench.sweeping.sweep import FIRST_SEED, sweep_of, sweeps
from attrec_bench.sweeping.worker import confirm
from tests.sweeps import DATA, finished, overrides, small, swept, told, trials_of


def test_a_sweep_ends_with_exactly_its_total_and_the_published_settings_come_first(tmp_path: Path) -> None:
    sweep = swept(small(tmp_path))
    trials = finished(sweep)
    assert len(trials) == len(trials_of(sweep)) == 6
    assert [trial.user_attrs["slot"] for trial in trials] == list(range(6))
    assert trials[0].params == {"train.optimizer.lr": sweep.config.train.optimizer.lr, "model.d": 8}
    assert len({str(trial.params) for trial in trials}) == 6
    assert all(trial.user_attrs["cpu_seconds"] > 0 for trial in trials)


def test_a_higher_total_goes_on_to_where_one_sweep_would_have_gone(tmp_path: Path) -> None:
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = swept(small(tmp_path / "whole", "n_trials=13"))
    for total in (5, 11, 13):
        parts = swept(small(tmp_path / "parts", f"n_trials={total}"))
    assert told(finished(parts)) == told(finished(whole))
    assert len(finished(whole)) == 13


def test_a_value_is_the_mean_over_the_seeds_of_the_best_epoch_of_each(tmp_path: Path) -> None:
    sweep = swept(small(tmp_path, "n_trials=1", "sweep.seeds=3"))
    (trial,) = finished(sweep)
    best = []
    for seed in (FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2):
        record, _ = running.run(sweep.final(trial.params, seed), "bprmf", "")
        best.append(max(row["NDCG@50"] for row in record.history))
    assert trial.value == pytest.approx(np.mean(best), rel=1e-12)
    assert sorted(trial.intermediate_values) == list(range(1, 10)), "a step an epoch: 3 seeds of 3 epochs"
    assert trial.intermediate_values[9] == pytest.approx(trial.value, rel=1e-12)
    assert trial.intermediate_values[3] == pytest.approx(best[0], rel=1e-12)


def test_the_test_events_are_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files that differ in who gets which last event lead to the same trials, and no test event is handed on."""
    random = np.random.default_rng(0)
    rows = [f"{user},{item},{t}" for user in range(40) for t, item in enumerate(random.permutation(50)[:12])]
    results, real = [], running.learnt

    def looked_at(planned: Any, split: Any, **rest: Any) -> Any:
        assert len(split.test) == len(planned.split.test) == 0
        assert len(planned.interactions) == len(split.train) + len(split.valid) == 40 * 12
        return real(planned, split, **rest)

    monkeypatch.setattr(running, "learnt", looked_at)
    for first, second in ((900, 901), (901, 900)):
        folder = tmp_path / str(first)
        folder.mkdir()
        lines = ["user_id,item_id,timestamp", *rows, *(f"{user},{[first, second][user % 2]},99" for user in range(40))]
        (folder / "my.csv").write_text("\n".join(lines) + "\n")
        given = [each for each in overrides(folder) if each not in DATA]
        sweep = swept(sweep_of([*given, "dataset=csv", f"dataset.path={folder / 'my.csv'}"]))
        results.append(told(finished(sweep)))
    assert results[0] == results[1]
    assert len(results[0]) == 6


def test_the_winner_is_trained_on_seeds_that_the_search_never_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, real = [], running.validated

    def noted(config: DictConfig, *rest: Any) -> float:
        seen.append(config.seed)
        return real(config, *rest)

    monkeypatch.setattr(worker, "validated", noted)
    sweep = swept(small(tmp_path, "n_trials=3", "final_seeds=3", "sweep.seeds=2"))
    confirm(sweep, 1)
    records = store.read_all(tmp_path / "runs")
    assert sorted(record.config["seed"] for record in records) == [0, 1, 2]
    assert set(seen) == {FIRST_SEED, FIRST_SEED + 1}
    best = max((trial for trial in finished(sweep) if trial.state == TrialState.COMPLETE), key=lambda t: t.value or 0)
    assert {record.config["model"]["d"] for record in records} == {best.params["model.d"]}
    assert all("test" in record.metrics for record in records)


def test_several_models_get_the_same_budget(tmp_path: Path) -> None:
    given = [each for each in overrides(tmp_path) if not each.startswith(("model=", "sweep.space="))]
    made = sweeps([*given, "model=attrec,bprmf,caser"])
    assert [(each.model, each.total, each.seeds, each.final_seeds) for each in made] == [
        (name, 6, (1000,), (0, 1)) for name in ("attrec", "bprmf", "caser")
    ]


def test_a_journal_is_made_where_it_is_asked_for(tmp_path: Path) -> None:
    opened(str(tmp_path / "deep" / "study.journal"))
    assert (tmp_path / "deep" / "study.journal").is_file()
