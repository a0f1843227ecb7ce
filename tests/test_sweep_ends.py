"""Trials that fail by themselves and workers that die or stop: what is recorded, and what goes on."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from attrec_bench import run as running
from attrec_bench.sweeping import driver, slots, worker
from attrec_bench.sweeping.census import FAILED, KILLED, MOST_DEATHS, census
from attrec_bench.sweeping.watch import Watched
from attrec_bench.sweeping.worker import confirm, search
from tests.sweeps import SPACE, finished, small, swept, told, trials_of


def test_a_trial_that_diverges_is_recorded_and_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = SPACE | {"train.optimizer.lr": {"type": "float", "low": 0.01, "high": 1e38, "log": True}}
    sweep = swept(small(tmp_path, "sweep.max_failed=200", space=space))
    count = census(trials_of(sweep))
    assert count.finished == 6
    assert count.failed > 0
    assert all(re.search("(nan|inf|finite).* in epoch [1-3]", reason) for _, reason in count.reasons), count.reasons
    assert sorted(trial.user_attrs["slot"] for trial in finished(sweep)) == list(range(6))
    confirm(sweep, 0)
    assert driver.settled(Watched(sweep)) == 1, "the exit code says that trials have failed"
    assert f"{count.failed} failed" in capsys.readouterr().out


def test_too_many_failures_end_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keys = iter(["users", "items", "times", "ranks"])

    def broken(*_: Any) -> float:
        raise KeyError(next(keys))

    monkeypatch.setattr(worker, "validated", broken)
    sweep = swept(small(tmp_path, "sweep.max_failed=3"))
    count = census(trials_of(sweep))
    assert (count.failed, count.finished) == (4, 0)
    assert re.search(r"test_sweep_ends\.py:\d+, in broken: KeyError: 'users'$", count.reasons[0][1])
    assert driver.settled(Watched(sweep)) == 1
    assert "6 trials to go (more than sweep.max_failed=3 failed)" in caplog.text
    assert len({str(trial.params) for trial in trials_of(sweep)}) == 4, "a failed proposal is not made again"


def test_trials_that_fail_alike_from_the_start_end_a_sweep_and_the_same_command_goes_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: Any) -> float:
        raise KeyError("users")

    real = running.validated
    monkeypatch.setattr(worker, "validated", broken)
    sweep = small(tmp_path)
    watched = Watched(sweep)
    search(sweep)
    count = watched.census()
    assert (count.failed, count.finished) == (3, 0)
    assert not watched.left()
    assert driver.settled(watched) == 1
    assert caplog.text.count("was stopped: its first trials failed alike and none has succeeded") == 1
    first, *others = capsys.readouterr().err.splitlines()
    assert first.startswith("planted-bprmf: trial 0 failed: ")
    assert first.endswith("in broken: KeyError: 'users'")
    assert others == [
        "planted-bprmf: trial 1 failed as trial 0 did",
        "planted-bprmf: trial 2 failed as trial 0 did",
    ]
    monkeypatch.setattr(worker, "validated", real)
    assert Watched(sweep).left(), "the cause may have lain elsewhere"
    search(sweep)
    assert len(finished(sweep)) == 6


def test_once_a_trial_has_succeeded_others_that_fail_alike_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = running.validated, iter(range(100))

    def sometimes(*given: Any) -> float:
        if 1 <= next(calls) <= 4:
            raise KeyError("users")
        return real(*given)

    monkeypatch.setattr(worker, "validated", sometimes)
    count = census(trials_of(swept(small(tmp_path))))
    assert (count.failed, count.finished) == (4, 6)


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
