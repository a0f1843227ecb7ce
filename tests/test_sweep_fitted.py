"""Sweeps of models that are fitted in one go: a trial is a fit, validated once, and equals that fit made by hand."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from optuna.trial import TrialState
from torch import Tensor, nn

from attrec_bench.configuration import composed
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.splits import Split
from attrec_bench.errors import InputError
from attrec_bench.evaluation.metrics import means
from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.plan import build
from attrec_bench.results import ledger, store
from attrec_bench.run import run
from attrec_bench.sweeping.census import census
from attrec_bench.sweeping.sweep import FIRST_SEED, Sweep, sweeps
from attrec_bench.sweeping.worker import confirm, search
from baselines.ease import EASE
from baselines.itemknn import ItemKNN
from tests.sweeps import DATA, finished, overrides, trials_of
from tests.test_sweep_kill import bench

GRIDS: dict[str, tuple[type[EASE] | type[ItemKNN], dict[str, list[Any]]]] = {
    "ease": (EASE, {"reg": [1.0, 30.0, 1000.0], "maxlen": [1, 5, 40]}),
    "itemknn": (ItemKNN, {"k": [3, 20], "shrink": [0.0, 10.0], "maxlen": [2, 40]}),
}
NOISY = ("model._target_=tests.test_sweep_fitted.Noisy", "+model.strength=0.5", "model=own")


class Noisy(nn.Module):
    """Counts events, and adds noise that its generator draws: fitted in one go, and not the same for every seed."""

    maxlen = 0

    def __init__(self, n_items: int, generator: torch.Generator, *, strength: float) -> None:
        super().__init__()
        self.noise = strength * torch.rand(n_items + 1, generator=generator)
        self.counts = torch.zeros(n_items + 1)

    def fit(self, train: Interactions) -> None:
        self.counts = torch.bincount(torch.from_numpy(train.items).long(), minlength=train.n_items + 1)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        return (self.noise + self.counts / self.counts.max()).expand(len(users), -1)


def grid(folder: Path, model: str, *more: str) -> list[str]:
    """What to type for a sweep whose trials are the points of a grid, each once, in order."""
    values = GRIDS[model][1]
    space = {f"model.{key}": {"type": "categorical", "choices": choices} for key, choices in values.items()}
    points = [dict(zip(space, each, strict=True)) for each in product(*values.values())]
    return overrides(
        folder, f"model={model}", f"n_trials={len(points)}", "sweep.seeds=2", *more, space=space, published=points
    )


def one(given: list[str]) -> Sweep:
    (made,) = sweeps(given)
    return made


def noisy(folder: Path, *more: str) -> Sweep:
    space = {"model.strength": {"type": "float", "low": 0, "high": 2}}
    given = [each for each in overrides(folder, space=space, published=[{}]) if not each.startswith("model=")]
    return one([*given, *NOISY, *more])


def split_of() -> Split:
    config = composed(list(DATA))
    made: Split = build(config.protocol.split)(build(config.dataset))
    return made


def by_hand(model: str, known: Split, values: dict[str, Any], part: str) -> float:
    """NDCG@50 of a model that is fitted on the training events, on a part of the split: no sweep, no run, no plan."""
    made = GRIDS[model][0](known.train.n_items, **values)
    made.fit(known.train)
    history, targets = (known.before, known.valid) if part == "valid" else (known.known, known.test)
    asked = queries(history, targets, maxlen=made.maxlen, device=torch.device("cpu"))
    return means(ranks(made, asked))["NDCG@50"]


@pytest.mark.parametrize("model", GRIDS)
def test_a_sweep_on_the_command_line_equals_a_grid_search_by_hand(model: str, tmp_path: Path) -> None:
    given = grid(tmp_path, model, "final_seeds=5", "workers=2")
    done = bench("sweep", *given)
    assert done.returncode == 0, done.stderr
    trials = sorted(finished(one(given)), key=lambda trial: int(trial.user_attrs["slot"]))
    points = [dict(zip(GRIDS[model][1], each, strict=True)) for each in product(*GRIDS[model][1].values())]
    assert [trial.params for trial in trials] == [{f"model.{k}": v for k, v in each.items()} for each in points]

    split = split_of()
    expected = [by_hand(model, split, each, "valid") for each in points]
    assert [trial.value for trial in trials] == pytest.approx(expected, rel=1e-9)
    assert len(set(expected)) > 3, "the values do differ"
    assert all(trial.intermediate_values == {1: trial.value} for trial in trials), "one report"
    winner = points[expected.index(max(expected))]

    (record,) = store.read_all(tmp_path / "runs")  # five seeds were asked for: one run, since all would be the same
    assert record.config["model"] == {"_target_": f"baselines.{model}.{GRIDS[model][0].__name__}", **winner}
    assert record.config["seed"] is None
    assert record.metrics["valid"]["NDCG@50"] == pytest.approx(max(expected), rel=1e-9)
    assert record.metrics["test"]["NDCG@50"] == pytest.approx(by_hand(model, split, winner, "test"), rel=1e-9)
    assert done.stdout.count("  any seed  ") == done.stdout.count("1 of 1 runs of the winner done") == 1

    assert bench("sweep", *given).stdout.startswith("nothing is left to do")
    text = bench("table", f"runs={tmp_path / 'runs'}", "tuned=true", "format=markdown").stdout
    assert re.search(
        rf"{model} tuned in study planted-{model}: {len(points)} trials, \d+ CPU-seconds, {len(winner)} swept keys; on "
        rf"an edge of its range: none; NDCG@50 on validation {max(expected):.4f} in the search and {max(expected):.4f} "
        r"in the run for the table \(the seed changes nothing\), on test 0\.\d{4} \(gap [+-]0\.\d{4}\)",
        text,
    ), text
    (account,) = ledger.read_all(tmp_path / "runs")
    assert account.values == pytest.approx(expected, rel=1e-9)
    assert (account.identities, account.pruned, account.seeded) == ((record.identity,), 0, False)


def test_a_fit_is_made_once_where_the_seed_changes_nothing_and_is_never_pruned(tmp_path: Path) -> None:
    """Settings that such a search does not consume make no other study; the metric does, though no run consumes it."""
    sweep = one(grid(tmp_path, "ease"))
    assert (sweep.seeds, sweep.final_seeds, sweep.prune) == ((FIRST_SEED,), (0,), False)
    search(sweep)
    assert {trial.state for trial in trials_of(sweep)} == {TrialState.COMPLETE}
    for same in ("sweep.seeds=7", "sweep.prune=false", "train.epochs=9", "final_seeds=1"):
        assert one(grid(tmp_path, "ease", same)).study().user_attrs == sweep.study().user_attrs
    assert one(grid(tmp_path, "ease", "final_seeds=0")).final_seeds == ()
    with pytest.raises(
        InputError, match=r"made with another configuration \(train\.monitor: NDCG@50 there, MRR here\)"
    ):
        one(grid(tmp_path, "ease", "train.monitor=MRR")).study()


def test_a_fit_that_draws_is_averaged_over_the_seeds_and_confirmed_with_fresh_ones(tmp_path: Path) -> None:
    sweep = noisy(tmp_path, "n_trials=2", "sweep.seeds=3", "final_seeds=2")
    search(sweep)
    for trial in finished(sweep):
        records = [run(sweep.final(trial.params, FIRST_SEED + n), sweep.model, "")[0] for n in range(3)]
        values = [record.metrics["valid"]["NDCG@50"] for record in records]
        assert len(set(values)) == 3, "the seed changes something"
        assert trial.value == pytest.approx(sum(values) / 3, rel=1e-12)
        assert [trial.intermediate_values[n + 1] for n in range(3)] == pytest.approx(
            [sum(values[: n + 1]) / (n + 1) for n in range(3)], rel=1e-12
        )
    confirm(sweep, 0)
    best = census(trials_of(sweep)).best
    assert best is not None
    confirmed = [run(sweep.final(best.params, seed), sweep.model, "") for seed in (0, 1)]
    assert all(found for _, found in confirmed)
    assert confirmed[0][0].metrics != confirmed[1][0].metrics


def test_models_of_both_kinds_get_the_same_budget_and_begin_with_their_own_settings(tmp_path: Path) -> None:
    made = sweeps([*DATA, f"runs={tmp_path}", "tracking.uri=off", "n_trials=6", "model=bprmf,ease,itemknn"])
    assert [(each.total, len(each.seeds), len(each.final_seeds)) for each in made] == [(6, 2, 5), (6, 1, 1), (6, 1, 1)]
    assert made[1].space.points[0] == {"model.reg": 250.0, "model.maxlen": 500}
    assert made[2].space.points[0] == {"model.k": 100, "model.shrink": 0.0, "model.maxlen": 500}


def test_a_swept_training_is_an_error_where_there_is_none(tmp_path: Path) -> None:
    space = {key: {"type": "float", "low": 0.001, "high": 1} for key in ("model.reg", "train.optimizer.lr")}
    told = (
        r"space\.yaml: model=ease is fitted in one go, so no key of train may be swept, got \['train\.optimizer\.lr'\]"
    )
    with pytest.raises(InputError, match=told):
        one(overrides(tmp_path, "model=ease", space=space, published=[]))
    assert not (tmp_path / "runs").exists(), "no study was made"
