"""Records -> Table: plain data from which every format is made, so that all formats say the same.

    one table   (data, protocol): records that were made under different protocols never share one
    one row     (model, configuration), over its seeds: mean and standard deviation (n - 1);
                with tie_order=random over seeds x tie draws (see draws.py)
    one column  a metric; all are higher is better

A table is the work of one program (see program.py). Of two records of one seed (same data under two names) the newer
counts. The notes say what was left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from attrec_bench.errors import InputError, require_choice
from attrec_bench.evaluation.comparison import Comparison
from attrec_bench.evaluation.metrics import means
from attrec_bench.results import captions, cautions, draws
from attrec_bench.results.grouping import Part, newest_of_each_seed, parts_of
from attrec_bench.results.labels import labels, said_anyway, unsaid
from attrec_bench.results.published.beside import Beside
from attrec_bench.results.record import Record, digest
from attrec_bench.results.titles import Names, require_apart
from attrec_bench.results.verdicts import Family

DEFAULT_METRICS = ("HR@10", "HR@50", "NDCG@10", "MRR")
FLOORS, CEILINGS = ("random", "popularity", "markov"), ("oracle",)
"""Models that bound a metric. They are set apart and take no part in best and second."""

DIGITS = 4
"""After the point, in every format: what looks equal is equal, so best and second are told by these digits."""

NOTES = ("full", "short")
"""How much a table says of itself: everything, or what a reader needs beside the numbers."""

FLOOR, MODEL, CEILING = "floor", "model", "ceiling"
BEST, SECOND = 1, 2

TYPED = Names()
"""Everything is called as one types it."""


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
    """A model in one configuration. ``kind`` is FLOOR, MODEL or CEILING; ``cells`` are in the order of the metrics.

    ``label`` is what is shown, ``typed`` the label with the model's own name, by which a command may ask for the row.
    """

    label: str
    typed: str
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

    ``family`` are the tests against one baseline, ``improvement`` is that of the best model that is none; ``published``
    are others' values beside ours, the most comparable of a row first; ``apart`` are the data set's own settings that
    tell it from others of its name, and ``typed`` is its own name, whatever it is called.
    """

    data: Mapping[str, Any]
    protocol: Mapping[str, Any]
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    family: Family | None = None
    improvement: Improvement | None = None
    published: tuple[Beside, ...] = ()
    background: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    apart: Mapping[str, Any] = field(default_factory=dict)
    typed: str = ""

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The tests of the family, none where nothing was compared."""
        return tuple(self.family.found) if self.family else ()

    @property
    def subject(self) -> captions.Subject:
        """What the caption is about."""
        records = [record for row in self.rows for record in row.records]
        return captions.Subject(self.data["name"], self.apart, records, list(seeds_of(self.rows).values()))

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
    records: Sequence[Record],
    metrics: Sequence[str] = DEFAULT_METRICS,
    notes: Sequence[str] = (),
    names: Names = TYPED,
    joined: bool = False,
) -> list[Table]:
    """Records -> one table for each (data, protocol), ordered by the data set's name.

    Values are computed from the stored ranks, so any HR@K and NDCG@K can be asked for. ``notes`` say of every table
    what was left out before, which is among its details. ``joined`` gives tables of one protocol labels that mean the
    same in all of them, so that they can stand side by side.
    Raises InputError for no records, no metrics, an unknown metric or names that are not there or not apart.
    """
    if not records:
        raise InputError("a table needs at least one record; attrec-bench run makes one")
    if not metrics:
        raise InputError("metrics must name at least one metric")
    made = [
        _table(part, said_anyway([each.models for each in alike]), tuple(metrics), names)
        for part, alike in parts_of(records, notes, joined)
    ]
    names.require_known(
        sorted({row.typed for table in made for row in table.rows}),
        [word for record in records for word in (record.model, record.data["name"])],
    )
    require_apart("data sets", {table.typed: table.data["name"] for table in made})
    return sorted(made, key=lambda table: (table.typed, digest(table.protocol)))


def _table(part: Part, said: Mapping[str, Sequence[str]], metrics: tuple[str, ...], names: Names) -> Table:
    notes, details = list[str](), list(part.details)
    rows: list[Row] = []
    for variants in part.models:
        model = variants[0][0].model
        details += unsaid(variants, said[model], names.of_model(model))
        for typed, variant in zip(labels(variants, said[model]), variants, strict=True):
            label = names.of_row(typed, model)
            counted, left_out = newest_of_each_seed(variant)
            details += [f"{label}: {left_out}"] if left_out else []
            details += draws.spread(label, counted, metrics)
            notes += draws.missing(label, counted)
            rows.append(_row(label, typed, counted, metrics))
    require_apart("rows", {row.typed: row.label for row in rows})
    ordered = _marked(sorted(rows, key=_order))
    by_label = {row.label: row.records for row in ordered}
    notes += captions.unlisted({row.label: captions.seeds(row.records) for row in ordered}, seeds_of(ordered).values())
    notes += cautions.thin(by_label, {row.label: _intervals(row, metrics) for row in ordered})
    notes += cautions.draws_alone(by_label)
    notes += cautions.cut_short(by_label)
    notes += cautions.untaught(by_label)
    notes += captions.unequal("Tie draws", {row.label: draws.draws(row.records) for row in ordered})
    counted = [record for row in ordered for record in row.records]
    data = captions.data_of(counted)
    made = Table(
        data={**data, "name": names.of_dataset(data["name"])},
        protocol=draws.protocol_of(counted),
        metrics=metrics,
        rows=ordered,
        sentences=(),
        notes=tuple(notes),
        background=captions.background(counted, names.of_model),
        details=tuple(details),
        apart=part.apart,
        typed=data["name"],
    )
    return replace(made, sentences=captions.sentences(made.subject, metrics))


def _row(label: str, typed: str, records: Sequence[Record], metrics: Sequence[str]) -> Row:
    scores = [means(record.ranks, metrics, record.users) for record in records]
    values = np.array([[score[name] for name in metrics] for score in scores])  # [records, metrics]
    spread = values.std(axis=0, ddof=1) if len(records) > 1 else [None] * len(metrics)
    cells = tuple(
        Cell(float(each.mean()), None if sd is None else float(sd), len(records), interval=interval)
        for each, sd, interval in zip(values.T, spread, draws.intervals(records, values), strict=True)
    )
    model = records[0].model
    kind = FLOOR if model in FLOORS else CEILING if model in CEILINGS else MODEL
    return Row(label, typed, model, kind, cells, tuple(records))


def seeds_of(rows: Sequence[Row]) -> dict[str, tuple[int, ...]]:
    """Return the seeds of each model's row that has some; those of floors and ceilings count where no model has any."""
    every = {row.label: numbers for row in rows if (numbers := captions.seeds(row.records))}
    return {row.label: every[row.label] for row in rows if row.kind == MODEL and row.label in every} or every


def _intervals(row: Row, metrics: Sequence[str]) -> dict[str, tuple[float, float] | None]:
    return {metric: cell.interval for metric, cell in zip(metrics, row.cells, strict=True)}


def _order(row: Row) -> tuple[int, float, str]:
    return (FLOOR, MODEL, CEILING).index(row.kind), row.cells[0].mean, row.typed


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
