import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attrec_bench.errors import InputError
from attrec_bench.results import store
from tests.records import make_record, names, start


def test_what_is_saved_is_found(tmp_path: Path) -> None:
    root, record = tmp_path / "deep" / "runs", make_record()
    assert store.find(root, record.identity) is None
    assert store.read_all(root) == []
    folder = store.save(root, record, lambda place: (place / "weights.bin").write_bytes(b"abc"))
    assert folder == root / record.identity[:16]
    assert names(folder) == ["ranks.npz", "record.json", "weights.bin"]
    assert store.find(root, record.identity) == record
    assert store.read(folder) == record
    assert store.find(root, make_record(seed=1).identity) is None
    other = make_record(seed=1)
    store.save(root, other)
    assert {each.identity for each in store.read_all(root)} == {record.identity, other.identity}


def test_a_finished_run_is_replaced_only_by_force(tmp_path: Path) -> None:
    store.save(tmp_path, make_record(epochs=1))
    with pytest.raises(InputError, match="force=true replaces it"):
        store.save(tmp_path, make_record(epochs=2))
    assert store.read_all(tmp_path)[0].epochs == 1
    store.save(tmp_path, make_record(epochs=2), force=True)
    assert [record.epochs for record in store.read_all(tmp_path)] == [2]
    assert len(names(tmp_path)) == 1


def edit_config(folder: Path) -> None:
    stored = json.loads((folder / "record.json").read_text())
    stored["record"]["config"]["model"]["w"] = 0.9
    (folder / "record.json").write_text(json.dumps(stored))


def edit_metric(folder: Path) -> None:
    path = folder / "record.json"
    path.write_text(path.read_text().replace('"HR@10": 0.25', '"HR@10": 0.95'))


def pickled_ranks(folder: Path) -> None:
    np.savez(folder / "ranks.npz", users=np.array([{}], dtype=object), ranks=np.ones(1))
    stored = json.loads((folder / "record.json").read_text())
    stored["files"]["ranks.npz"] = store._sha256(folder / "ranks.npz")
    (folder / "record.json").write_text(json.dumps(stored))


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "config": (edit_config, "identity must be"),
    "metric": (edit_metric, "checksum does not fit"),
    "pickle": (pickled_ranks, "allow_pickle=False"),
    "no ranks": (lambda folder: (folder / "ranks.npz").rename(folder / "other.npz"), "No such file"),
    "cut ranks": (lambda folder: (folder / "ranks.npz").write_bytes(b"PK"), "not as it was written"),
    "cut json": (lambda folder: (folder / "record.json").write_text("{"), "property name"),
    "list": (lambda folder: (folder / "record.json").write_text("[]"), "list indices"),
    "deep": (lambda folder: (folder / "record.json").write_text("[" * 10**5), "recursion"),
    "format": (lambda folder: (folder / "record.json").write_text('{"format": 99}'), "its format is 99"),
    "foreign": (lambda folder: (folder / "record.json").rename(folder / "other.json"), "No such file"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_a_broken_folder_is_named_in_one_line(tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture) -> None:
    break_it, why = BREAKS[case]
    good, broken = make_record(seed=1), make_record()
    store.save(tmp_path, good)
    folder = store.save(tmp_path, broken)
    break_it(folder)
    assert store.read_all(tmp_path) == [good]
    assert store.find(tmp_path, broken.identity) is None
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(lines) == 2
    for line in lines:
        assert str(folder) in line
        assert why in line
        assert "\n" not in line
    # the run is done again and takes the broken folder's place
    store.save(tmp_path, broken)
    assert store.find(tmp_path, broken.identity) == broken


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_is_never_believed(data: st.DataObject, tmp_path: Path) -> None:
    record = make_record()
    folder = store.save(tmp_path, record, force=True)
    path = folder / data.draw(st.sampled_from(["record.json", "ranks.npz"]))
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with suppress(InputError):
        assert store.read(folder) == record  # a flip among the blanks of the JSON changes nothing
        assert path.name == "record.json"


def test_a_run_is_named_by_the_start_of_its_identity(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none yet"):
        store.resolve(tmp_path, "ab")
    records = [make_record(seed=seed) for seed in range(20)]  # 20 runs, 16 digits: two begin alike
    for record in records:
        store.save(tmp_path, record)
    for record in records:
        assert store.resolve(tmp_path, record.identity[:10]) == tmp_path / record.identity[:16]
        assert store.resolve(tmp_path, record.identity) == tmp_path / record.identity[:16]
    first = [record.identity[0] for record in records]
    twice = next(digit for digit in first if first.count(digit) > 1)
    with pytest.raises(InputError, match="must name one run, got"):
        store.resolve(tmp_path, twice)
    for wrong in ("", "xyz", records[0].identity[:16] + "z"):
        with pytest.raises(InputError, match="must be the first digits of a run"):
            store.resolve(tmp_path, wrong)


def test_files_of_a_run_are_checked_before_they_are_loaded(tmp_path: Path) -> None:
    folder = store.save(tmp_path, make_record(), lambda place: (place / "weights.bin").write_bytes(b"abc"))
    assert store.checked_file(folder, "weights.bin").read_bytes() == b"abc"
    (folder / "weights.bin").write_bytes(b"abd")
    for name, why in {"weights.bin": "not as it was written", "other.bin": "No such file"}.items():
        with pytest.raises(InputError, match=why):
            store.checked_file(folder, name)


def test_of_two_identical_runs_the_second_waits_and_finds_the_first(tmp_path: Path) -> None:
    identity = make_record().identity
    code = (
        "identity = make_record().identity\n"
        "with store.lock(root, identity):\n"
        "    print(flush=True)\n"
        "    time.sleep(0.7)\n"
        "    store.save(root, make_record(epochs=3))"
    )
    process = start(code, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    assert store.find(tmp_path, identity) is None
    with store.lock(tmp_path, make_record(seed=1).identity):  # another run does not wait
        assert store.find(tmp_path, identity) is None
    began = time.monotonic()
    with store.lock(tmp_path, identity):
        found = store.find(tmp_path, identity)
    assert time.monotonic() - began > 0.2
    assert found is not None
    assert found.epochs == 3
    process.communicate()
    assert process.returncode == 0


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    code = "held = store.lock(root, make_record().identity); held.__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    start(code, tmp_path).communicate()
    began = time.monotonic()
    with store.lock(tmp_path, make_record().identity):
        assert time.monotonic() - began < 5


def test_a_store_in_a_store_is_no_broken_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outer, inner, renamed = make_record(), make_record(seed=1), make_record(seed=2)
    store.save(tmp_path, outer)
    store.save(tmp_path / "demo", inner)
    (tmp_path / "plots").mkdir()
    assert store.read_all(tmp_path) == [outer]
    assert store.read_all(tmp_path / "demo") == [inner]
    store.save(tmp_path, renamed).rename(tmp_path / "mine")  # a whole run counts whatever its folder is called
    assert store.read_all(tmp_path) == [outer, renamed]
    assert caplog.records == []
    (tmp_path / "mine" / "record.json").unlink()  # and half of one is broken
    assert store.read_all(tmp_path) == [outer]
    (line,) = [record.getMessage() for record in caplog.records]
    assert str(tmp_path / "mine") in line
    (tmp_path / ("0" * 16)).mkdir()
    assert [folder.name for folder in store.folders(tmp_path)] == [
        "0" * 16,
        store.folder_of(tmp_path, outer.identity).name,
        "mine",
    ]
