"""Learning curves: for each row the monitored metric on validation and the loss, epoch by epoch, a line a seed."""

from collections.abc import Sequence

from attrec_bench.report.chart import Axes, Series, chart
from attrec_bench.report.hits import legend
from attrec_bench.report.part import Material, Part, element, paragraph
from attrec_bench.results.record import Record
from attrec_bench.results.tables import Row

NAME, TITLE = "learning", "Learning curves"
WORDS = (
    "A line is a seed, which its name brings out; the marker is the epoch that was chosen on validation. The upper "
    "picture is the metric that chose it, on one scale for all models that share it, the lower one the training loss, "
    "which cannot be compared between models. Nothing here is of the test."
)
SMALL = (260.0, 160.0)


def learning(material: Material) -> Part:
    """Return a pair of small pictures for each row that learns by epochs."""
    rows = [row for row in material.table.rows if _learns(row)]
    if not rows:
        return Part(NAME, TITLE, missing="they need a model that learns by gradient, as model=attrec or model=bprmf")
    spans = _spans(rows)
    figures = "\n".join(_figure(row, spans) for row in rows)
    seeds = sorted({record.config["seed"] or 0 for row in rows for record in row.records})
    names = legend([Series(f"seed {seed}", (), style=seed) for seed in seeds])
    body = f'{paragraph(WORDS)}\n<div class="charts">{names}\n<div class="small">\n{figures}\n</div></div>'
    return Part(NAME, TITLE, body)


def _learns(row: Row) -> bool:
    return row.records[0].config["train"] is not None and any(record.history for record in row.records)


def _monitor(row: Row) -> str:
    return str(row.records[0].config["train"]["monitor"])


def _spans(rows: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """Monitor -> lowest and highest of its values, over all rows."""
    values: dict[str, list[float]] = {}
    for row in rows:
        found = [value for record in row.records for _, value in _points(record, _monitor(row))]
        values.setdefault(_monitor(row), []).extend(found)
    return {monitor: (min(found), max(found)) for monitor, found in values.items() if found}


def _figure(row: Row, spans: dict[str, tuple[float, float]]) -> str:
    monitor = _monitor(row)
    pictures = []
    for name, axis in ((monitor, f"{monitor}, validation"), ("loss", "training loss")):
        series = [_series(record, name) for record in row.records if _points(record, name)]
        if series:
            axes = Axes("epoch", axis, span=spans.get(name), whole=True)
            pictures.append(chart(series, axes, f"{axis} of {row.label} by epoch", *SMALL))
    return f"<figure>{element('figcaption', row.label)}{''.join(pictures)}</figure>"


def _points(record: Record, name: str) -> tuple[tuple[float, float], ...]:
    """(epoch, value) of the epochs that have one: not every epoch is validated."""
    return tuple((float(row["epoch"]), float(row[name])) for row in record.history if name in row)


def _series(record: Record, name: str) -> Series:
    points = _points(record, name)
    chosen = tuple(point for point in points if point[0] == record.epochs)
    seed = record.config["seed"] or 0
    return Series(f"seed {seed}", points, style=seed, marked=chosen)
