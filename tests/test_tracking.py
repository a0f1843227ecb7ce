import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attrec_bench.errors import InputError
from attrec_bench.results import entries, store, tracking
from attrec_bench.results.marks import mark, sent_as, shown, stamp, store_uri
from attrec_bench.results.record import Record
from tests.records import make_record


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Record, Path]:
    """One runs folder with one record sent to its own new store; making a store costs seconds."""
    root = tmp_path_factory.mktemp("runs with blank")
    record = make_record(keywords={"w": 0.2, "heights": [1, 2], "note": "n" * 7000})
    folder = store.save(root, record)
    assert tracking.send(folder)
    return root, record, folder


@pytest.fixture
def client(made: tuple[Path, Record, Path]) -> Iterator[Any]:
    with tracking._mlflow(store_uri(made[0], None)) as opened:
        yield opened


def runs_of(client: Any, identity: str, experiment: str = tracking.EXPERIMENT) -> list[Any]:
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], f"tags.identity = '{identity}'"))


def test_the_run_in_mlflow_says_what_the_record_says(made: tuple[Path, Record, Path], client: Any) -> None:
    _, record, folder = made
    (run,) = runs_of(client, record.identity)
    assert run.info.status == "FINISHED"
    assert sent_as(folder, store_uri(made[0], None), tracking.EXPERIMENT) == run.info.run_id
    assert run.data.params["model.w"] == "0.2"
    assert run.data.params["model.heights"] == "[1,2]"
    assert run.data.params["model.note"] == "n" * 6000
    assert run.data.params["protocol.refit"] == "false"
    assert run.data.params["seed"] == "0"
    expected = {"test/HR_at_10": 2 / 3, "test/MRR": 0.4777, "valid/HR_at_10": 0.5, "epochs": 1, "seconds/fit": 1.0}
    assert {name: run.data.metrics[name] for name in expected} == expected
    tags = {"identity": record.identity, "model": "attrec", "dataset": "ml-100k", "tie_order": "file"}
    tags |= {"git_commit": "0123456789abcdef", "dirty": "false", "data_sha256": "ab" * 32}
    assert {name: run.data.tags[name] for name in tags} == tags
    points = client.get_metric_history(run.info.run_id, "history/loss")
    assert [(point.step, point.value) for point in points] == [(1, 2.0), (2, 1.5)]
    assert run.info.end_time - run.info.start_time == 1250


def test_to_mlflow_and_back_is_the_same_record(made: tuple[Path, Record, Path]) -> None:
    root, record, _ = made
    fetched = tracking.fetch(store_uri(root, None))
    assert [each for each in fetched if each.identity == record.identity] == [record]


def test_nothing_is_sent_twice(made: tuple[Path, Record, Path], client: Any) -> None:
    root, record, folder = made
    assert tracking.send_pending(root) == 0
    assert tracking.send(folder)
    (folder / "mlflow.json").unlink()
    assert tracking.send_pending(root) == 1  # the mark is lost, the run is there: only the mark is made again
    assert len(runs_of(client, record.identity)) == 1
    address = store_uri(root, None)
    older_format = json.dumps({address: {tracking.EXPERIMENT: "an id"}})
    for mark_of_another_kind in ("[broken", older_format, json.dumps({address: {tracking.EXPERIMENT: {}}})):
        (folder / "mlflow.json").write_text(mark_of_another_kind)
        assert tracking.send_pending(root) == 1
        assert len(runs_of(client, record.identity)) == 1
        assert tracking.send_pending(root) == 0


def test_a_half_sent_run_is_replaced(made: tuple[Path, Record, Path], client: Any) -> None:
    root, record = made[0], make_record(seed=11)
    folder = store.save(root, record)
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    half = client.create_run(experiment.experiment_id, tags=entries.tags(record))
    assert tracking.send(folder)
    (run,) = runs_of(client, record.identity)
    assert run.info.run_id != half.info.run_id
    assert client.get_run(half.info.run_id).info.lifecycle_stage == "deleted"
    assert record in tracking.fetch(store_uri(root, None))


def test_a_forced_record_takes_the_place_of_the_old_run(made: tuple[Path, Record, Path], client: Any) -> None:
    root, record = made[0], make_record(seed=12)
    tracking.send(store.save(root, record))
    newer = replace(record, epochs=5, created="2027-01-01T00:00:00+00:00")
    store.save(root, newer, force=True)
    assert tracking.send_pending(root) == 1
    (run,) = runs_of(client, record.identity)
    assert run.data.metrics["epochs"] == 5
    assert [each.epochs for each in tracking.fetch(store_uri(root, None)) if each.identity == record.identity] == [5]


def test_long_histories_and_many_settings_pass_mlflows_limits(made: tuple[Path, Record, Path], client: Any) -> None:
    history = [{"epoch": epoch, "loss": 1 / epoch, "HR@10": 0.5, "MRR": 0.25} for epoch in range(1, 801)]
    record = make_record(seed=13, keywords={f"k{index}": index for index in range(205)}, history=history)
    assert len(list(entries.points(record))) > 2 * entries.POINTS_A_CALL
    assert tracking.send(store.save(made[0], record))
    (run,) = runs_of(client, record.identity)
    assert run.data.params["model.k204"] == "204"
    assert len(client.get_metric_history(run.info.run_id, "history/loss")) == 800
    assert len(client.get_metric_history(run.info.run_id, "history/HR_at_10")) == 800


def test_an_artifact_that_is_broken_is_left_out_in_one_line(
    made: tuple[Path, Record, Path], client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    record, experiment = make_record(seed=14), "broken"
    tracking.send(store.save(made[0], record), experiment=experiment)
    (run,) = runs_of(client, record.identity, experiment)
    for path in (made[0] / ".mlflow").rglob(f"{run.info.run_id}/artifacts/ranks.npz"):
        path.write_bytes(b"broken")
    assert tracking.fetch(store_uri(made[0], None), experiment) == []
    assert f"run {run.info.run_id}" in caplog.text
    assert "not as it was written" in caplog.text


def test_a_fetch_names_the_experiments_there_are(made: tuple[Path, Record, Path]) -> None:
    with pytest.raises(InputError, match=f"no experiment 'typo'; it has .*{tracking.EXPERIMENT}"):
        tracking.fetch(store_uri(made[0], None), "typo")


def test_a_wrong_address_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tracking\.uri must begin with one of http://, .*got './mlruns'"):
        store_uri(tmp_path, "./mlruns")
    assert store_uri(tmp_path, "postgresql+psycopg2://host/db") == "postgresql+psycopg2://host/db"


def test_no_password_is_shown_or_kept(tmp_path: Path) -> None:
    uri = "postgresql://me:secret@host:5432/db"
    assert shown(uri) == "postgresql://host:5432/db"
    folder = store.save(tmp_path, make_record())
    mark(folder, uri, "one", "id1", stamp(folder))
    mark(folder, uri, "two", "id2", stamp(folder))
    assert "secret" not in (folder / "mlflow.json").read_text()
    assert sent_as(folder, uri, "one") == "id1"
    assert sent_as(folder, uri, "two") == "id2"
    assert sent_as(folder, "http://other", "one") is None


def test_mlflow_is_quiet(made: tuple[Path, Record, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    record = make_record(seed=15)
    assert tracking.send(store.save(tmp_path, record), store_uri(made[0], None))
    tracking.fetch(store_uri(made[0], None))
    assert capfd.readouterr() == ("", "")


EIGHT = """
import os, sys, time
from pathlib import Path
import mlflow.store.tracking.sqlalchemy_store  # the slow part, once, so that all meet at the store
from attrec_bench.results import store, tracking
from tests.records import make_record

root, start = Path(sys.argv[1]), time.time() + 0.5
children = []
for seed in range(8):
    children.append(os.fork())
    if children[-1] == 0:
        record = make_record(seed=seed)
        folder = store.save(root, record)
        time.sleep(max(0, start - time.time()))
        os._exit(not tracking.send(folder))
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


def test_eight_processes_on_a_fresh_store(tmp_path: Path) -> None:
    """MLflow alone breaks a new sqlite store so: each of its processes begins the same migrations."""
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", EIGHT, tmp_path], cwd=root, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        statuses = database.execute("SELECT status FROM runs").fetchall()
    assert statuses == [("FINISHED",)] * 8
    assert sorted(path.name for path in tmp_path.glob("*mlflow*")) == [".mlflow", ".mlflow.db.lock", "mlflow.db"]
