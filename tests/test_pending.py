"""What waits to be sent to MLflow: records replaced meanwhile, records that fail, stores that do, and a thousand."""

import logging
import os
import shutil
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attrec_bench.errors import InputError
from attrec_bench.results import store, tracking, whole
from attrec_bench.results.marks import mark, sent_as, shown, stamp, store_uri
from tests.records import make_record

CLOSED = "http://127.0.0.1:9"  # the discard port: nothing listens there


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with a store of its own and one record in it; making a store costs seconds."""
    made = tmp_path_factory.mktemp("runs")
    assert tracking.send(store.save(made, make_record()))
    return made


def runs_of(root: Path, identity: str) -> list[Any]:
    with tracking._mlflow(store_uri(root, None)) as client:
        found = client.get_experiment_by_name(tracking.EXPERIMENT)
        return list(client.search_runs([found.experiment_id], f"tags.identity = '{identity}'"))


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize("when", ["before it is read", "while it is copied"])
def test_a_record_that_is_replaced_while_it_is_sent_is_sent_again(
    root: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_record(seed=16, keywords={"when": when})
    folder = store.save(root, record)
    newer = replace(record, epochs=5, created="2027-01-01T00:00:00+00:00")
    name = {"before it is read": "_sent_before", "while it is copied": "_copy"}[when]
    original = getattr(tracking, name)

    def meanwhile(*arguments: Any) -> Any:
        result = original(*arguments)
        monkeypatch.setattr(tracking, name, original)
        store.save(root, newer, force=True)
        return result

    monkeypatch.setattr(tracking, name, meanwhile)
    tracking.send(folder)
    assert sent_as(folder, store_uri(root, None), tracking.EXPERIMENT) is None
    assert tracking.send_pending(root) == 1
    (run,) = runs_of(root, record.identity)
    assert run.data.tags["created"] == newer.created
    assert newer in tracking.fetch(store_uri(root, None))
    assert tracking.send_pending(root) == 0


def test_of_two_senders_the_second_sends_what_lies_there_when_its_turn_comes(root: Path) -> None:
    """The record is read under the lock: what was read before it could have been replaced, and sent, in between."""
    record = make_record(seed=17)
    folder = store.save(root, record)
    newer = replace(record, epochs=5, created="2027-01-01T00:00:00+00:00")
    with whole.lock_of(root, f"{folder.name}.mlflow"):
        waiting = threading.Thread(target=tracking.send, args=(folder,))
        waiting.start()
        time.sleep(0.3)
        store.save(root, newer, force=True)
    waiting.join()
    (run,) = runs_of(root, record.identity)
    assert run.data.metrics["epochs"] == 5
    assert sent_as(folder, store_uri(root, None), tracking.EXPERIMENT) == run.info.run_id


def test_a_record_that_fails_by_itself_does_not_hold_up_the_others(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused = {"a//b": 1}  # no name for MLflow, which may use it as a path
    records = sorted((make_record(seed=seed, keywords=refused) for seed in range(5)), key=lambda each: each.identity)
    good = [make_record(seed=seed) for seed in range(5)]
    for record in (replace(records[0], created="some day"), *records[1:3], *good):
        store.save(tmp_path, record)
    (store.folder_of(tmp_path, records[1].identity) / store.RANKS).write_bytes(b"broken")
    assert tracking.send_pending(tmp_path, store_uri(root, None), "some fail") == 5
    assert min(each.identity for each in records[:3]) < max(each.identity for each in good)
    told = {line.split()[1]: line for line in warned(caplog)}
    assert len(told) == len(warned(caplog)) == 3
    for record, why in zip(records, ("some day", "not as it was written", "a//b"), strict=False):
        assert why in told[record.identity[:16]]
    assert {each.identity for each in tracking.fetch(store_uri(root, None), "some fail")} == {
        record.identity for record in good
    }


def test_a_store_that_breaks_halfway_ends_the_sending(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(root / "mlflow.db", tmp_path / "other.db")
    copy = tracking._copy

    def copy_and_break(*arguments: Any) -> str:
        done = copy(*arguments)
        with sqlite3.connect(tmp_path / "other.db") as database:
            database.execute("ALTER TABLE runs RENAME TO gone")
            database.execute("ALTER TABLE experiment_tags RENAME TO gone_too")
        return done

    monkeypatch.setattr(tracking, "_copy", copy_and_break)
    runs = tmp_path / "runs"
    for seed in range(4):
        store.save(runs, make_record(seed=seed))
    assert tracking.send_pending(runs, f"sqlite:///{tmp_path / 'other.db'}") == 1
    (line,) = warned(caplog)
    assert "3 records stay" in line
    assert "no such table: runs" in line


def test_what_is_sent_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep asks after every job: 1,000 records cost a look at each one's mark, neither a read nor an MLflow."""
    address = store_uri(tmp_path, "http://nowhere")
    first = store.save(tmp_path, make_record())
    mark(first, address, tracking.EXPERIMENT, "id", stamp(first))
    for index in range(1000):
        shutil.copytree(first, tmp_path / f"{index:016x}")
    opened: list[Any] = []
    monkeypatch.setattr(store, "read", opened.append)
    monkeypatch.setattr(tracking, "_mlflow", opened.append)
    began = time.process_time()
    assert tracking.send_pending(tmp_path, address) == 0
    assert time.process_time() - began < 1
    assert opened == []


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        (CLOSED, "Connection refused"),
        ("postgresql://me:secret@127.0.0.1:9/db", "Connection refused"),
        ("sqlite:////proc/nowhere/mlflow.db", "No such file or directory"),
    ],
)
def test_a_store_that_is_away_costs_one_line_and_no_record(
    root: Path, uri: str, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = [make_record(seed=seed) for seed in (1, 2)]
    folders = [store.save(tmp_path, record) for record in records]
    began = time.monotonic()
    assert not tracking.send(folders[0], uri)
    assert tracking.send_pending(tmp_path, uri) == 0
    assert time.monotonic() - began < 20
    lines = warned(caplog)
    assert [f"{shown(uri)} fails" in line for line in lines] == [True, True]
    assert all(why in line for line in lines)
    assert "1 record stays" in lines[0]
    assert "2 records stay" in lines[1]
    assert not any((folder / "mlflow.json").exists() for folder in folders)
    with pytest.raises(InputError, match=r"cannot be read|must name a store that exists"):
        tracking.fetch(uri)
    # the settings of the user's shell are as before
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ
    assert tracking.send_pending(tmp_path, store_uri(root, None), "later") == 2
