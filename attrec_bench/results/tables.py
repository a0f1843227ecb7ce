"""Records -> Table: plain data from which every format is made, so that all formats say the same.

    one table   (data, protocol): records that were made under different protocols never share one
    one row     (model, configuration), over its seeds: mean and standard deviation (n - 1);
                with tie_order=random over seeds x tie draws (see draws.py)
    one column  a metric; all are higher is better

A table is the work of one program (see program.py). Of two records of one seed (same data under two names) the newer
counts. The notes say what was left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from attrec_bench.errors import InputError, require_choice
from attrec_bench.evaluation.comparison import Comparison
from attrec_bench.evaluation.metrics import means
from attrec_bench.results import captions, cautions, draws
from attrec_bench.results.labels import differing, labels, settings_of, training_keys, unsaid
from attrec_bench.results.program import of_one_program
from attrec_bench.results.published.beside import Beside
from attrec_bench.results.record import Record, digest, flatten

DEFAULT_METRICS = ("HR@10", "HR@50", "NDCG@10", "MRR")
FLOORS, CEILINGS = ("random", "popularity", "markov"), ("oracle",)
"""Models that bound a metric. They are set apart and take no part in best and second."""

DIGITS = 4
"""After the point, in every format: what looks equal is equal, so best and second are told by these digits."""

NOTES = ("full", "short")
"""How much a table says of itself: everything, or what a reader needs beside the numbers."""

FLOOR, MODEL, CEILING = "floor", "model", "ceiling"
BEST, SECOND = 1, 2

Key = TypeVar("Key")


@dataclass(frozen=True)
class Cell:
    """One metric of one row over n runs.

    ``sd`` and ``interval``, the 95 % interval of the mean over seeds and tie draws, are None for one run, the interval
    also where a run of seeds x draws is missing; ``place`` is BEST, SECOND or None; ``marks`` are signs that a note
    explains.
    """

    mean: float
    sd: float | None
    n: int
    place: int | None = None
    interval: tuple[float, float] | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A model in one configuration. ``kind`` is FLOOR, MODEL or CEILING; ``cells`` are in the order of the metrics."""

    label: str
    model: str
    kind: str
    cells: tuple[Cell, ...]
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Improvement:
    """By which share of the baseline's value the model's is higher, in each metric; None where the former is 0."""

    model: str
    baseline: str
    shares: tuple[float | None, ...]


@dataclass(frozen=True)
class Table:
    """Rows of one data set under one protocol: floors first, then models, then ceilings, each from low to high.

    What it says of itself is kept in four parts: ``sentences`` on what is shown, the first of which can stand alone,
    and their ``background`` make the caption; ``notes`` explain marks and warn of numbers that mean less than they
    seem to; ``details`` are all other notes. ``short`` leaves out background and details.

    ``comparisons`` are of the models with one baseline, ``improvement`` of the best model that is none; ``published``
    are others' values beside ours, the most comparable of a row first.
    """

    data: Mapping[str, Any]
    protocol: Mapping[str, Any]
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    comparisons: tuple[Comparison, ...] = ()
    improvement: Improvement | None = None
    published: tuple[Beside, ...] = ()
    background: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def caption(self) -> str:
        """The sentences and their background as one paragraph."""
        return " ".join((*self.sentences, *self.background))


def told(made: Sequence[Table], notes: str) -> list[Table]:
    """Tables that say all they know (``notes`` is "full") or what a reader needs beside the numbers ("short").

    Raises InputError for another choice.
    """
    require_choice("notes", notes, NOTES)
    return [replace(table, background=(), details=()) if notes == "short" else table for table in made]


def tables(
    records: Sequence[Record], metrics: Sequence[str] = DEFAULT_METRICS, notes: Sequence[str] = ()
) -> list[Table]:
    """Records -> one table for each (data, protocol), ordered by the data set's name.

    Values are computed from the stored ranks, so any HR@K and NDCG@K can be asked for. ``notes`` say of every table
    what was left out before, which is among its details.
    Raises InputError for no records, no metrics or an unknown metric.
    """
    if not records:
        raise InputError("a table needs at least one record; attrec-bench run makes one")
    if not metrics:
        raise InputError("metrics must name at least one metric")
    groups = _group(records, lambda record: (record.data["sha256"], digest(draws.shared(record.config["protocol"]))))
    made = [_table(group, tuple(metrics), apart, notes) for group, apart in zip(groups, _apart(groups), strict=True)]
    return sorted(made, key=lambda table: (table.data["name"], digest(table.protocol)))


def _table(
    records: Sequence[Record], metrics: tuple[str, ...], apart: Mapping[str, Any], before: Sequence[str]
) -> Table:
    used, others = of_one_program(records)
    notes, details = list[str](), [*before, *others]
    rows: list[Row] = []
    models = [
        _group(same_model, lambda record: digest(settings_of(record)))
        for same_model in _group(used, lambda record: record.model)
    ]
    training = training_keys(models)
    for variants in models:
        details += unsaid(variants, training)
        for label, variant in zip(labels(variants, training), variants, strict=True):
            counted, left_out = _newest_of_each_seed(variant)
            details += [f"{label}: {left_out}"] if left_out else []
            details += draws.spread(label, counted, metrics)
            notes += draws.missing(label, counted)
            rows.append(_row(label, counted, metrics))
    ordered = _marked(sorted(rows, key=_order))
    counted = [record for row in ordered for record in row.records]
    seeded = [row for row in ordered if row.kind == MODEL] or ordered
    seeds = {row.label: captions.seeds(row.records) for row in seeded}
    by_label = {row.label: row.records for row in ordered}
    notes += captions.unequal("Seeds", seeds)
    notes += cautions.thin(by_label, {row.label: _intervals(row, metrics) for row in ordered})
    notes += cautions.draws_alone(by_label)
    notes += cautions.cut_short(by_label)
    notes += cautions.untaught(by_label)
    notes += captions.unequal("Tie draws", {row.label: draws.draws(row.records) for row in ordered})
    return Table(
        data=records[0].data,
        protocol=draws.protocol_of(counted),
        metrics=metrics,
        rows=ordered,
        sentences=captions.sentences(counted, metrics, apart, list(seeds.values())),
        notes=tuple(notes),
        background=captions.background(counted),
        details=tuple(details),
    )


def _row(label: str, records: Sequence[Record], metrics: Sequence[str]) -> Row:
    scores = [means(record.ranks, metrics, record.users) for record in records]
    values = np.array([[score[name] for name in metrics] for score in scores])  # [records, metrics]
    spread = values.std(axis=0, ddof=1) if len(records) > 1 else [None] * len(metrics)
    cells = tuple(
        Cell(float(each.mean()), None if sd is None else float(sd), len(records), interval=interval)
        for each, sd, interval in zip(values.T, spread, draws.intervals(records, values), strict=True)
    )
    model = records[0].model
    kind = FLOOR if model in FLOORS else CEILING if model in CEILINGS else MODEL
    return Row(label, model, kind, cells, tuple(records))


def _intervals(row: Row, metrics: Sequence[str]) -> dict[str, tuple[float, float] | None]:
    return {metric: cell.interval for metric, cell in zip(metrics, row.cells, strict=True)}


def _order(row: Row) -> tuple[int, float, str]:
    return (FLOOR, MODEL, CEILING).index(row.kind), row.cells[0].mean, row.label


def _marked(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Give the places: best and second of each column among the models, where there are two to compare."""
    shown = np.array([[round(cell.mean, DIGITS) for cell in row.cells] for row in rows if row.kind == MODEL])
    if len(shown) < 2:
        return tuple(rows)
    ladders = [sorted(set(column), reverse=True)[:2] for column in shown.T.tolist()]
    return tuple(row if row.kind != MODEL else _placed(row, ladders) for row in rows)


def _placed(row: Row, ladders: Sequence[Sequence[float]]) -> Row:
    """Ladders: for each column the best value shown and the second, if there is one."""
    places = [
        1 + ladder.index(round(cell.mean, DIGITS)) if round(cell.mean, DIGITS) in ladder else None
        for cell, ladder in zip(row.cells, ladders, strict=True)
    ]
    cells = tuple(replace(cell, place=place) for cell, place in zip(row.cells, places, strict=True))
    return replace(row, cells=cells)


def _apart(groups: Sequence[Sequence[Record]]) -> list[dict[str, Any]]:
    """For each group the data set's own settings by which it differs from other groups of that data set's name."""
    names = [group[0].data["name"] for group in groups]
    settings = [flatten(group[0].config["dataset"]) for group in groups]
    telling = {
        name: differing([own for own, other in zip(settings, names, strict=True) if other == name])
        for name in set(names)
    }
    return [{key: own[key] for key in telling[name] if key in own} for own, name in zip(settings, names, strict=True)]


def _newest_of_each_seed(records: Sequence[Record]) -> tuple[list[Record], str]:
    """Return the records in the order of their seeds and tie draws; and what was left out, in words."""
    by_age = sorted(records, key=lambda record: record.created)
    by_seed = {(record.config["seed"], draws.draw_of(record)): record for record in by_age}
    counted = sorted(by_seed.values(), key=lambda record: (record.config["seed"] or 0, draws.draw_of(record) or 0))
    twice = len(records) - len(counted)
    return counted, f"{captions.count(twice, 'older record')} of the same seed left out" if twice else ""


def _group(records: Iterable[Record], key: Callable[[Record], Key]) -> list[list[Record]]:
    """Records with equal keys together, groups in the order of their first record."""
    groups: dict[Key, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return list(groups.values())
