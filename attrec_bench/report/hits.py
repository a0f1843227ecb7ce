"""HR@k of every row, k from 1 to 100, from the stored ranks: where along the list the models part."""

from html import escape

import numpy as np

from attrec_bench.evaluation.metrics import means
from attrec_bench.report.chart import Axes, Series, chart, swatch
from attrec_bench.report.part import Material, Part, boxed_table, paragraph
from attrec_bench.results.tables import DIGITS, Row

CUTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
TICKS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
WORDS = "Mean over the runs of a row, on test; k on a logarithmic scale. The name of a row brings out its line."


def hits(material: Material) -> Part:
    """Return one picture of all rows and its numbers."""
    table = material.table
    cuts = [k for k in CUTS if k <= table.data["items"]]
    curves = {row.label: curve(row, cuts) for row in table.rows}
    series = [
        Series(label, tuple(zip(map(float, cuts), values, strict=True)), style)
        for style, (label, values) in enumerate(curves.items())
    ]
    ticks = tuple(k for k in TICKS if k <= cuts[-1])
    drawn = chart(series, Axes("k", "HR@k", log=True, ticks=ticks), f"HR@k of {len(series)} models by k")
    rows = [[label, *(f"{value:.{DIGITS}f}" for value in values)] for label, values in curves.items()]
    numbers = boxed_table(["model", *map(str, cuts)], rows, "HR@k by k")
    body = f'{paragraph(WORDS)}\n<figure class="beside charts">{drawn}\n{legend(series)}</figure>\n'
    return Part("hits", "HR@k", f"{body}<details><summary>The numbers</summary>{numbers}</details>")


def curve(row: Row, cuts: list[int]) -> list[float]:
    """Row -> HR@k for each k, the mean over its runs."""
    names = [f"HR@{k}" for k in cuts]
    each = [list(means(record.ranks, names, record.users).values()) for record in row.records]
    return [float(value) for value in np.mean(each, axis=0)]


def legend(series: list[Series]) -> str:
    """Return a button for each line, which brings it out."""
    buttons = "".join(
        f'<li><button type="button" aria-pressed="false" data-series="{escape(each.label)}">'
        f"{swatch(each.style)}{escape(each.label)}</button></li>"
        for each in series
    )
    return f'<ul class="legend">{buttons}</ul>'
