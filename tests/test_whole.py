import os
import signal
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
