"""Real faults: a full disk, a read-only folder, flipped bytes, a clock set back, a server that answers 500.

Each ends in one clear line or in success, and nothing is lost. Disks are small tmpfs, which need root to be mounted.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from attrec_bench.configuration import composed
from attrec_bench.data import download
from attrec_bench.data.locate import VARIABLE, locate
from attrec_bench.errors import InputError
from attrec_bench.results import checkpoint, machine, store, tracking
from attrec_bench.run import run
from attrec_bench.sweeping.storage import opened
from tests.loopback import serving
from tests.records import make_record
from tests.sweeps import small, swept
from tests.test_download import SUM, Site, site

__all__ = ["site"]  # a fixture

SMALL = ["dataset.n_users=60", "dataset.n_items=80", "dataset.n_interactions=1800", "train.epochs=2", "model=bprmf"]
OFF = "tracking.uri=off"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "attrec_bench.cli", *arguments]
    kept = {key: value for key, value in os.environ.items() if key != "ATTREC_BENCH_RUNS"} | {"no_proxy": "*"}
    return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=280, check=False)


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 100 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=100k", "tmpfs", place)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(
            f"A SMALL DISK CANNOT BE MOUNTED HERE (needs root), a full and a read-only one are not tested: {error}"
        )
    yield place
    subprocess.run(["umount", str(place)], check=True)


def one_error(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("attrec-bench: ") == 1
    last = done.stderr.splitlines()[-1]
    for word in words:
        assert word in last
    assert "Traceback" not in done.stderr
    assert "ATTREC_BENCH_TRACEBACK" not in done.stderr, "it is no bug"


def test_a_full_disk_is_told_and_with_room_the_same_command_succeeds(disk: Path) -> None:
    runs = disk / "runs"
    command = ["run", *SMALL, "model.d=512", OFF, f"runs={runs}", "checkpoint=0"]
    done = bench(*command)
    one_error(done, str(runs), "No space left on device")
    assert done.stderr.count("no checkpoint can be written") == 1
    assert store.read_all(runs) == []
    assert not [path for path in runs.rglob("*") if path.name.startswith(".tmp-")], "no half file eats up the rest"
    mount("-o", "remount,size=50m", disk)
    assert bench(*command).returncode == 0
    assert len(store.read_all(runs)) == 1


def test_a_read_only_folder_is_read_and_not_written(disk: Path) -> None:
    runs = disk / "runs"
    mount("-o", "remount,size=50m", disk)
    assert bench("run", *SMALL, OFF, f"runs={runs}").returncode == 0
    mount("-o", "remount,ro", disk)
    one_error(bench("run", *SMALL, OFF, f"runs={runs}", "seed=1"), str(disk), "Read-only file system")
    table = bench("table", f"runs={runs}", "format=csv")
    assert table.returncode == 0, table.stderr
    assert "bprmf" in table.stdout
    one_error(bench("table", f"runs={runs}", f"out={disk / 'table.txt'}"), str(disk), "Read-only file system")


def test_a_full_device_for_a_table_is_told(tmp_path: Path) -> None:
    store.save(tmp_path / "runs", make_record())
    one_error(bench("table", f"runs={tmp_path / 'runs'}", "out=/dev/full"), "/dev/full", "No space left on device")


def flip(file: Path, at: float = 0.5) -> None:
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 0x55
    file.write_bytes(content)


def test_flipped_bytes_of_a_record_are_told_and_the_run_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = composed([*SMALL, f"runs={tmp_path}", "checkpoint=0"])
    first, _ = run(config, "bprmf", "attrec-bench run")
    for file in (store.RECORD, store.RANKS):
        flip(store.folder_of(tmp_path, first.identity) / file)
        caplog.clear()
        again, found = run(config, "bprmf", "attrec-bench run")
        assert not found
        assert "no readable record" in caplog.text
        assert again.ranks.tobytes() == first.ranks.tobytes()
        assert store.read_all(tmp_path) == [again]


def test_flipped_bytes_of_an_mlflow_database_cost_a_line_and_no_record(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert tracking.send(store.save(runs, make_record()))
    database = runs / "mlflow.db"
    content = bytearray(database.read_bytes())
    content[:4096] = os.urandom(4096)
    database.write_bytes(content)
    done = bench("run", *SMALL, f"runs={runs}")
    assert done.returncode == 0, done.stderr
    assert "1 record stays" in done.stderr
    assert "file is not a database" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(store.read_all(runs)) == 2
    database.unlink()
    assert tracking.send_pending(runs, f"sqlite:///{runs / 'other.db'}") == 2


def test_flipped_bytes_of_a_journal_are_told_by_line(tmp_path: Path) -> None:
    sweep = swept(small(tmp_path, "n_trials=2"))
    journal = sweep.root / ".sweeps" / "studies.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    for number, line in ((3, b'{"op_code": \xff}\n'), (2, b"7\n"), (1, b"{}\n")):
        journal.write_bytes(b"".join([*lines[: number - 1], line, *lines[number:]]))
        with pytest.raises(InputError, match=f"is not as it was written, from line {number} on"):
            opened(str(journal))
    journal.write_bytes(b"".join(lines))
    opened(str(journal))


def test_flipped_bytes_of_downloaded_data_are_told(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = {"name": "set", "folder": "set", "path": None, "files": ["u.data"], "members": ["set/u.data", "set/u.item"]}

    def found() -> Path:
        return locate(**place, url=site.url, sha256=SUM)  # type: ignore[arg-type]

    file = found()
    before = file.read_bytes()
    assert found() == file
    for broken in (file, file.with_name("u.item"), file.with_name(download.SUMS)):
        whole = broken.read_bytes()
        flip(broken, 0.0)
        with pytest.raises(InputError, match=f"{broken.name} is not as it was downloaded; delete the folder"):
            found()
        broken.write_bytes(whole)
    file.with_name("u.item").unlink()
    with pytest.raises(InputError, match=r"u\.item is not as it was downloaded"):
        found()
    for each in file.parent.iterdir():
        each.unlink()
    assert found().read_bytes() == before


def test_a_clock_set_back_makes_no_record_an_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = composed([*SMALL, f"runs={tmp_path}"])
    first, _ = run(config, "bprmf", "attrec-bench run")
    monkeypatch.setattr(machine, "now", lambda: "2001-01-01T00:00:00.000+00:00")
    config.seed = 1
    second, _ = run(config, "bprmf", "attrec-bench run")
    assert second.created > first.created
    assert "the clock stands at 2001" in caplog.text
    (tmp_path / store.NEWEST).write_text("broken")
    config.force = True
    again, _ = run(config, "bprmf", "attrec-bench run")
    assert again.created > second.created, "MLflow would keep the old one"
    (tmp_path / store.NEWEST).unlink()
    config.force, config.seed = False, 2
    assert run(config, "bprmf", "attrec-bench run")[0].created.startswith("2001")


def refusing(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    handler.send_response(500)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def test_a_server_that_answers_500_costs_a_line_and_no_record(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with serving(refusing) as url:
        done = bench("run", *SMALL, f"runs={runs}", f"tracking.uri={url}")
    assert done.returncode == 0, done.stderr
    assert f"MLflow at {url} fails; 1 record stays in {runs}, to be sent the next time" in done.stderr
    assert "500" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(store.read_all(runs)) == 1
    assert not list((runs / checkpoint.FOLDER).glob("*"))
