"""The doctor sees what was really broken, says what to do, and changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from attrec_bench import doctor, verbs
from attrec_bench.data.locate import VARIABLE
from attrec_bench.results import store
from tests.records import make_record


def grades(runs: Path) -> dict[str, str]:
    return {finding.what: finding.grade for finding in doctor.doctor(runs)}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    store.save(tmp_path / "runs", make_record())
    return tmp_path / "runs"


def ends(runs: Path) -> int:
    with pytest.raises(SystemExit) as stop:
        verbs.doctor_verb([f"runs={runs}"])
    return int(stop.value.code or 0)


def test_a_sound_folder_is_sound(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(runs) == 0
    told = capsys.readouterr().out
    assert f"1 whole record in {runs}" in told
    assert doctor.BROKEN not in told


def test_a_store_in_the_store_is_nothing_to_tell(
    runs: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    verbs.table_verb([f"runs={runs}"])
    before = capsys.readouterr().out
    store.save(runs / "demo", make_record(seed=1))
    assert ends(runs) == 0
    assert f"1 whole record in {runs}" in capsys.readouterr().out
    verbs.table_verb([f"runs={runs}"])
    assert capsys.readouterr().out == before
    assert caplog.records == []


def test_a_data_folder_that_holds_only_a_lock_is_not_ok(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = runs.parent / "data"
    (place / "ml-1m").mkdir(parents=True)
    (place / "ml-1m" / ".lock").touch()
    (place / "ml-1m" / "ml-1m.zip.part").touch()
    (place / "ml-1m" / "deep").mkdir()
    monkeypatch.setenv(VARIABLE, str(place))
    monkeypatch.setattr(doctor, "user_cache_dir", lambda _: str(place / "no-cache"))
    assert grades(runs)[f"data in {place}: none"] == doctor.NOTE
    assert grades(runs)[f"without a file of data in {place}: ml-1m"] == doctor.NOTE
    (place / "ml-100k").mkdir()
    (place / "ml-100k" / "u.data").touch()
    assert grades(runs)[f"data in {place}: ml-100k"] == doctor.GOOD
    assert f"without a file of data in {place}: ml-1m" in grades(runs)
    (place / "ml-1m" / "deep" / "ratings.dat").touch()
    assert grades(runs)[f"data in {place}: ml-100k, ml-1m"] == doctor.GOOD
    assert not any("without a file" in what for what in grades(runs))


def broken_journal(runs: Path) -> None:
    (runs / ".sweeps").mkdir()
    (runs / ".sweeps" / "studies.journal").write_bytes(b"?\n")


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "record": (lambda runs: (next(iter(store.folders(runs))) / "ranks.npz").write_bytes(b"?"), "no readable record"),
    "mlflow": (lambda runs: (runs / "mlflow.db").write_bytes(b"?" * 9000), "mlflow.db: file is not a database"),
    "journal": (broken_journal, "is not as it was written, from line 1 on"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_what_is_broken_is_named_and_ends_with_one(runs: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    break_it, what = BREAKS[case]
    break_it(runs)
    assert ends(runs) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(doctor.BROKEN)]
    assert what in line


def test_variables_are_looked_at(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    monkeypatch.setenv(VARIABLE, "/nowhere")
    found = grades(runs)
    assert [grade for what, grade in found.items() if what.startswith("PYTHONDONTWRITEBYTECODE")] == [doctor.NOTE]
    assert [grade for what, grade in found.items() if what.startswith("OMP_NUM_THREADS=4096")] == [doctor.NOTE]
    assert found[f"{VARIABLE}=/nowhere is no folder"] == doctor.BROKEN


def test_versions_out_of_range_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["numpy<1", "no-such-package>=2", "torch>=1", "pytest<1; extra == 'dev'"]
    monkeypatch.setattr("importlib.metadata.requires", lambda _: asked)
    assert [finding.do for finding in doctor.versions()] == [
        "pip install 'numpy<1'",
        "pip install 'no-such-package>=2'",
    ]
