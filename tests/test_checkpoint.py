"""Trainings that are interrupted and go on to the same bits; files of no use are ignored."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from attrec_bench.configuration import composed, conf_folder
from attrec_bench.contract import Learner
from attrec_bench.plan import plan
from attrec_bench.results import checkpoint
from attrec_bench.run import learnt, run
from attrec_bench.stopping import GRACE, Stop
from tests.test_run import SMALL

MODELS = sorted({file.stem for file in (conf_folder() / "model").glob("*.yaml")} - {"own"})
CPU = torch.device("cpu")


def told(history: Any) -> list[dict[str, float]]:
    """A history without its seconds, which no two runs share."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def training(folder: Path, model: str, *, stop_after: int | None = None) -> tuple[Any, Any]:
    """Train for five epochs with a checkpoint after each; ``stop_after`` so many a process would be gone."""
    overrides = [*SMALL, f"model={model}", "train.epochs=5", "train.patience=5"]
    planned = plan(composed(overrides), model)
    if not isinstance(planned.build_model(), Learner):
        pytest.skip("it learns in one go")
    place, epochs = checkpoint.Place(folder, planned.identity, 0), list[float]()

    @contextmanager
    def keep(module: nn.Module, device: torch.device) -> Iterator[Any]:
        with place.kept("fit", module, device) as keeper:
            yield keeper

    def watch(row: dict[str, float]) -> None:
        epochs.append(row["epoch"])
        if stop_after is not None and len(epochs) > stop_after:
            raise InterruptedError

    return learnt(planned, planned.split, validate=True, keep=keep, watch=watch)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_goes_on_to_the_same_bits(tmp_path: Path, model: str) -> None:
    undisturbed, expected = training(tmp_path / "a", model)
    with pytest.raises(InterruptedError):
        training(tmp_path / "b", model, stop_after=3)
    resumed, progress = training(tmp_path / "b", model)
    assert told(progress.history) == told(expected.history)
    assert (progress.best_epoch, progress.best_value) == (expected.best_epoch, expected.best_value)
    assert [row["seconds"] for row in progress.history[3:]] != [row["seconds"] for row in expected.history[3:]]
    for (name, mine), (other, theirs) in zip(
        resumed.state_dict().items(), undisturbed.state_dict().items(), strict=True
    ):
        assert name == other
        assert torch.equal(mine, theirs), name


def parts(folder: Path, stop: Stop | None = None) -> checkpoint.Checkpoints:
    file = checkpoint.file_of(folder, "ab" * 32, "fit")
    origin = checkpoint.origin("ab" * 32, "fit", nn.Linear(2, 1), CPU)
    return checkpoint.Checkpoints(file, origin, 0, stop or Stop())


STATE: dict[str, Any] = {"model": {"weight": torch.arange(300.0)}, "history": [{"epoch": 1, "loss": 0.1 + 0.2}]}


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


class Code:
    """What an attacker would put into a file: unpickled, it writes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(Path(os.environ["PROOF"])),)


def with_code(file: Path) -> None:
    content = checkpoint._content({"origin": parts(file.parents[1]).origin, "state": Code()})
    file.write_bytes(content)


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped": (flipped, "not as it was written"),
    "cut": (lambda file: file.write_bytes(file.read_bytes()[:-7]), "not as it was written"),
    "empty": (lambda file: file.write_bytes(b""), "not in the form"),
    "pickle": (lambda file: file.write_bytes(pickle.dumps(Code())), "not in the form"),
    "code": (with_code, "Weights only load failed"),
    "foreign": (
        lambda file: file.write_bytes(checkpoint._content({"origin": {**parts(file.parents[1]).origin, "threads": 99},
                                                           "state": STATE})),
        "made with another threads",
    ),
    "bare": (lambda file: file.write_bytes(checkpoint._content({"state": STATE})), "origin"),
    "folder": (lambda file: file.rename(file.with_name("aside")).with_name(file.name).mkdir(), "Is a directory"),
}  # fmt: skip


@pytest.mark.parametrize("case", BREAKS)
def test_a_checkpoint_of_no_use_costs_one_line(
    tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROOF", str(tmp_path / "code was run"))
    keeper = parts(tmp_path)
    keeper.offer(lambda: STATE)
    kept = keeper.last()
    assert kept is not None
    assert torch.equal(kept["model"]["weight"], STATE["model"]["weight"])
    assert kept["history"] == STATE["history"]
    break_it, why = BREAKS[case]
    break_it(keeper.file)
    caplog.clear()
    assert keeper.last() is None
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert str(keeper.file) in line
    assert why in line
    assert "\n" not in line
    assert not (tmp_path / "code was run").exists()


def test_checkpoints_are_written_now_and_then(tmp_path: Path) -> None:
    keeper = parts(tmp_path)
    keeper.every = 0.2
    asked = 0

    def state() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return STATE

    began = time.monotonic()
    while time.monotonic() - began < 1:
        keeper.offer(state)
        time.sleep(0.005)
    assert 1 <= asked <= 5
    keeper.took = 1.0  # a large one, on a slow disk: the next may be due in 50 s
    time.sleep(0.3)
    before = asked
    keeper.offer(state)
    assert asked == before


def test_one_that_cannot_be_written_costs_one_line_and_no_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = parts(tmp_path)
    (tmp_path / checkpoint.FOLDER).write_text("in the way")
    for _ in range(3):
        keeper.took = 0
        keeper.offer(lambda: STATE)
    assert len([record for record in caplog.records if "no checkpoint can be written" in record.getMessage()]) == 1
    assert not keeper.worth_waiting()


def test_force_starts_anew(tmp_path: Path) -> None:
    overrides = [*SMALL, "model=bprmf", f"runs={tmp_path}", "checkpoint=0"]
    record, _ = run(composed(overrides), "bprmf", "attrec-bench run")
    file = checkpoint.file_of(tmp_path, record.identity, "fit")
    for more in ([], ["force=true"]):  # as a process leaves it that is killed right after it has written the record
        file.write_bytes(b"left")
        run(composed([*overrides, *more]), "bprmf", "attrec-bench run")
        assert not file.exists()


def test_a_second_request_does_not_wait_and_neither_does_one_that_is_not_worth_it() -> None:
    code = """
import sys, time
from attrec_bench.stopping import end_on_term, exit_code, stoppable
end_on_term()
try:
    with stoppable(lambda: {worth}):
        print(flush=True)
        time.sleep(30)
except KeyboardInterrupt as error:
    sys.exit(exit_code(error))
"""
    for worth, requests, least, most in ((True, 1, GRACE, 2.0), (True, 2, 0.2, GRACE), (False, 1, 0.0, GRACE)):
        process = subprocess.Popen([sys.executable, "-c", code.format(worth=worth)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        if requests == 2:
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
        process.communicate()
        assert least <= time.monotonic() - began < most
