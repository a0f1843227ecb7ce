"""``python -m tests.benchmarks.card``: the works of ``make bench`` on a CUDA card.

Seconds of an epoch and of a full ranking between two events of the card, after a warm-up: the median, the least and
the most. Plain: an epoch whose steps are launched one operation after the other, and not replayed (one, not a median).
MiB: the most that torch held of the card's memory, the data included. f64, f32: the largest relative difference
between the losses of the same steps on the CPU and on the card, without dropout, in either precision, each with the
share of users whose rank differs after these steps.
"""

import gc
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import torch

from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.plan import Plan
from attrec_bench.run import on_device
from attrec_bench.training.steps import Step, in_its_fastest_form, plainly, stepping
from attrec_bench.training.trainer import as_module, train_epoch
from attrec_bench.training.uncompiled import made
from tests.benchmarks.__main__ import load
from tests.benchmarks.environments import OWN
from tests.benchmarks.ours import DATA, WARM_UP, data_of, planned
from tests.benchmarks.works import EPOCH, WORKS
from tests.test_device import losses_of, on, without_dropout

CPU, CARD = torch.device("cpu"), torch.device("cuda")
STEPS = 8
"""Steps whose losses are compared."""
EPOCHS, RANKINGS = 5, 9
"""How many of them the medians are taken of."""


def events(work: Callable[[], object]) -> float:
    """Return the seconds of a piece of work between two events of the card."""
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    start.record()
    work()
    stop.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(stop)) / 1000


def costs(run: Plan) -> tuple[list[float], list[float], float]:
    """Return the seconds of each epoch and of each ranking on the card, and of an epoch that is not replayed."""
    model = on_device(run.build_model(), CARD)
    data = data_of(run, model, CARD)
    optimizer = made(in_its_fastest_form(run.optimizer, CARD), as_module(model).parameters())
    few = replace(data, firsts=data.firsts[: WARM_UP * data.batch_size])

    def epochs(step: Step, number: int) -> list[float]:
        train_epoch(model, few, step, 0)
        return [events(partial(train_epoch, model, data, step, n)) for n in range(1, number + 1)]

    timed = epochs(stepping(model, optimizer, CARD), EPOCHS)
    (plain,) = epochs(plainly(model, optimizer), 1)
    asked = queries(run.split.known, run.split.test, maxlen=model.maxlen, device=CARD)
    model.eval()
    ranks(model, asked)
    return timed, [events(partial(ranks, model, asked)) for _ in range(RANKINGS)], plain


def apart(run: Plan, cast: str) -> tuple[float, float]:
    """Take the same steps on both -> (largest relative difference of a loss, share of users with another rank)."""
    torch.set_num_threads(os.cpu_count() or 1)
    told, ranked = [], []
    for device in (CPU, CARD):
        model = without_dropout(getattr(on_device(run.build_model(), device), cast)())
        given = islice(data_of(run, model, CPU).epoch(1), STEPS)
        told.append(losses_of(model, (on(batch, device) for batch in given), partial(made, run.optimizer)))
        ranked.append(ranks(model, queries(run.split.known, run.split.test, maxlen=model.maxlen, device=device)))
    furthest = max(abs(one - other) / abs(one) for one, other in zip(*told, strict=True))
    return furthest, float((ranked[0] != ranked[1]).mean())


def line(title: str, overrides: Sequence[str]) -> str:
    """Measure one work -> its line."""
    run = planned([DATA, *overrides])
    gc.collect()  # what the work before has recorded
    torch.cuda.reset_peak_memory_stats()
    *timed, plain = costs(run)
    peak = torch.cuda.max_memory_allocated() / 2**20
    shown = "".join(
        f"{value:10.4f}" for seconds in timed for value in (statistics.median(seconds), min(seconds), max(seconds))
    )
    compared = "".join(f"{loss:9.1e}{share:8.2%}" for loss, share in (apart(run, "double"), apart(run, "float")))
    return f"{title:38}{shown}{plain:9.4f}{peak:7.0f}{compared}"


def main() -> None:
    if not torch.cuda.is_available():
        print("skipped: torch finds no CUDA card")
        return
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {load()}\n{__doc__}")
    columns = "".join(f"{name:>10}" for name in ("epoch s", "least", "most", "ranking s", "least", "most"))
    print(f"{'':38}{columns}{'plain s':>9}{'MiB':>7}{'f64':>9}{'ranks':>8}{'f32':>9}{'ranks':>8}")
    words = " ".join(sys.argv[1:])
    for work in WORKS:
        if work.ours.environment == OWN and work.kind == EPOCH and words in work.title:
            print(line(work.title, work.ours.arguments), flush=True)


if __name__ == "__main__":
    main()
