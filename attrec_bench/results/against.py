"""Table -> the same table with its models compared with the strongest baseline: marks, improvement, notes.

    †  better than the baseline after Holm's correction over the table      ‡  worse
    ↓  a model that learns by gradient and stands below Popularity, which only counts

Randomness is fixed: the same records give the same table, and two rows the same interval and p in any table of theirs,
mirrored where they change roles; Holm's correction counts the tests of the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from attrec_bench.errors import require, require_choice
from attrec_bench.evaluation.comparison import SIGN_FLIP, TESTS, Comparison, compare
from attrec_bench.evaluation.metrics import per_user
from attrec_bench.evaluation.statistics import Array
from attrec_bench.results import against_notes, cautions
from attrec_bench.results.draws import draw_of, draws, whole
from attrec_bench.results.named import NOT_COMPARED, absent, named
from attrec_bench.results.record import Record
from attrec_bench.results.tables import CEILING, DIGITS, MODEL, Cell, Improvement, Row, Table
from attrec_bench.results.verdicts import BETTER, WORSE, Family, marks_explained

BELOW_POPULARITY = "↓"
POPULARITY = "popularity"

BASELINES = "baselines."
"""Where the classes of baselines live; a model from elsewhere (AttRec, a user's own) is what they are there for."""

SEED = 0
"""Of sign flips and resamples."""


def compared(
    tables: Sequence[Table], against: str | None = None, test: str = SIGN_FLIP, ours: str | None = None
) -> list[Table]:
    """Each table with its comparisons. ``against`` names the baseline, a row or a model that has one row; a table that
    lacks it is not compared, and a note says so.

    Without it the baseline is the row with the highest value in the first column among the baselines, floors too; in a
    table without baselines, among its models. ``ours`` names in the same way whose improvement over the baseline the
    last line tells, in the tables that have it; without it that of the best model that is no baseline. Raises
    InputError where no table has these rows, where both are one row, and for an unknown test.
    """
    require_choice("test", test, TESTS)
    for key, name in (("against", against), ("ours", ours)):
        if name is not None and not any(named(table, name) for table in tables):
            labels = sorted({row.typed for table in tables for row in table.rows})
            require_choice(f"{key}, a row of the table,", name, labels)
    noted = [replace(table, notes=(*table.notes, *absent(table, against, ours))) for table in tables]
    return [_compared(_below_popularity(table), against, test, ours) for table in noted]


def _compared(table: Table, against: str | None, test: str, ours: str | None) -> Table:
    baseline = named(table, against) if against is not None else _strongest(table)
    rows = [row for row in table.rows if row.kind == MODEL and row is not baseline]
    if baseline is None or not rows:
        return table
    own = None if ours is None else named(table, ours)
    models = [row.typed for row in rows]
    rule = f"ours must be a model that is compared with {baseline.typed} ({', '.join(models)})"
    require(own is None or own.typed in models, rule, ours)
    alike, notes = _comparable(baseline, rows)
    values = {
        (row.label, metric): user_values(row.records, metric) for row in (baseline, *alike) for metric in table.metrics
    }
    found = compare(values, baseline.label, table.metrics, np.random.default_rng(SEED), test)
    paired = {row.label: row.records for row in (baseline, *alike)}
    over = "seeds and tie draws" if any(len(draws(records)) > 1 for records in paired.values()) else "seeds"
    # In a table of no baselines the best of all is compared with: none of the others improves on it.
    fair = against is not None or _is_baseline(baseline)
    chosen = "" if against is not None else "the strongest baseline" if fair else "the strongest model"
    family = Family(found, test, chosen, over)
    best = _challenger(alike) if fair else None
    challenger = best if ours is None else next((row for row in alike if row is own), None)
    shown = [_marked(row, table.metrics, found) for row in table.rows]
    improvement = None if challenger is None else _improvement(challenger, baseline)
    marked = {row.label: row.records for row in shown if any({BETTER, WORSE} & set(cell.marks) for cell in row.cells)}
    return replace(
        table,
        rows=tuple(shown),
        family=family,
        improvement=improvement,
        notes=(
            *(*table.notes, *notes, *marks_explained(family, table.metrics[0])),
            *against_notes.contrary(found),
            *against_notes.of_these_runs(found, paired),
            *([] if improvement is None else _unsure(improvement, table.metrics, found)),
            *cautions.one_seed(marked, baseline.records),
        ),
        details=(*table.details, *against_notes.differences(found, table.metrics[0], test, paired)),
    )


def _strongest(table: Table) -> Row | None:
    candidates = [row for row in table.rows if row.kind != CEILING and _is_baseline(row)]
    if not any(row.kind == MODEL for row in table.rows):
        return None
    return max(
        candidates or [row for row in table.rows if row.kind == MODEL], key=lambda row: (row.cells[0].mean, row.typed)
    )


def _is_baseline(row: Row) -> bool:
    return str(row.records[0].config["model"]["_target_"]).startswith(BASELINES)


def _challenger(rows: Sequence[Row]) -> Row | None:
    """Return the strongest model that is not a baseline, by the first column; None where all are."""
    own = [row for row in rows if not _is_baseline(row)]
    return max(own, key=lambda row: (row.cells[0].mean, row.typed)) if own else None


def _improvement(ours: Row, baseline: Row) -> Improvement:
    pairs = zip(ours.cells, baseline.cells, strict=True)
    shares = (our.mean / their.mean - 1 if their.mean else None for our, their in pairs)
    return Improvement(ours.label, baseline.label, tuple(shares))


def _unsure(improvement: Improvement, metrics: Sequence[str], found: Sequence[Comparison]) -> list[str]:
    shares = dict(zip(metrics, improvement.shares, strict=True))
    return cautions.unsure(shares, [each for each in found if each.model == improvement.model])


def _comparable(baseline: Row, rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Return the rows that can be paired with the baseline user by user, and a note for each reason on the others."""
    why = {row.label: _why_not(row, baseline) for row in rows}
    apart: dict[str, list[str]] = {}
    for label, reason in why.items():
        if reason:
            apart.setdefault(reason, []).append(label)
    notes = [f"{NOT_COMPARED} {baseline.label}, since {said}: {', '.join(labels)}" for said, labels in apart.items()]
    return [row for row in rows if not why[row.label]], notes


def _why_not(row: Row, baseline: Row) -> str:
    """Return why a row and the baseline have no pairs of values; nothing where they have."""
    users = baseline.records[0].users
    if not all(np.array_equal(record.users, users) for record in (*baseline.records, *row.records)):
        return "the test users are not the same"
    if not all(whole(each.records) for each in (row, baseline)):
        return "some runs of seeds x tie draws are missing"
    return "" if draws(row.records) == draws(baseline.records) else "the tie draws are not the same"


def _run(record: Record) -> tuple[int, int]:
    """Return seed and tie draw, -1 for none."""
    seed, draw = record.config["seed"], draw_of(record)
    return -1 if seed is None else seed, -1 if draw is None else draw


def user_values(records: Sequence[Record], metric: str) -> Array:
    """Records of one row, all seeds x all tie draws -> its metric for each user, [S, K, n].

    Tie draws are records of one seed that differ in the seed of the tie order.
    """
    by_run = {_run(record): record for record in records}
    seeds, draws = (sorted({run[axis] for run in by_run}) for axis in (0, 1))
    return np.array([[_of_users(by_run[seed, draw], metric) for draw in draws] for seed in seeds])


def _of_users(record: Record, metric: str) -> Array:
    """Return [n users], in the order of the users."""
    return per_user(metric, record.ranks, record.users)


def _marked(row: Row, metrics: Sequence[str], found: Sequence[Comparison]) -> Row:
    marks = {
        each.metric: BETTER if each.difference > 0 else WORSE
        for each in found
        if each.model == row.label and cautions.marked(each)
    }
    return _with_marks(row, metrics, marks)


def _with_marks(row: Row, metrics: Sequence[str], marks: Mapping[str, str]) -> Row:
    pairs = zip(row.cells, metrics, strict=True)
    cells: list[Cell] = [
        replace(cell, marks=(*cell.marks, marks[metric])) if metric in marks else cell for cell, metric in pairs
    ]
    return replace(row, cells=tuple(cells))


def _below_popularity(table: Table) -> Table:
    """Mark the cells of models that learn by gradient and stand below Popularity."""
    floors = [row for row in table.rows if row.model == POPULARITY]
    if not floors:
        return table
    rows, low = [], False
    for row in table.rows:
        learns = row.records[0].config["train"] is not None and row.kind == MODEL
        pairs = zip(table.metrics, row.cells, floors[0].cells, strict=True)
        marks = {metric: BELOW_POPULARITY for metric, cell, floor in pairs if learns and _shown_below(cell, floor)}
        rows.append(_with_marks(row, table.metrics, marks))
        low = low or bool(marks)
    note = f"{BELOW_POPULARITY} below Popularity: it has learnt less than counting gives"
    return replace(table, rows=tuple(rows), notes=(*table.notes, *([note] if low else [])))


def _shown_below(cell: Cell, floor: Cell) -> bool:
    """Whether a value is the lower by the digits that are shown: what looks equal is equal."""
    return round(cell.mean, DIGITS) < round(floor.mean, DIGITS)
