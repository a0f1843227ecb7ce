"""A sweep: its total, its seeds, pruning, failures, resuming, and that the test events are out of reach."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig
from optuna.trial import TrialState

from attrec_bench import run as running
from attrec_bench.errors import InputError
from attrec_bench.results import ledger, store
from attrec_bench.results.ledger import Ledger
from attrec_bench.sweeping import driver, slots, worker
from attrec_bench.sweeping.census import FAILED, KILLED, MOST_DEATHS, census
from attrec_bench.sweeping.storage import opened
from attrec_bench.sweeping.sweep import FIRST_SEED, Sweep, sweep_of, sweeps
from attrec_bench.sweeping.team import Team
from attrec_bench.sweeping.worker import confirm, search
from tests.sweeps import DATA, SPACE, finished, overrides, small, told, trials_of


def swept(sweep: Sweep) -> Sweep:
    search(sweep)
    return sweep


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


def test_a_trial_that_diverges_is_recorded_and_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = SPACE | {"train.optimizer.lr": {"type": "float", "low": 0.01, "high": 1e38, "log": True}}
    sweep = swept(small(tmp_path, "sweep.max_failed=200", space=space))
    count = census(trials_of(sweep))
    assert count.finished == 6
    assert count.failed > 0
    assert all(re.search("(nan|inf|finite).* in epoch [1-3]", reason) for _, reason in count.reasons), count.reasons
    assert sorted(trial.user_attrs["slot"] for trial in finished(sweep)) == list(range(6))
    confirm(sweep, 0)
    assert driver.settled(driver.Watched(sweep)) == 1, "the exit code says that trials have failed"
    assert f"{count.failed} failed" in capsys.readouterr().out


def test_too_many_failures_end_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> float:
        raise KeyError("users")

    monkeypatch.setattr(worker, "validated", broken)
    sweep = swept(small(tmp_path, "sweep.max_failed=3"))
    count = census(trials_of(sweep))
    assert (count.failed, count.finished) == (4, 0)
    assert count.reasons[0][1] == "KeyError: 'users'"
    assert driver.settled(driver.Watched(sweep)) == 1
    assert "6 trials to go (more than sweep.max_failed=3 failed)" in caplog.text
    assert len({str(trial.params) for trial in trials_of(sweep)}) == 4, "a failed proposal is not made again"


class Killed(BaseException):
    """Stands for SIGKILL: nothing below may catch it and tidy up."""


@pytest.mark.parametrize("moment", ["enqueue_trial", "ask", "worker"])
@pytest.mark.parametrize("at", [0, 4])
def test_a_worker_killed_while_it_asks_leaves_nothing_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, at: int
) -> None:
    import optuna

    place, name = (slots, "here") if moment == "worker" else (optuna.Study, moment)
    real = getattr(place, name)

    def last_words(*given: Any, **keywords: Any) -> None:
        real(*given, **keywords)
        raise Killed

    for folder in ("killed", "whole"):
        (tmp_path / folder).mkdir()
    published = [{"model.d": d} for d in (4, 5, 6, 7, 8)]
    if at:
        swept(small(tmp_path / "killed", f"n_trials={at}", published=published))
    with monkeypatch.context() as patch:
        patch.setattr(place, name, last_words)
        with pytest.raises(Killed):
            small(tmp_path / "killed", published=published).slots().take()
    killed = swept(small(tmp_path / "killed", published=published))
    whole = swept(small(tmp_path / "whole", published=published))
    assert told(finished(killed)) == told(finished(whole))
    assert census(trials_of(killed)).running == census(trials_of(killed)).failed == 0
    assert all(trial.state.is_finished() for trial in trials_of(killed))


def test_a_stopped_worker_gives_its_trial_back_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> float:
        raise KeyboardInterrupt

    sweep = small(tmp_path, "n_trials=2")
    with monkeypatch.context() as patch:
        patch.setattr(worker, "validated", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search(sweep)
    (trial,) = trials_of(sweep)
    assert (trial.state, trial.user_attrs["end"]) == (TrialState.FAIL, KILLED)
    swept(sweep)
    assert finished(sweep)[0].params == trial.params


def test_a_worker_elsewhere_is_dead_after_six_silent_heartbeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("attrec_bench.sweeping.slots.time.monotonic", lambda: now[0])
    monkeypatch.setattr(slots, "here", lambda: {"host": "far", "place": "another kernel", "pid": 1})
    sweep = small(tmp_path, "sweep.heartbeat=10")
    first = sweep.slots().take()
    observer = sweep.slots()
    assert first is not None
    for silence, dead in ((0, False), (59, False), (61, True)):
        now[0] = silence
        observer.bury()
        assert (trials_of(sweep)[0].state == TrialState.FAIL) == dead
    assert "no sign of its worker for 61 s (process 1 on far)" in trials_of(sweep)[0].user_attrs["reason"]
    again = observer.take()
    assert again is not None
    assert again.params == first.params
    for now[0], beat in ((110, 1), (165, 2), (220, 3)):
        again.set_user_attr("beat", [beat, 0.1])
        observer.bury()
    assert trials_of(sweep)[1].state == TrialState.RUNNING, "it beats, so it lives, however long it takes"


def test_a_trial_that_was_taken_for_dead_is_dropped_when_its_worker_wakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, real = small(tmp_path, "n_trials=3"), running.validated
    buried: list[int] = []

    def overtaken(*given: Any) -> float:
        if not buried:
            buried.append(0)
            sweep.slots().end(0, KILLED, "no sign of it")
        return real(*given)

    monkeypatch.setattr(worker, "validated", overtaken)
    swept(sweep)
    assert [trial.state == TrialState.FAIL for trial in trials_of(sweep)] == [True, False, False, False]
    assert sorted(trial.user_attrs["slot"] for trial in finished(sweep)) == [0, 1, 2]
    assert finished(sweep)[0].params == trials_of(sweep)[0].params


def test_a_trial_that_kills_every_worker_fails_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "alive", lambda pid: False)
    sweep = small(tmp_path, "n_trials=1")
    for _ in range(MOST_DEATHS + 1):
        assert sweep.slots().take() is not None
    ends = [trial.user_attrs.get("end") for trial in trials_of(sweep)]
    assert ends == [KILLED] * (MOST_DEATHS - 1) + [FAILED, None]
    params = [str(trial.params) for trial in trials_of(sweep)]
    assert len(set(params[:MOST_DEATHS])) == 1
    assert params[-1] != params[0], "and another proposal takes its slot"


def test_a_line_that_a_killed_worker_has_torn_is_cut_off(tmp_path: Path) -> None:
    sweep = swept(small(tmp_path, "n_trials=2"))
    file = Path(sweep.where)
    before = file.read_bytes()
    file.write_bytes(before + b'{"op_code":4,"worker_id":"x","stu')
    assert census(trials_of(swept(small(tmp_path, "n_trials=4")))).finished == 4
    lines = file.read_bytes().splitlines(keepends=True)
    assert b"".join(lines).startswith(before)
    assert all(json.loads(each) and each.endswith(b"\n") for each in lines)


@pytest.mark.parametrize(
    ("more", "high", "told"),
    [
        (
            [],
            0.25,
            "study mine-bprmf was made with another space (ranges.train.optimizer.lr.high: 0.5 there, 0.25 here)",
        ),
        (["sweep.seeds=3"], 0.5, "with another sweep (seeds: 1 there, 3 here); sweep.name=NAME starts another"),
        (["train.batch_size=99"], 0.5, "with another configuration (train.batch_size: 256 there, 99 here)"),
        (["dataset.seed=7"], 0.5, "with another data ("),
    ],
)
def test_a_study_of_the_same_name_for_another_search_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], high: float, told: str
) -> None:
    monkeypatch.setattr(Team, "start", no_start)
    small(tmp_path, "sweep.name=mine").study()
    journal = tmp_path / "runs" / ".sweeps" / "studies.journal"
    before = journal.read_bytes()
    other = SPACE | {"train.optimizer.lr": SPACE["train.optimizer.lr"] | {"high": high}}
    with pytest.raises(InputError) as caught:
        driver.sweep(overrides(tmp_path, "sweep.name=mine", *more, space=other))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [json.loads(line)["op_code"] for line in journal.read_bytes()[len(before) :].splitlines()] == [0], (
        "an attempt to make a study of that name, which has no effect, and nothing else"
    )


def no_start(_: Team) -> None:
    raise AssertionError("workers were started")


MISTAKES = {
    "no trials": (["n_trials=0"], "n_trials must be a whole number of at least 1, got 0"),
    "half a worker": (["workers=0.5"], "workers must be a whole number of at least 1, got 0.5"),
    "a seed": (["seed=3"], "seed is no key of a sweep"),
    "another kind of storage": (["storage=mysql://x"], "storage must be a file or postgresql://..., got 'mysql://x'"),
    "a metric that is not there": (["train.monitor=HR@7"], "train.monitor must be one of HR@1,"),
    "a model without a space": (["model=popularity", "sweep.space=null"], "no search space for 'popularity'"),
    "one model twice": (["model=bprmf,bprmf"], "model must name each model once"),
    "no heartbeat": (["sweep.heartbeat=0"], "sweep.heartbeat must be a number of seconds above 0, got 0"),
    "a word for true": (["sweep.prune=no"], "sweep.prune must be true or false, got 'no'"),
    "too many final seeds": (["final_seeds=1001"], "final_seeds must be at most 1000, got 1001"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_started(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Team, "start", no_start)
    more, told = MISTAKES[case]
    with pytest.raises(InputError) as caught:
        driver.sweep(overrides(tmp_path, *more))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_models_get_the_same_budget(tmp_path: Path) -> None:
    given = [each for each in overrides(tmp_path) if not each.startswith(("model=", "sweep.space="))]
    made = sweeps([*given, "model=attrec,bprmf,caser"])
    assert [(each.model, each.total, each.seeds, each.final_seeds) for each in made] == [
        (name, 6, (1000,), (0, 1)) for name in ("attrec", "bprmf", "caser")
    ]


def account(**fields: Any) -> Ledger:
    made = Ledger(
        study="planted-attrec",
        model="attrec",
        identities=("ab",),
        monitor="NDCG@50",
        trials=4,
        pruned=1,
        failed=0,
        killed=2,
        values=(0.1, 0.4, 0.2, 0.3),
        cpu_seconds=12.3,
        space={"model.w": "0 to 1", "model.d": "2 to 32"},
        winner={"model.w": 1.0, "model.d": 8},
        edges={"model.w": "highest"},
        searched=0.4,
        valid=0.375,
        test=0.25,
    )
    return replace(made, **fields)


def test_a_ledger_comes_back_as_it_was_written_and_tells_its_account(tmp_path: Path) -> None:
    ledger.write(tmp_path, account())
    assert ledger.read_all(tmp_path) == [account()]
    assert ledger.note(account()) == (
        "attrec tuned in study planted-attrec: 4 trials (1 pruned, 2 killed), 12 CPU-seconds, 2 swept keys; on an edge "
        "of its range: model.w=1 is the highest; NDCG@50 on validation 0.4000 in the search and 0.3750 with fresh "
        "seeds, on test 0.2500 (gap +0.1250)"
    )


def test_unequal_budgets_are_told() -> None:
    assert ledger.unequal([account(), account(study="b")]) is None
    said = ledger.unequal([account(), account(study="planted-bprmf", trials=40)])
    assert said == "Budgets were unequal: planted-attrec 4 trials, planted-bprmf 40 trials."


def test_the_expected_best_of_k_trials_by_hand() -> None:
    # of 1, 2, 4: one draw gives 7/3 on average; the pairs give 2, 4, 4; all three give 4
    assert ledger.expected_best([4, 1, 2]) == pytest.approx([7 / 3, 10 / 3, 4])
    assert ledger.expected_best([]) == []


def test_a_journal_is_made_where_it_is_asked_for(tmp_path: Path) -> None:
    opened(str(tmp_path / "deep" / "study.journal"))
    assert (tmp_path / "deep" / "study.journal").is_file()
