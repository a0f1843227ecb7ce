"""Tables -> csv: tidy, a line for each row and metric with all that is known of it; wide, a line for each row."""

import csv
import io
from collections.abc import Iterable, Sequence

from attrec_bench.evaluation.comparison import Comparison
from attrec_bench.results.record import text
from attrec_bench.results.tables import Cell, Table

ROW_COLUMNS = ("dataset", "data_sha256", "protocol", "row", "model", "kind")
CELL_COLUMNS = ("metric", "mean", "sd", "n", "low", "high", "place", "marks")
COMPARISON_COLUMNS = (
    *("baseline", "users", "difference", "difference_low", "difference_high", "p", "p_holm"),
    *("effect", "wins", "ties", "losses", "detectable"),
)
PUBLISHED_COLUMNS = ("published", "published_difference", "published_within", "published_source", "published_verdict")
CSV_COLUMNS = (*ROW_COLUMNS, *CELL_COLUMNS, *COMPARISON_COLUMNS, *PUBLISHED_COLUMNS)


def tidy_csv(tables: Sequence[Table]) -> str:
    """One line for each (row, metric), numbers in full; what is not known, as sd of one seed, is empty."""
    return _written(CSV_COLUMNS, (line for table in tables for line in _tidy_lines(table)))


def wide_csv(tables: Sequence[Table]) -> str:
    """One line for each row: the mean of each metric, and its interval as METRIC low and METRIC high."""
    metrics = list(dict.fromkeys(metric for table in tables for metric in table.metrics))
    columns = [*ROW_COLUMNS, "n", *(f"{metric}{end}" for metric in metrics for end in ("", " low", " high"))]
    return _written(columns, (line for table in tables for line in _wide_lines(table, metrics)))


def _tidy_lines(table: Table) -> Iterable[list[object]]:
    compared = {(each.model, each.metric): each for each in table.comparisons}
    for shared, row in zip(_row_values(table), table.rows, strict=True):
        for metric, cell in zip(table.metrics, row.cells, strict=True):
            cells = [cell.mean, cell.sd, cell.n, *_ends(cell), cell.place, "".join(cell.marks)]
            comparison = _comparison_values(compared.get((row.label, metric)))
            yield [*shared, metric, *cells, *comparison, *_published_values(table, row.label, metric)]


def _wide_lines(table: Table, metrics: Sequence[str]) -> Iterable[list[object]]:
    for shared, row in zip(_row_values(table), table.rows, strict=True):
        held = dict(zip(table.metrics, row.cells, strict=True))
        values = [(held[metric].mean, *_ends(held[metric])) if metric in held else (None,) * 3 for metric in metrics]
        yield [*shared, len(row.records), *(number for cell in values for number in cell)]


def _row_values(table: Table) -> list[list[object]]:
    protocol = " ".join(f"{key}={text(value)}" for key, value in table.protocol.items())
    return [[table.data["name"], table.data["sha256"], protocol, row.label, row.model, row.kind] for row in table.rows]


def _ends(cell: Cell) -> tuple[float | None, float | None]:
    return cell.interval or (None, None)


def _comparison_values(each: Comparison | None) -> list[object]:
    """Values of COMPARISON_COLUMNS."""
    if each is None:
        return [None] * len(COMPARISON_COLUMNS)
    found = [each.baseline, each.users, each.difference, *each.interval, each.p, each.corrected]
    return [*found, each.effect, each.wins, each.ties, each.losses, each.detectable]


def _published_values(table: Table, row: str, metric: str) -> list[object]:
    """Values of PUBLISHED_COLUMNS for the most comparable published value."""
    found = [each for each in table.published if (each.row, each.metric) == (row, metric)]
    if not found:
        return [None] * len(PUBLISHED_COLUMNS)
    first = found[0]
    return [first.theirs.value, first.difference, first.within, first.theirs.source, first.verdict]


def _written(columns: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")  # it writes a float in full and None as nothing
    writer.writerow(columns)
    writer.writerows(lines)
    return out.getvalue()
