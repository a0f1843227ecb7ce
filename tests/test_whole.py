import os
import signal
import socket
from pathlib import Path

import pytest

from attrec_bench.results import store, whole
from tests.records import make_record, names, start


def test_a_failure_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    def fail(place: Path) -> None:
        raise KeyboardInterrupt

    for force in (False, True):
        with pytest.raises(KeyboardInterrupt):
            store.save(tmp_path, make_record(epochs=9), fail, force=force)
        assert names(tmp_path) == ([make_record().identity[:16]] if force else [])
        store.save(tmp_path, make_record(epochs=1), force=True)
    assert store.read_all(tmp_path)[0].epochs == 1


def test_a_failed_replacement_puts_the_old_record_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(tmp_path, make_record(epochs=1))
    rename = os.rename

    def fail_for_new(source: Path, target: Path) -> None:
        if Path(source).name.startswith(".tmp-"):
            raise OSError("no space left")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_for_new)
    with pytest.raises(OSError, match="no space"):
        store.save(tmp_path, make_record(epochs=2), force=True)
    assert store.read_all(tmp_path)[0].epochs == 1
    assert len(names(tmp_path)) == 1


KILL_WRITING = "store.save(root, make_record(epochs=2), lambda place: os.kill(os.getpid(), signal.SIGKILL), force=True)"
KILL_AT_RENAME = """
rename, calls = os.rename, []
def kill(source, target):
    calls.append(1)
    if len(calls) == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target)
os.rename = kill
store.save(root, make_record(epochs=2), force=True)
"""


@pytest.mark.parametrize("code", [KILL_WRITING, "\n" + KILL_AT_RENAME])
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("before", [False, True], ids=["new", "replaced"])
def test_a_kill_leaves_no_half_record_and_loses_none(tmp_path: Path, code: str, at: int, before: bool) -> None:
    if before:
        store.save(tmp_path, make_record(epochs=1))
    process = start(code, tmp_path, at)
    process.communicate()
    killed = process.returncode == -signal.SIGKILL
    assert killed or (at == 2 and code != KILL_WRITING and not before)  # a new record is renamed once only
    found = store.find(tmp_path, make_record().identity)
    assert (found.epochs if found else None) == (2 if not killed else 1 if before else None)
    assert len(store.read_all(tmp_path)) == (found is not None)
    store.save(tmp_path, make_record(seed=7))
    # the next save has swept up what the killed process left
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


def test_what_another_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    code = "store.save(root, make_record(), lambda place: (print(flush=True), sys.stdin.read(1), time.sleep(60)))"
    process = start(code, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    store.save(tmp_path, make_record(seed=7))
    assert [name[:5] for name in names(tmp_path) if name.startswith(".")] == [".tmp-"]
    assert len(store.read_all(tmp_path)) == 1
    process.kill()
    process.communicate()


def aside(root: Path, host: str, pid: int) -> None:
    """What a process leaves that is killed between the two renames."""
    folder = store.folder_of(root, make_record().identity)
    folder.rename(root / f".old-{folder.name}-{host}-{pid}-0123abcd")


@pytest.mark.parametrize("host", ["the-container-before", socket.gethostname()])
def test_what_another_host_set_aside_is_put_back(tmp_path: Path, host: str) -> None:
    """A restarted container has another name and the same numbers of processes."""
    record = make_record()
    store.save(tmp_path, record)
    for read in (lambda: store.read_all(tmp_path), lambda: [store.find(tmp_path, record.identity)]):
        aside(tmp_path, host, os.getpid())
        assert read() == [record]
        assert names(tmp_path) == [record.identity[:16]]
    aside(tmp_path, host, os.getpid())
    with store.lock(tmp_path, record.identity):  # as a run does, before it looks for its record
        assert store.find(tmp_path, record.identity) == record
    aside(tmp_path, host, os.getpid())
    store.save(tmp_path, make_record(epochs=7), force=True)
    assert [each.epochs for each in store.read_all(tmp_path)] == [7]
    assert names(tmp_path) == [record.identity[:16]]


def test_what_a_living_process_set_aside_is_left_to_it(tmp_path: Path) -> None:
    record = make_record()
    store.save(tmp_path, record)
    code = "held = store.lock(root, make_record().identity); held.__enter__(); print(flush=True); time.sleep(60)"
    process = start(code, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    aside(tmp_path, "node2", 1)
    assert store.read_all(tmp_path) == []
    process.kill()
    process.communicate()
    assert store.read_all(tmp_path) == [record]


def test_what_was_set_aside_never_takes_the_place_of_a_record(tmp_path: Path) -> None:
    store.save(tmp_path, make_record(epochs=1))
    aside(tmp_path, "node2", 1)
    (tmp_path / ".old-mine").mkdir()  # a user's own
    store.save(tmp_path, make_record(epochs=2), force=True)
    store.save(tmp_path, make_record(seed=1))
    aside(tmp_path, "node2", 1)
    store.save(tmp_path, make_record(seed=2))  # puts back
    assert {each.epochs for each in store.read_all(tmp_path)} == {1, 2}
    assert [name for name in names(tmp_path) if name.startswith(".")] == [".old-mine"]


def test_a_kill_while_a_mark_is_written_leaves_nothing_for_long(tmp_path: Path) -> None:
    folder = store.save(tmp_path, make_record())
    code = (
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "whole.write_text(root / make_record().identity[:16] / 'mlflow.json', '{}')"
    )
    start("\n" + code, tmp_path).communicate()
    whole.private(folder, "tmp", "mlflow.json").write_text("of a living process")
    assert [name[:17] for name in names(folder)].count(".tmp-mlflow.json-") == 2
    store.save(tmp_path, make_record(seed=7))
    (left,) = [path for path in folder.iterdir() if path.name.startswith(".tmp-")]
    assert left.read_text() == "of a living process"


def test_a_host_with_dashes_in_its_name_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node-3-a")
    gone = start("pass", tmp_path)
    gone.communicate()
    monkeypatch.setattr(os, "getpid", lambda: gone.pid)
    mine = whole.private(tmp_path, "tmp", "0123")
    mine.mkdir()
    monkeypatch.setattr("socket.gethostname", lambda: "a")
    whole.tidy(tmp_path)
    assert mine.exists()
    monkeypatch.setattr("socket.gethostname", lambda: "node-3-a")
    whole.tidy(tmp_path)
    assert not mine.exists()
