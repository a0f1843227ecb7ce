"""Start-up and memory of whole commands, as the operating system counts them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from tests.benchmarks.jobs import surroundings
from tests.benchmarks.table import verdict

HELP_CPU, FIRST_STEP_CPU, PEAK_MIB = 0.5, 4.0, 600.0
"""Limits: CPU-seconds, CPU-seconds, MiB."""


def spent(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command -> its CPU-seconds and its peak memory in MiB. Raises RuntimeError if it fails."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=folder, env=surroundings(), stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(said.read().decode(errors="replace").strip().splitlines()[-1])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**10


def run(*overrides: str) -> list[str]:
    """Return the command's arguments, with records in the current folder and without tracking."""
    return ["run", *overrides, "runs=runs", "tracking.uri=off", "device=cpu"]


def lines(folder: Path) -> Iterator[str]:
    """Yield the lines of start-up and memory; each command runs twice, so that caches are filled as in use."""
    product, here = [sys.executable, "-m", "attrec_bench.cli"], [sys.executable, "-m", __name__]
    tasks = (
        ("attrec-bench --help, CPU-s", [*product, "--help"], 0, HELP_CPU),
        ("run of ML-100K to its first step, CPU-s", [*here, *run("dataset=ml-100k")], 0, FIRST_STEP_CPU),
        (
            "run of ML-1M, 2 epochs, peak MiB",
            [*product, *run("dataset=ml-1m", "train.epochs=2", "force=true")],
            1,
            PEAK_MIB,
        ),
    )
    for title, command, which, limit in tasks:
        spent(command, folder)
        value = spent(command, folder)[which]
        yield f"{title:40}{value:8.3g}{verdict(value, at_most=limit):>50}"


def first_step_only(arguments: list[str]) -> None:
    """Behave as attrec-bench with these arguments, up to and including the first step of training."""
    from dataclasses import replace

    from attrec_bench import cli
    from attrec_bench.contract import Learner
    from attrec_bench.training import trainer
    from attrec_bench.training.batches import Batches
    from attrec_bench.training.steps import Step

    train_epoch = trainer.train_epoch

    def one_step(model: Learner, data: Batches, step: Step, epoch: int) -> NoReturn:
        train_epoch(model, replace(data, firsts=data.firsts[: data.batch_size]), step, epoch)
        os._exit(0)

    trainer.train_epoch = one_step
    sys.argv = ["attrec-bench", *arguments]
    cli.main()


if __name__ == "__main__":
    first_step_only(sys.argv[1:])
