"""Team: the worker processes that one command has started, here or through a launcher of Hydra.

The team knows nothing of the search. A worker that is killed is started again; what it was at, the study gives to
another. When the command that started the workers dies, its local workers see their standard input end, and stop;
a cluster's jobs go on, and the study with them.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from attrec_bench.configuration import composed, conf_folder, explained
from attrec_bench.errors import InputError
from attrec_bench.sweeping.census import MOST_DEATHS
from attrec_bench.sweeping.endings import end_with_input, heeded

GRACE = 20.0
"""Seconds that a worker has to end by itself."""

SOON = 1.2
"""Seconds that it has when somebody pressed Ctrl-C, who wants the prompt back; a trial cut off is given to another."""

LONG = 300
"""Characters of a worker's last words that are told: a launcher puts a whole log into its error."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Team:
    """Processes and the commands that start them; each writes to a log of its own in ``folder``."""

    commands: Sequence[Sequence[str]]
    folder: Path
    deaths_left: int
    """Workers that may still be killed and started again before a further trial is finished."""
    far: bool = False
    """Whether the workers are jobs of a launcher, which may live when all processes here have ended."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    finished: int = 0

    def start(self) -> None:
        """Start all workers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.allowed = self.deaths_left
        self.processes = [self.spawn(number) for number in range(len(self.commands))]

    def spawn(self, number: int) -> "subprocess.Popen[bytes]":
        """Start one worker, with one thread, in a process group of its own: Ctrl-C reaches it through its input."""
        environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
        with self.log_of(number).open("ab") as out:
            return subprocess.Popen(
                self.commands[number],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env=environment,
                start_new_session=True,
            )

    def log_of(self, number: int) -> Path:
        """Return the log of one worker."""
        return self.folder / f"worker-{number}.log"

    def mend(self, finished: int) -> None:
        """Start killed workers again, unless too many have died since a trial was finished last."""
        if finished > self.finished:
            self.finished, self.deaths_left = finished, self.allowed
        for number, process in enumerate(self.processes):
            if (process.poll() or 0) < 0 and self.deaths_left > 0:
                self.deaths_left -= 1
                log.warning("worker %d was killed (signal %d) and is started again", number, -process.returncode)
                close_input(process)
                self.processes[number] = self.spawn(number)

    def running(self) -> bool:
        """Whether any worker is."""
        return any(process.poll() is None for process in self.processes)

    def errors(self) -> list[str]:
        """Last line of the log of each worker that has failed."""
        failed = [self.log_of(number) for number, process in enumerate(self.processes) if process.poll()]
        return [last_words(file) for file in failed]

    def stop(self, grace: float = GRACE) -> None:
        """Let the workers end, and end those that do not within so many seconds."""
        until = time.monotonic() + grace
        for process in self.processes:
            close_input(process)
        for process in self.processes:
            try:
                process.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def last_words(file: Path) -> str:
    """Return the last line of a log, cut where it is long."""
    lines = file.read_text(errors="replace").strip().splitlines()
    if not lines:
        return f"no word in {file}"
    return lines[-1] if len(lines[-1]) <= LONG else f"{lines[-1][:LONG]}... (all of it: {file})"


def local(overrides: Sequence[str], workers: int, folder: Path) -> Team:
    """Return a team of processes on this machine."""
    numbers = range(workers)
    return Team(
        [worker_command(overrides, [f"number={n}", "parent=true"]) for n in numbers], folder, MOST_DEATHS * workers
    )


def launched(overrides: Sequence[str], launcher: Sequence[str], workers: int, folder: Path) -> Team:
    """Return a team whose one process is a stock Hydra multirun, with a job for each worker.

    A launcher fails as a whole when one of its jobs is killed; the workers that live go on all the same.
    """
    jobs = [f"number={','.join(map(str, range(workers)))}", f"hydra.sweep.dir={folder}", "hydra.sweep.subdir=job"]
    return Team([worker_command(overrides, ["-m", *jobs, "parent=true", *launcher])], folder, 0, far=True)


def check_launcher(launcher: Sequence[str]) -> None:
    """Raise, in one line, for a launcher that is not installed, misspelt or lacks a key that is set."""
    try:
        composed(list(launcher), "worker")
    except MissingConfigException as error:
        hint = "" if find_spec("submitit") else "; pip install 'attrec-bench[slurm]' adds submitit_slurm"
        raise InputError(f"{explained(error)}{hint}") from error


def worker_command(overrides: Sequence[str], own: Sequence[str]) -> list[str]:
    """Return the command of a worker, with the sweep's overrides as one list in Hydra's syntax."""
    listed = ",".join('"' + each.replace("\\", "\\\\").replace('"', '\\"') + '"' for each in overrides)
    return [sys.executable, "-m", "attrec_bench.cli", "worker", *own, f"overrides=[{listed}]"]


def main(arguments: Sequence[str]) -> None:
    """Be a worker, or the launcher of many."""
    import hydra

    os.environ["HYDRA_FULL_ERROR"] = "1"
    if "parent=true" in arguments:  # here, and not in a launcher's jobs, whose input is nobody's
        # A shell starts background jobs with Ctrl-C ignored, and an ignored signal interrupts nobody.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=end_with_input, daemon=True).start()
    sys.argv = ["attrec-bench worker", *arguments]
    hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="worker")(job)()


def job(config: DictConfig) -> None:
    """Take part in each of the sweeps, one after another; here, and not in the command line's module, for pickle."""
    from attrec_bench.sweeping.sweep import sweeps
    from attrec_bench.sweeping.worker import work

    failed: Exception | None = None
    with outside_hydra():
        plain = OmegaConf.to_container(config, resolve=False)  # an override may hold ${...} of the sweep's own
        assert isinstance(plain, dict)  # a DictConfig always gives one; mypy cannot know
        parts = sweeps(plain["overrides"])
    for sweep in parts:
        try:
            with heeded():
                work(sweep, config.number)
        except FloatingPointError as error:  # of a winner's run: the other models' sweeps go on
            failed = error
    if failed is not None:
        raise failed


@contextmanager
def outside_hydra() -> Iterator[None]:
    """Let a Hydra job compose other configurations: its own state is put away, and back."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.singleton import Singleton

    state = Singleton.get_state()
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        Singleton.set_state(state)


def close_input(process: "subprocess.Popen[bytes]") -> None:
    """Tell a worker that nobody needs it any more."""
    if process.stdin is not None:
        process.stdin.close()
