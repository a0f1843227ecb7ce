"""Job -> costs: one process in its environment, at one thread."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.clock import ONE_THREAD, Cost, told
from tests.benchmarks.environments import ROOT, Environment


@dataclass(frozen=True)
class Job:
    """A module of the benchmark with its arguments; ``label`` is what the table calls it."""

    label: str
    environment: Environment
    module: str
    arguments: tuple[str, ...] = ()

    def command(self, *first: str) -> list[str]:
        """Return what starts the process; ``first`` stands before the job's own arguments."""
        return [self.environment.python, "-m", f"tests.benchmarks.{self.module}", *first, *self.arguments]


def surroundings() -> dict[str, str]:
    """Return the environment variables of every process: one thread, and this folder's modules wherever it runs."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return os.environ | ONE_THREAD | quiet | {"PYTHONPATH": str(ROOT)}


def costs(job: Job, folder: Path) -> dict[str, Cost]:
    """Run the job in ``folder``, which holds the events and takes what a peer writes.

    Raises RuntimeError with the last line of what the process said if it failed.
    """
    command = job.command(str(folder))
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=surroundings())
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    return told(done.stdout.splitlines())
