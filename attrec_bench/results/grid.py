"""Table -> the grid of words that every format for people decorates, so that all of them say the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from attrec_bench.results.tables import DIGITS, MODEL, Cell, Table

IMPROVEMENT = "improvement"
"""Kind of the line below the rows that says by how much the best model is better than the baseline."""


@dataclass(frozen=True)
class Shown:
    """One cell: its text, its place (BEST, SECOND or None) and the marks that notes explain."""

    text: str
    place: int | None = None
    marks: str = ""


@dataclass(frozen=True)
class Line:
    """One line of the grid; lines of one kind stand together. The first cell is the label, the last counts seeds."""

    kind: str
    cells: tuple[Shown, ...]


def header(table: Table) -> list[str]:
    """Names of the columns."""
    return ["model", *table.metrics, "seeds"]


def lines(table: Table) -> list[Line]:
    """Rows of the table and, where there is one, the improvement."""
    rows = []
    for row in table.rows:
        label = row.label if row.kind == MODEL else f"{row.label} [{row.kind}]"
        cells = [Shown(value(cell), cell.place, "".join(cell.marks)) for cell in row.cells]
        rows.append(Line(row.kind, (Shown(label), *cells, Shown(str(len(row.records))))))
    if table.improvement is None:
        return rows
    gains = ["" if share is None else f"{share:+.1%}" for share in table.improvement.shares]
    label = f"Improv. of {table.improvement.model} over {table.improvement.baseline}"
    return [*rows, Line(IMPROVEMENT, tuple(map(Shown, (label, *gains, ""))))]


def value(cell: Cell) -> str:
    """Mean ± half of its interval; the mean alone where one seed gives no interval."""
    mean = f"{cell.mean:.{DIGITS}f}"
    return mean if cell.interval is None else f"{mean} ± {(cell.interval[1] - cell.interval[0]) / 2:.{DIGITS}f}"


def paragraphs(table: Table) -> Sequence[str]:
    """What stands below the grid."""
    return (table.caption, *table.notes)
