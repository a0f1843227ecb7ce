import json
import math
import os
import random
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrec_bench.errors import InputError
from attrec_bench.results import machine
from attrec_bench.results.record import Record, consumed, digest, flatten, from_plain, identity, text, to_plain
from tests.records import make_record

numbers = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False)
plain_data = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def reordered(value: Any, shuffle: random.Random) -> Any:
    """The same data with other key orders, and whole numbers as the other of int and float where that is exact."""
    if isinstance(value, dict):
        keys = list(value)
        shuffle.shuffle(keys)
        return {key: reordered(value[key], shuffle) for key in keys}
    if isinstance(value, list):
        return tuple(reordered(inner, shuffle) for inner in value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return np.float64(value)
    return value


@given(plain_data, st.randoms(use_true_random=False))
def test_equal_data_hash_alike(value: Any, shuffle: random.Random) -> None:
    assert digest(value) == digest(reordered(value, shuffle))


def meaning(value: Any) -> Any:
    """What a value is, in Python's own terms: numbers as exact fractions, apart from booleans."""
    if isinstance(value, dict):
        return frozenset((key, meaning(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(map(meaning, value))
    return Fraction(value) if isinstance(value, int | float) and not isinstance(value, bool) else (type(value), value)


@given(plain_data, plain_data)
def test_hashes_agree_just_where_the_data_do(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (meaning(one) == meaning(other))


def test_a_boolean_is_not_a_number() -> None:
    assert digest({"clip": True}) != digest({"clip": 1})
    assert digest({"clip": None}) != digest({"clip": False}) != digest({"clip": 0})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_a_number_that_is_none_is_refused_by_its_key(number: float) -> None:
    with pytest.raises(InputError, match=r"^config\.train\.lr\[1\] must be a finite number, got -?(nan|inf)$"):
        identity({"config": {"train": {"lr": [1, number]}}})


@pytest.mark.parametrize("value", [{1: "key"}, {"set": {1}}, {"path": Path()}])
def test_what_is_not_plain_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        digest(value)


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"keywords": {"w": 0.3}}, {"protocol": {"tie_order": "item"}}, {"code": "other"}, {"train": None}],
)
def test_everything_consumed_is_in_the_identity(change: dict[str, Any]) -> None:
    assert make_record(**change).identity != make_record().identity
    assert make_record(data={"sha256": "cd" * 32}).identity != make_record().identity


def test_what_is_not_consumed_is_not_in_the_identity() -> None:
    other = make_record(data={"users": 1}, command="other", created="2030-01-01T00:00:00+00:00", epochs=9)
    assert other.identity == make_record().identity
    assert make_record(keywords={"w": 1}).identity == make_record(keywords={"w": 1.0}).identity


def test_a_model_without_a_class_would_share_its_identity() -> None:
    with pytest.raises(ValueError, match="_target_"):
        consumed({"model": {}}, "data", "code")


def test_a_record_is_checked_at_birth() -> None:
    record = make_record()
    with pytest.raises(ValueError, match="identity must be"):
        replace(record, config={**record.config, "seed": 5})
    with pytest.raises(ValueError, match="at least 1"):
        replace(record, ranks=np.array([0.5, 1, 2]))
    with pytest.raises(ValueError, match="finite"):
        replace(record, ranks=np.array([np.nan, 1, 2]))
    with pytest.raises(ValueError, match=r"\[n\] both"):
        replace(record, users=np.arange(2))
    with pytest.raises(ValueError, match="config must have the keys"):
        replace(record, config={"model": {"_target_": "x"}})


def test_json_and_back_is_the_same_record() -> None:
    record = make_record()
    again = from_plain(json.loads(json.dumps(to_plain(record))), record.users, record.ranks)
    assert again == record
    assert hash(again) == hash(record)
    assert replace(record, epochs=7) != record
    assert replace(record, ranks=record.ranks + 1) != record
    assert record != "record"


def test_flatten_and_text() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None, "f": {}}) == {"a.b": 1, "a.c.d": [1, 2], "e": None}
    shown = {"dist": "dist", 0.2: "0.2", 1.0: "1"}
    assert [text(value) for value in shown] == list(shown.values())
    assert [text(value) for value in (True, None, [1, 2.0])] == ["true", "null", "[1,2]"]


def test_versions_name_what_is_installed_and_what_is_not() -> None:
    assert machine.versions(["numpy", "no-such-package"]) == {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "no-such-package": "not installed",
    }


def git(folder: Path, *arguments: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", folder, *who, *arguments], check=True, capture_output=True, text=True, env=clean
    )
    return done.stdout.strip()


def test_git_state_of_a_clean_a_dirty_and_a_foreign_folder(tmp_path: Path) -> None:
    inner = tmp_path / "package"
    inner.mkdir()
    outside = {"commit": None, "dirty": None}
    assert machine.git_state(inner) == outside
    git(tmp_path, "init")
    (tmp_path / "readme").write_text("text")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    # a repository around the folder that does not track it, as around an environment, says nothing about it
    (inner / "code.py").write_text("1")
    assert machine.git_state(inner) == outside
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "two")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert machine.git_state(inner) == {"commit": head, "dirty": False}
    for name in ("package", "baselines", "conf/protocol"):
        new = tmp_path / name / "deep" / "new.py"
        new.parent.mkdir(parents=True)
        new.write_text("2")
        assert machine.git_state(inner) == {"commit": head, "dirty": True}, name
        new.unlink()
    (tmp_path / "report.html").write_text("a new file that no run reads")
    for own in ("mymodels.py", "my.csv", "notes/new.py", "conf/dataset/mine.yaml", "sweeps/mine.yaml"):
        (tmp_path / own).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / own).write_text("2")
    assert machine.git_state(inner) == {"commit": head, "dirty": False}
    (tmp_path / "readme").write_text("another text")  # tracked
    assert machine.git_state(inner) == {"commit": head, "dirty": True}
    git(tmp_path, "checkout", "readme")
    (tmp_path / ".gitignore").write_text("*.pyc")
    (inner / "code.pyc").write_text("ignored")
    assert machine.git_state(inner) == {"commit": head, "dirty": False}
    git(tmp_path, "add", ".gitignore")  # new, and now tracked
    assert machine.git_state(inner) == {"commit": head, "dirty": True}
    assert machine.git_state(tmp_path) == {"commit": head, "dirty": True}  # whose neighbours are outside


def test_no_git_on_the_path_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert machine.git_state() == {"commit": None, "dirty": None}


def test_hardware_and_memory() -> None:
    found = machine.hardware()
    assert found["cpu"]
    assert 1 <= found["cores"] <= (os.cpu_count() or 1)
    before = machine.peak_memory_mib()
    block = np.ones(40 * 2**17)  # 40 MiB
    assert found["memory_mib"] > machine.peak_memory_mib() >= before > 10
    # the peak holds the block and this moment's whole memory
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    assert machine.peak_memory_mib() >= 0.98 * pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    assert block.nbytes == 40 * 2**20


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux forgets a peak")
def test_each_run_of_a_process_has_its_own_peak() -> None:
    machine.reset_peak_memory()
    before = machine.peak_memory_mib()
    block = np.ones(200 * 2**17)  # 200 MiB
    high = machine.peak_memory_mib()
    assert high - before > 0.9 * block.nbytes / 2**20
    del block
    assert machine.peak_memory_mib() >= 0.99 * high  # still the peak, though the memory is free again
    machine.reset_peak_memory()
    assert machine.peak_memory_mib() < high - 150


def test_without_proc_the_peak_is_that_of_all_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path, *_: object, **__: object) -> str:
        raise FileNotFoundError(path)

    block = np.ones(100 * 2**17)
    monkeypatch.setattr(Path, "read_text", gone)
    monkeypatch.setattr(Path, "write_text", gone)
    machine.reset_peak_memory()
    assert block.nbytes / 2**20 < machine.peak_memory_mib() < machine.hardware()["memory_mib"]


def test_importing_records_and_tables_is_cheap() -> None:
    code = "import sys, attrec_bench.results.tables, attrec_bench.results.formats, attrec_bench.results.tracking"
    heavy = "{'torch', 'pandas', 'rich', 'mlflow', 'hydra', 'omegaconf', 'sqlalchemy'}"
    command = [sys.executable, "-c", f"{code}; print({heavy} & set(sys.modules))"]
    assert subprocess.run(command, check=True, capture_output=True).stdout.strip() == b"set()"


def test_records_are_of_the_documented_shape() -> None:
    record: Record = make_record(ranks=[1, 2])
    assert record.users.shape == record.ranks.shape == (2,)
    assert len(record.identity) == 64
    assert record.identity == identity(consumed(record.config, record.data["sha256"], record.code))
