"""Studies in MLflow: a parent run and a child a trial, nothing lost, nothing doubled, and no waiting."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attrec_bench import run as running
from attrec_bench.results import store, studies, tracking
from attrec_bench.results.marks import store_uri
from attrec_bench.results.studies import Sender, Study, Trial
from attrec_bench.sweeping import driver, worker
from attrec_bench.sweeping.watch import Watched
from tests.records import make_record
from tests.sweeps import finished, small, swept

EXPERIMENT = "sweeps"
FREE: Callable[[], AbstractContextManager[object]] = nullcontext

COMPLETE = Trial(
    number=0,
    state="complete",
    params={"model.d": 8, "train.optimizer.lr": 0.1},
    value=0.25,
    reason=None,
    seeds=(1000, 1001),
    cpu_seconds=1.5,
    begin=1_000_000,
    end=1_002_000,
    steps={1: 0.125, 2: 0.25},
)
PRUNED = replace(COMPLETE, number=1, state="pruned", value=0.125, begin=1_003_000, end=1_004_000, steps={1: 0.125})
FAILED = replace(COMPLETE, number=2, state="failed", value=None, reason="loss is nan", begin=1_005_000, end=1_006_000)
KILLED = replace(FAILED, number=3, state="killed", reason="its worker died", begin=1_007_000, end=1_008_000)


def study(identity: str, *trials: Trial, over: bool = False, total: int = 4) -> Study:
    return Study(
        identity=identity,
        name="planted-bprmf",
        facts={"sampler": "TPE", "space.model.d": "2 to 32 (log)"},
        numbers={"trials_finished": float(len(trials))},
        words={"n_trials": str(total)},
        monitor="NDCG@50",
        trials=trials,
        over=over,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with a store of its own; making one costs seconds."""
    made = tmp_path_factory.mktemp("runs")
    assert tracking.send(store.save(made, make_record()))
    return made


def sender(root: Path, uri: str | None = None) -> Sender:
    return Sender(root, uri, EXPERIMENT, FREE)


def runs_of(root: Path, identity: str, experiment: str = EXPERIMENT) -> tuple[Any, dict[int, Any]]:
    """The parent, and the children by their trial's number."""
    with tracking._mlflow(store_uri(root, None)) as client:
        place = client.get_experiment_by_name(experiment).experiment_id
        runs = list(client.search_runs([place], f"tags.study_id = '{identity}'"))
    (parent,) = (run for run in runs if run.data.tags["kind"] == "study")
    children = [run for run in runs if run.data.tags["kind"] == "trial"]
    by_number = {int(run.data.tags["trial"]): run for run in children}
    assert len(by_number) == len(children), "a trial is there twice"
    assert {run.data.tags["mlflow.parentRunId"] for run in children} <= {parent.info.run_id}
    return parent, by_number


def test_a_study_is_a_parent_and_its_trials_are_its_children(root: Path) -> None:
    assert sender(root).send(study("four", COMPLETE, PRUNED, FAILED, KILLED, over=True))
    parent, children = runs_of(root, "four")
    assert parent.info.run_name == "planted-bprmf"
    assert parent.data.params == {"sampler": "TPE", "space.model.d": "2 to 32 (log)"}
    assert parent.data.tags["n_trials"] == "4"
    assert parent.data.metrics == {"trials_finished": 4}
    assert (parent.info.status, parent.info.start_time, parent.info.end_time) == ("FINISHED", 1_000_000, 1_008_000)
    assert [children[n].info.status for n in range(4)] == ["FINISHED", "FINISHED", "FAILED", "KILLED"]
    assert [children[n].data.tags["state"] for n in range(4)] == ["complete", "pruned", "failed", "killed"]
    assert children[0].data.params == {"model.d": "8", "train.optimizer.lr": "0.1"}
    assert children[0].data.metrics == {"value": 0.25, "cpu_seconds": 1.5, "history/NDCG_at_50": 0.25}
    assert children[0].data.tags["seeds"] == "1000,1001"
    assert children[0].info.end_time - children[0].info.start_time == 2000
    assert children[2].data.tags["reason"] == "loss is nan"
    assert "value" not in children[2].data.metrics
    with tracking._mlflow(store_uri(root, None)) as client:
        points = client.get_metric_history(children[0].info.run_id, "history/NDCG_at_50")
    assert [(point.step, point.value) for point in points] == [(1, 0.125), (2, 0.25)]


def test_a_study_that_grows_is_sent_by_and_by_by_whomever(root: Path) -> None:
    first = sender(root)
    assert first.send(study("grows", COMPLETE))
    assert runs_of(root, "grows")[0].info.status == "RUNNING"
    assert first.send(study("grows", COMPLETE, PRUNED, over=True, total=2))
    assert runs_of(root, "grows")[0].info.status == "FINISHED"
    assert sender(root).send(study("grows", COMPLETE, PRUNED, FAILED)), "n_trials was raised, by another process"
    parent, children = runs_of(root, "grows")
    assert (parent.info.status, parent.data.tags["n_trials"], sorted(children)) == ("RUNNING", "4", [0, 1, 2])


def test_what_a_killed_sender_has_left_is_made_whole(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed within the second trial; meanwhile another machine has sent the first one as well."""
    real = tracking.add

    def killed(target: Any, run_id: str, entry: Any) -> None:
        real(target, run_id, entry)
        if entry.name.endswith("trial 1"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tracking, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            sender(root).send(study("halves", COMPLETE, PRUNED))
    with tracking.reached(root, store_uri(root, None), EXPERIMENT) as target:
        tracking.write(target, studies.entry_of(study("halves"), COMPLETE, runs_of(root, "halves")[0].info.run_id))
    assert sender(root).send(study("halves", COMPLETE, PRUNED, FAILED))
    _, children = runs_of(root, "halves")
    assert [children[n].info.status for n in range(3)] == ["FINISHED", "FINISHED", "FAILED"]


def test_studies_of_one_name_stay_apart_and_are_no_records(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = make_record(seed=5)
    assert tracking.send(store.save(root, record), experiment=EXPERIMENT)
    for identity in ("one", "other"):
        assert sender(root).send(study(identity, COMPLETE))
    assert runs_of(root, "one")[0].info.run_id != runs_of(root, "other")[0].info.run_id
    assert tracking.fetch(store_uri(root, None), EXPERIMENT) == [record]
    assert caplog.text == ""


def test_a_sending_that_takes_too_long_leaves_the_rest_to_the_next(root: Path) -> None:
    slow, whole = sender(root), study("slow", COMPLETE, PRUNED, FAILED, over=True)
    for sent in (1, 2, 3):
        assert slow.send(whole, patience=0)
        assert len(runs_of(root, "slow")[1]) == sent
    assert slow.over


def test_a_store_that_is_away_costs_one_line_and_is_left_alone_for_a_while(
    root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, whole = sender(root, "http://127.0.0.1:9"), study("away", COMPLETE, PRUNED, over=True)
    began = time.monotonic()
    for _ in range(100):
        away.send_in_passing(lambda: whole)
    assert time.monotonic() - began < 15
    (line,) = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert "sending planted-bprmf to MLflow at http://127.0.0.1:9 fails; its trials stay in the study" in line
    assert "refused" in line
    away.uri = None
    assert away.send(whole)
    assert sorted(runs_of(root, "away")[1]) == [0, 1]


def test_a_sweeps_own_study_arrives_with_all_its_trials(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = running.validated, list[int]()

    def fails_once(*given: Any) -> float:
        calls.append(0)
        if len(calls) == 2:  # the first trial's second seed
            raise KeyError("users")
        return real(*given)

    monkeypatch.setattr(worker, "validated", fails_once)
    uri = f"tracking.uri={store_uri(root, None)}"
    sweep = swept(small(tmp_path, uri, "n_trials=3", "final_seeds=0", "sweep.seeds=2", "tracking.experiment=own"))
    watched = Watched(sweep)
    assert driver.settled(watched) == 1, "a trial has failed"
    parent, children = runs_of(root, watched.study.user_attrs["identity"], "own")
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["n_trials"] == "3"
    assert parent.data.params["space.model.d"] == "2 to 32 (log)"
    assert parent.data.params["seeds"] == "[1000,1001]"
    states = {number: run.data.tags["state"] for number, run in children.items()}
    assert states == {0: "failed", 1: "complete", 2: "complete", 3: "complete"}
    assert children[0].data.tags["reason"].endswith("in fails_once: KeyError: 'users'")
    for trial in finished(sweep):
        run = children[trial.number]
        assert run.data.metrics["value"] == trial.value
        assert run.data.params == {key: str(value) for key, value in trial.params.items()}
        assert run.data.metrics["cpu_seconds"] == pytest.approx(trial.user_attrs["cpu_seconds"])
