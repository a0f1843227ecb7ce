"""What a piece of work costs its process. Every environment runs this file: standard library only."""

import json
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1"
)
"""What every process of the benchmark finds in its environment."""


@dataclass(frozen=True)
class Cost:
    """CPU-seconds of all threads of a process and seconds on the wall, for the whole of a piece of work.

    ``share`` is how much of the work was timed, in (0, 1]; both times are scaled from it to the whole.
    """

    cpu: float
    wall: float
    share: float = 1.0


def timed(work: Callable[[], object], share: float = 1.0) -> Cost:
    """Do ``share`` of a piece of work once -> the cost of the whole."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost((time.process_time() - cpu) / share, (time.perf_counter() - wall) / share, share)


def repeated(work: Callable[[], object], times: int) -> Cost:
    """Do a short piece of work once unmeasured, then several times -> the median cost."""
    work()
    costs = [timed(work) for _ in range(times)]
    return Cost(statistics.median(cost.cpu for cost in costs), statistics.median(cost.wall for cost in costs))


def tell(**costs: Cost) -> None:
    """Print the costs as the process's last line."""
    print(json.dumps({name: asdict(cost) for name, cost in costs.items()}), flush=True)


def told(lines: Iterable[str]) -> dict[str, Cost]:
    """What a process printed -> the costs that it told in its last line."""
    return {name: Cost(**cost) for name, cost in json.loads(list(lines)[-1]).items()}
