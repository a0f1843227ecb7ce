"""``make bench``: rounds of all jobs, one after the other, then the tables.

``python -m tests.benchmarks 'Caser epoch'`` keeps the comparisons whose title has these words in it.
"""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import footprint
from tests.benchmarks.clock import Cost
from tests.benchmarks.environments import OWN, ready
from tests.benchmarks.jobs import Job, costs, surroundings
from tests.benchmarks.table import HEADER, Rounds, lines
from tests.benchmarks.works import WORKS, Work

ROUNDS = 3
VARIABLE = "ATTREC_BENCH_DATA"
EXPLANATION = """\
MovieLens-1M, leave-one-out: 982,089 windows, 988,129 pairs, 6,040 x 3,706 ranked. One thread a process.
CPU-s: CPU-seconds of all threads of the process in that work alone, after a warm-up, without imports and the
preparation of the data; the median of the rounds, the least and the most. A part of an epoch is scaled to the whole.
times ours: the median over the rounds of their CPU-seconds by ours. Rankings: ours and RecBole's with the target's
rank, implicit's lists of 50. RecBole's time includes its other metrics' bookkeeping."""

Measured = dict[Job, list[dict[str, Cost]] | str]
"""The costs that each job told, a round each, or why there are none."""


def load() -> str:
    return f"load average {' '.join(f'{load:.2f}' for load in os.getloadavg())}"


def measured(folder: Path, works: Sequence[Work]) -> Measured:
    """Run all jobs, A B C A B C: what disturbs the machine disturbs them alike."""
    jobs = list(dict.fromkeys(job for work in works for job in (work.ours, *(peer.job for peer in work.peers))))
    found: Measured = {}
    for job in jobs:
        why = ready(job.environment)
        found[job] = [] if why is None else why
    for number in range(1, ROUNDS + 1):
        print(f"round {number} of {ROUNDS}, {load()}", flush=True)
        for job in jobs:
            kept = found[job]
            if isinstance(kept, str):
                continue
            try:
                kept.append(costs(job, folder))
            except RuntimeError as error:
                found[job] = str(error)
    return found


def rounds(found: Measured, job: Job, work: Work) -> Rounds | str:
    """Return the job's costs of that kind of work, or why there are none."""
    kept = found[job]
    return kept if isinstance(kept, str) else [told[work.kind] for told in kept]


def compare(folder: Path, works: Sequence[Work]) -> None:
    """Print the tables."""
    found = measured(folder, works)
    print(f"{load()}\n\n{EXPLANATION}\n\n{HEADER}")
    for work in works:
        ours = rounds(found, work.ours, work)
        if isinstance(ours, str):
            raise RuntimeError(f"{work.title}: {ours}")
        theirs = [(peer, rounds(found, peer.job, work)) for peer in work.peers]
        print("\n".join(lines(work, ours, theirs)))


def main() -> None:
    if not (Path(os.environ.get(VARIABLE, os.devnull)) / "ml-1m").is_dir():
        print(f"skipped: ${VARIABLE} must name a folder that holds ml-1m and ml-100k")
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, {load()}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        export = Job("events", OWN, "ours").command(folder)
        subprocess.run(export, cwd=folder, env=surroundings(), check=True)
        words = " ".join(sys.argv[1:])
        compare(Path(folder), [work for work in WORKS if words in work.title])
        if not words:
            print("\n".join(["", "start-up and memory of whole processes", *footprint.lines(Path(folder))]))


if __name__ == "__main__":
    main()
