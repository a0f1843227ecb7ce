"""Checkpoints: what a training that was interrupted goes on from, to the same result bit for bit.

    root/.checkpoints/<identity[:16]>.fit.pt     the training on the training events, at the end of an epoch
                      <identity[:16]>.refit.pt   the one on training and validation events, where protocol.refit asks

A file holds tensors, numbers, strings, lists and dicts; it is read by torch's loader for weights, which runs no code of
it, and only after its sum fits. It appears whole, is replaced whole, and goes when the run's record is there.
Every epoch derives its random numbers from (seed, purpose, epoch), so an epoch's number is the generators' whole state.
"""

import hashlib
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from attrec_bench.results import machine, whole
from attrec_bench.results.record import SHORT, plain
from attrec_bench.stopping import Stop, stoppable

FOLDER = ".checkpoints"
STAGES = ("fit", "refit")
MAGIC = b"attrec-bench checkpoint 1\n"

SHARE = 50
"""Times as long as a checkpoint took to write, another must wait: writing takes a fiftieth of a training at most."""

LITTLE = 2.0
"""Seconds of training that a stop throws away without waiting for the end of the epoch."""

UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError, UnpicklingError)
"""What broken bytes can raise on their way to a state."""

log = logging.getLogger(__name__)


def file_of(root: Path, identity: str, stage: str) -> Path:
    """Where the checkpoint of a stage of this run lies or will lie."""
    return root / FOLDER / f"{identity[:SHORT]}.{stage}.pt"


def discard(root: Path, identity: str) -> None:
    """Remove a run's checkpoints. Its lock must be held."""
    for stage in STAGES:
        file_of(root, identity, stage).unlink(missing_ok=True)


@dataclass(frozen=True)
class Place:
    """Where a run's checkpoints go, and how often: ``every`` so many seconds of training; None keeps none."""

    root: Path
    identity: str
    every: float | None

    @contextmanager
    def kept(self, stage: str, model: nn.Module, device: torch.device) -> Iterator["Checkpoints | None"]:
        """Yield the checkpoint of a stage; while it is open, a request to stop waits for the end of an epoch."""
        if self.every is None:
            yield None
            return
        file = file_of(self.root, self.identity, stage)
        checkpoints = Checkpoints(file, origin(self.identity, stage, model, device), self.every)
        with stoppable(checkpoints.worth_waiting) as checkpoints.stop:
            yield checkpoints


def origin(identity: str, stage: str, model: nn.Module, device: torch.device) -> dict[str, Any]:
    """Return all that must be alike for a training to go on from a checkpoint to the same result."""
    return {
        "identity": identity,
        "stage": stage,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "versions": machine.versions(("torch", "numpy", "numba")),
        "parameters": {name: [str(value.dtype), *value.shape] for name, value in model.state_dict().items()},
    }


@dataclass(eq=False)
class Checkpoints:
    """The checkpoint of one stage of one run: read when training begins, written now and then at the end of an epoch.

    ``every`` is the least number of seconds between two of them. One that cannot be written costs a warning line, and
    training goes on without.
    """

    file: Path
    origin: Mapping[str, Any]
    every: float
    stop: Stop = field(default_factory=Stop)
    since: float = field(default_factory=time.monotonic)
    took: float = 0.0
    failed: bool = False

    def last(self) -> dict[str, Any] | None:
        """Return the state to go on from; None where there is none, or, with a line that says why, none of use."""
        self.since = time.monotonic()
        if not self.file.exists():
            return None
        try:
            stored = _read(self.file)
            different = [key for key, value in self.origin.items() if stored["origin"].get(key) != plain(value)]
            if different:
                raise ValueError(f"it was made with another {', '.join(different)}")
            state: dict[str, Any] = stored["state"]
            epochs = len(state["history"])
        except UNREADABLE as error:
            why = " ".join(str(error).split()) or type(error).__name__
            log.warning("checkpoint %s is of no use, training starts anew: %s", self.file, why[:200])
            return None
        log.info("going on after epoch %d, from %s", epochs, self.file)
        return state

    def offer(self, state: Callable[[], dict[str, Any]]) -> None:
        """Keep the state, asked for only then, where it is time to or somebody wants to stop; then stop."""
        waited = time.monotonic() - self.since
        if self.stop.asked is not None or waited >= max(self.every, SHARE * self.took):
            self._write(state())
        self.stop.obey()

    def worth_waiting(self) -> bool:
        """Whether so much has been trained since the last checkpoint that a stop had better wait for another one."""
        return not self.failed and self.took < LITTLE / 4 and time.monotonic() - self.since >= min(self.every, LITTLE)

    def _write(self, state: dict[str, Any]) -> None:
        began = time.monotonic()
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            whole.write_bytes(self.file, _content({"origin": plain(self.origin), "state": state}))
        except OSError as error:
            if not self.failed:
                log.warning("no checkpoint can be written (%s); training goes on without", error)
            self.failed = True
        self.since = time.monotonic()
        self.took = self.since - began


def _content(stored: dict[str, Any]) -> bytes:
    """State -> the file's bytes: a line that names the format, the sum of what follows, what torch saved."""
    buffer = io.BytesIO()
    torch.save(stored, buffer)
    saved = buffer.getvalue()
    return MAGIC + hashlib.sha256(saved).digest() + saved


def _read(file: Path) -> dict[str, Any]:
    """Inverse of ``_content``. Raises one of UNREADABLE where the bytes are not as they were written."""
    content = file.read_bytes()
    start = len(MAGIC) + hashlib.sha256().digest_size
    if not content.startswith(MAGIC):
        raise ValueError("it is not in the form that this version writes")
    # torch's own reader lets a flipped bit pass
    if hashlib.sha256(content[start:]).digest() != content[len(MAGIC) : start]:
        raise ValueError("it is not as it was written")
    stored: dict[str, Any] = torch.load(io.BytesIO(content[start:]), map_location="cpu", weights_only=True)
    return stored
