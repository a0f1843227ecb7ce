"""Table -> the grid of words that every format for people decorates, so that all of them say the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from attrec_bench.results.against import BELOW_POPULARITY
from attrec_bench.results.draws import draws, runs
from attrec_bench.results.published.beside import Beside
from attrec_bench.results.tables import BEST, DIGITS, MODEL, SECOND, Cell, Table
from attrec_bench.results.verdicts import BETTER, WORSE

SIGNS = {BETTER: "better than the baseline", WORSE: "worse than it", BELOW_POPULARITY: "below Popularity"}
"""Marks of cells, in a few words; the notes say more."""

LABEL = "model"
"""Heads the column of the labels."""

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


@dataclass(frozen=True)
class Block:
    """The columns of one data set, between the label and the number of seeds."""

    title: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """What a format draws: a block of columns for each of the ``tables``, and what stands below them.

    ``sentences``, ``background``, ``notes`` and ``details`` are as those of a Table; ``seeds`` heads the last column.
    """

    tables: tuple[Table, ...]
    blocks: tuple[Block, ...]
    seeds: str
    lines: tuple[Line, ...]
    sentences: tuple[str, ...]
    background: tuple[str, ...]
    notes: tuple[str, ...]
    details: tuple[str, ...]

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        return [LABEL, *(column for block in self.blocks for column in block.columns), self.seeds]

    @property
    def caption(self) -> str:
        """The sentences and their background as one paragraph."""
        return " ".join((*self.sentences, *self.background))

    def by_block(self) -> "list[Grid]":
        """Return a grid with the same rows for each data set, of which the text below is left to this one."""
        found, at = [], 1
        for table, block in zip(self.tables, self.blocks, strict=True):
            until = at + len(block.columns)
            lines = tuple(
                replace(each, cells=(each.cells[0], *each.cells[at:until], each.cells[-1])) for each in self.lines
            )
            found.append(replace(self, tables=(table,), blocks=(block,), lines=lines))
            at = until
        return found

    def paragraphs(self, styled: bool = True) -> list[str]:
        """Return what stands below the grid, the caption first; the legend only where the cells are ``styled``."""
        return [self.caption, *(legend(self.tables) if styled else []), *self.notes, *self.details]


def grid_of(table: Table) -> Grid:
    """Return the grid of a table that stands alone."""
    _, *columns, seeds = header(table)
    return Grid(
        tables=(table,),
        blocks=(Block(table.data["name"], tuple(columns)),),
        seeds=seeds,
        lines=tuple(lines(table)),
        sentences=table.sentences,
        background=table.background,
        notes=(*sources([table]), *table.notes),
        details=table.details,
    )


def header(table: Table) -> list[str]:
    """Names of the columns."""
    shown = _published_metric(table)
    several = any(len(draws(row.records)) > 1 for row in table.rows)
    published = [] if shown is None else [f"published {shown}"]
    return [LABEL, *table.metrics, *published, "seeds x draws" if several else "seeds"]


def _published_metric(table: Table) -> str | None:
    """Return the first metric of the table for which anything is published; the others stand in the notes."""
    metrics = {each.metric for each in table.published}
    return next((metric for metric in table.metrics if metric in metrics), None)


def lines(table: Table) -> list[Line]:
    """Rows of the table and, where there is one, the improvement."""
    rows, column = [], _published_metric(table)
    for row in table.rows:
        label = row.label if row.kind == MODEL else f"{row.label} [{row.kind}]"
        cells = [Shown(value(cell), cell.place, "".join(cell.marks)) for cell in row.cells]
        cells += [] if column is None else [_published(_beside(table, row.label, column))]
        rows.append(Line(row.kind, (Shown(label), *cells, Shown(runs(row.records)))))
    if table.improvement is None:
        return rows
    gains = ["" if share is None else _gain(share) for share in table.improvement.shares]
    label = f"Improv. of {table.improvement.model} over {table.improvement.baseline}"
    rest = [""] * (len(header(table)) - 1 - len(gains))
    return [*rows, Line(IMPROVEMENT, tuple(map(Shown, (label, *gains, *rest))))]


def _gain(share: float) -> str:
    """Return a share with its sign, which one that is shown as 0 has not."""
    shown = round(share, 3)
    return f"{shown:+.1%}" if shown else "0.0%"


def _beside(table: Table, row: str, metric: str) -> Beside | None:
    """Return the most comparable value that is published beside a cell."""
    return next((each for each in table.published if (each.row, each.metric) == (row, metric)), None)


def _published(beside: Beside | None) -> Shown:
    """Return the published value; in parentheses where it is not comparable, as the notes explain."""
    if beside is None:
        return Shown("")
    number = f"{beside.theirs.value:.{DIGITS}f}"
    return Shown(f"({number})" if beside.reasons else number)


def value(cell: Cell) -> str:
    """Mean ± half of its interval; the mean alone where there is none, as for one run."""
    mean = f"{cell.mean:.{DIGITS}f}"
    return mean if cell.interval is None else f"{mean} ± {(cell.interval[1] - cell.interval[0]) / 2:.{DIGITS}f}"


def legend(tables: Sequence[Table]) -> list[str]:
    """Return the sentence on what bold, underlined and marked values are, where there are such."""
    cells = [cell for table in tables for row in table.rows for cell in row.cells]
    styles = {BEST: "in bold the best", SECOND: "underlined the second"}
    places = [words for place, words in styles.items() if any(cell.place == place for cell in cells)]
    marks = [mark for mark in SIGNS if any(mark in cell.marks for cell in cells)]
    told = [
        *([f"{' and '.join(places)} value of a column, floors and ceilings apart"] if places else []),
        *([f"{', '.join(f'{mark} {SIGNS[mark]}' for mark in marks)}, as told below"] if marks else []),
    ]
    sentence = "; ".join(told)
    return [f"{sentence[0].upper()}{sentence[1:]}."] if sentence else []


def sources(tables: Sequence[Table]) -> list[str]:
    """Return whose the values in the published columns are, and what parentheses mean there."""
    columns = [(table, column) for table in tables if (column := _published_metric(table)) is not None]
    values = [_beside(table, row.label, column) for table, column in columns for row in table.rows]
    shown = [each for each in values if each is not None]
    if not shown:
        return []
    names = "; ".join(dict.fromkeys(each.theirs.source for each in shown))
    apart = "; in parentheses those that cannot be compared with ours" if any(each.reasons for each in shown) else ""
    return [f"Published values: {names}{apart}."]
