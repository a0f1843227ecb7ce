"""``make bench-growth``: what an epoch and a ranking need as the data grow.

``python -m tests.benchmarks.growth`` starts one process a size; with arguments it is that process.
The users and items are ten times MovieLens-1M's at every size, so that only the number of events grows.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks.clock import Cost, tell, timed, told
from tests.benchmarks.jobs import surroundings
from tests.benchmarks.table import verdict

N_USERS, N_ITEMS = 60_400, 37_060
SIZES = {1_000_000: 3, 4_000_000: 2, 20_000_000: 1}
"""Events -> epochs timed, of which the median counts."""
BATCH = 8192
TOLERANCE = 0.1
"""By how much the time a window may exceed the smallest size's."""
UNTRAINED = 3
"""Events of each user that are no training window: the first one and the two held out. They are 18 % of a million
events and 1 % of twenty, so the time an event, also in the table, grows even where an epoch's cost is linear."""
TRAINING_MIB = 3 * 2**10
CATALOGUE, EVALUATED, EVENTS_EACH = 1_000_000, 1_000, 50
"""Items, users and events a user of the large evaluation."""
EVALUATION_MIB = 2 * 2**10
MODELS = ("attrec", "bprmf")


@dataclass(frozen=True)
class Needs:
    """CPU-seconds of the work and the whole process's peak memory in MiB, the data's making included."""

    cpu: float
    peak: float


def needs(*arguments: str) -> Needs:
    """Run this module with arguments in a process of its own. Raises CalledProcessError if it fails."""
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-m", "tests.benchmarks.growth", *arguments]
        process = subprocess.Popen(command, env=surroundings(), stdout=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        said.seek(0)
        return Needs(told(said.readlines())["work"].cpu, usage.ru_maxrss / 2**10)


def lines() -> Iterator[str]:
    """Yield the table, a line as soon as it is known."""
    yield f"{N_USERS:,} users, {N_ITEMS:,} items, AttRec L 5, d 100, T 1, 1 negative, batch {BATCH}; one thread"
    yield f"{'events':>12}{'CPU-s an epoch':>16}{'us an event':>13}{'us a window':>13}{'peak MiB':>10}"
    first = 0.0
    for events in SIZES:
        need = needs("train", str(events))
        event, window = need.cpu / events * 1e6, need.cpu / (events - UNTRAINED * N_USERS) * 1e6
        first = first or window
        linear = verdict(window / first, at_most=1 + TOLERANCE)
        memory = verdict(need.peak, at_most=TRAINING_MIB)
        row = f"{events:12,}{need.cpu:16.3g}{event:13.3g}{window:13.3g}{need.peak:10.0f}"
        yield f"{row}  times{window / first:6.3f}{linear}  MiB{memory}"
    yield f"ranking {EVALUATED:,} users among {CATALOGUE:,} items, d 64"
    for model in MODELS:
        need = needs("rank", model)
        yield f"{model:>12}{need.cpu:16.3g}{'':26}{need.peak:10.0f}  MiB{verdict(need.peak, at_most=EVALUATION_MIB)}"


def train(events: int) -> Cost:
    """Plant, plan as a run does, and train -> the epoch in the middle."""
    from tests.benchmarks.ours import epochs, planned

    data = (f"dataset.n_users={N_USERS}", f"dataset.n_items={N_ITEMS}", f"dataset.n_interactions={events}")
    model = ("model=attrec", "model.T=1", "model.dropout=0", "train.negatives=1", f"train.batch_size={BATCH}")
    run = planned(["dataset=planted", "dataset.min_events=5", "maxlen=5", *data, *model])
    costs = sorted(epochs(run, run.build_model(), SIZES[events]), key=lambda cost: cost.cpu)
    return costs[len(costs) // 2]


def rank(model: str) -> Cost:
    """Rank random targets with a model that has seen random events."""
    import numpy as np
    import torch

    from attrec_bench.configuration import composed
    from attrec_bench.data.interactions import Interactions
    from attrec_bench.evaluation.ranks import queries, ranks
    from attrec_bench.plan import class_of, model_builder, with_short_names

    random = np.random.default_rng(0)
    users = np.repeat(np.arange(EVALUATED, dtype=np.int32), EVENTS_EACH)
    data = Interactions(
        users=users,
        items=random.integers(1, CATALOGUE + 1, len(users), dtype=np.int32),
        times=np.arange(len(users)),
        user_ids=np.arange(EVALUATED).astype(str),
        item_ids=np.array(["", *map(str, range(1, CATALOGUE + 1))]),
    )
    last = np.arange(len(users)) % EVENTS_EACH == EVENTS_EACH - 1
    torch.set_num_threads(1)
    config = with_short_names(composed([f"model={model}", "model.d=64"]), model)
    built = model_builder(config, class_of(config.model._target_), data)()
    asked = queries(data.take(~last), data.take(last), maxlen=built.maxlen, device=torch.device("cpu"))
    return timed(lambda: ranks(built, asked))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=("train", "rank"), nargs="?")
    parser.add_argument("what", nargs="?", default="")
    arguments = parser.parse_args()
    if arguments.work is None:
        for line in lines():
            print(line, flush=True)
    else:
        tell(work=train(int(arguments.what)) if arguments.work == "train" else rank(arguments.what))


if __name__ == "__main__":
    main()
