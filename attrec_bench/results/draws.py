"""Tie draws: random orders of the events of one second, a level of variation beside the seeds.

Where an order is undefined, one draw of it is one of many data sets that the file could as well have been. Records
that differ in nothing but ``tie_seed`` share a row, n seeds x K draws, so that a table tells how much of a difference
the undefined order alone can make. The two levels are crossed: what each moves can only be told, and put into an
interval, where every seed has a run in every draw.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attrec_bench.evaluation.metrics import means
from attrec_bench.evaluation.statistics import crossed_interval
from attrec_bench.results.record import Record

NO_SEED = "-"
"""What stands for the seed of a model that uses none, as where its runs are logged."""


def shared(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a protocol all records of a table share: all but the draw."""
    return {key: value for key, value in protocol.items() if key != "tie_seed" or protocol["tie_order"] != "random"}


def draw_of(record: Record) -> int | None:
    """Return the seed of the order of simultaneous events, None where that order is not random."""
    protocol = record.config["protocol"]
    return protocol["tie_seed"] if protocol.get("tie_order") == "random" else None


def draws(records: Sequence[Record]) -> tuple[int, ...]:
    """Tie draws of these records in ascending order; empty where the order is not random."""
    return tuple(sorted({draw for draw in map(draw_of, records) if draw is not None}))


def protocol_of(records: Sequence[Record]) -> dict[str, Any]:
    """Return the protocol of these records; of several draws all are listed."""
    drawn = draws(records)
    several = {"tie_seed": list(drawn)} if len(drawn) > 1 else {}
    return dict(records[0].config["protocol"]) | several


def runs(records: Sequence[Record]) -> str:
    """How many seeds, as a table shows it: ``5``, or ``5 x 3`` for five seeds and three draws; ``-`` without a seed."""
    drawn, seeds = len(draws(records)), {record.config["seed"] for record in records}
    shown = NO_SEED if seeds == {None} else str(len(seeds))
    return f"{shown} x {drawn}" if drawn > 1 else shown


def levels(records: Sequence[Record]) -> dict[str, int]:
    """How many values each level of variation of a row has, under the noun for one: ``{"seed": 5, "tie draw": 3}``.

    A model that uses no seed lacks that level, runs of one order lack that of the draws.
    """
    seeds, drawn = {record.config["seed"] for record in records}, draws(records)
    sizes = {"seed": len(seeds)} if seeds != {None} else {}
    return sizes | ({"tie draw": len(drawn)} if len(drawn) > 1 else {})


def whole(records: Sequence[Record]) -> bool:
    """Whether every seed of these records has a run in every tie draw of theirs."""
    return len(records) == math.prod(levels(records).values())


def spread(label: str, records: Sequence[Record], metrics: Sequence[str]) -> list[str]:
    """Return a note on a row of several draws, of which no run is missing: how far draws and seeds move it."""
    sizes = levels(records)
    if "tie draw" not in sizes or not whole(records):
        return []
    parts = [f"between {sizes['tie draw']} tie draws {_listed(metrics, _spread(records, draw_of, metrics))}"]
    if sizes.get("seed", 0) > 1:
        by_seed = _spread(records, lambda record: record.config["seed"], metrics)
        parts.append(f"between {sizes['seed']} seeds {_listed(metrics, by_seed)}")
    return [f"{label}: standard deviation {'; '.join(parts)}"]


def missing(label: str, records: Sequence[Record]) -> list[str]:
    """Return a note on a row of several draws that lacks some of its seeds x draws."""
    if whole(records):
        return []
    return [
        f"{label}: {len(records)} of {math.prod(levels(records).values())} runs (seeds x tie draws) are there, so that "
        "it has no interval: what the missing ones would move cannot be told from what seeds and draws do"
    ]


def intervals(records: Sequence[Record], values: NDArray[np.float64]) -> list[tuple[float, float] | None]:
    """Values [records, metrics] -> the interval of each metric's mean, None where a run of seeds x draws is missing.

    The records are in the order of their seeds and, within a seed, of their draws.
    """
    if not whole(records):
        return [None] * values.shape[1]
    drawn = max(1, len(draws(records)))
    return [crossed_interval(each.reshape(-1, drawn)) for each in values.T]


def _spread(
    records: Sequence[Record], level: Callable[[Record], int | None], metrics: Sequence[str]
) -> NDArray[np.float64]:
    """[metrics]: standard deviation (n - 1) of the means of each value of one level."""
    groups: dict[int | None, list[list[float]]] = {}
    for record in records:
        groups.setdefault(level(record), []).append(list(means(record.ranks, metrics, record.users).values()))
    by_level = np.array([np.mean(group, axis=0) for group in groups.values()])
    return np.asarray(by_level.std(axis=0, ddof=1))


def _listed(metrics: Sequence[str], values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.4f} {name}" for name, value in zip(metrics, values, strict=True))
