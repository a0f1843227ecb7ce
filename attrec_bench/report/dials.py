"""Curves over a setting, as w, L (maxlen) or d: rows of one model that differ in that key alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attrec_bench.report.chart import Axes, Series, chart
from attrec_bench.report.hits import legend
from attrec_bench.report.part import Material, Part, paragraph
from attrec_bench.results.record import digest, flatten
from attrec_bench.results.tables import Row

NAME, TITLE = "dials", "Curves over w, L, d"
FIRST = ("model.w", "model.maxlen", "model.d")
SYMBOLS = {"model.w": "w", "model.maxlen": "L (maxlen)", "model.d": "d"}
MISSING = (
    "they need one model at several values of a setting, all else equal: "
    "attrec-bench run -m model=attrec w=0.2,0.5,0.8 seed=0,1,2"
)
WIDE = 10
"""Ratio of a setting's largest to its smallest value above which its axis is logarithmic."""

SMALL = (260.0, 190.0)


@dataclass(frozen=True)
class Dial:
    """Rows that differ in one number alone, in its order."""

    key: str
    label: str
    values: tuple[float, ...]
    rows: tuple[Row, ...]


def dials(material: Material) -> Part:
    """Return for each setting that was turned a small picture a metric, with its 95 % intervals."""
    found = turned(material.table.rows)
    if not found:
        return Part(NAME, TITLE, missing=MISSING)
    words = (
        "Mean on test with its 95 % interval, that of the table; one seed gives none. A curve shows how far a setting "
        "matters; choosing its value by it would be choosing on the test."
    )
    figures = "\n".join(
        _figures([each for each in found if each.key == key], key, material.table.metrics)
        for key in dict.fromkeys(each.key for each in found)
    )
    return Part(NAME, TITLE, f"{paragraph(words)}\n{figures}")


def turned(rows: Sequence[Row]) -> list[Dial]:
    """Return every group of rows of one model that differ in one number alone, w, L and d first."""
    settings = [flatten({part: row.records[0].config[part] or {} for part in ("model", "train")}) for row in rows]
    keys = dict.fromkeys([*FIRST, *(key for each in settings for key, value in each.items() if _number(value))])
    found = []
    for key in keys:
        groups: dict[str, list[tuple[float, Row]]] = {}
        for row, each in zip(rows, settings, strict=True):
            if _number(each.get(key)):
                rest = {name: value for name, value in each.items() if name != key}
                groups.setdefault(digest([row.model, rest]), []).append((float(each[key]), row))
        found += [_dial(key, group) for group in groups.values() if len(group) > 1]
    return found


def _dial(key: str, group: Sequence[tuple[float, Row]]) -> Dial:
    ordered = sorted(group, key=lambda pair: pair[0])
    values, rows = zip(*ordered, strict=True)
    return Dial(key, _shared_label(rows), values, rows)


def _shared_label(rows: Sequence[Row]) -> str:
    """["attrec (w=0.2, d=8)", "attrec (w=0.5, d=8)"] -> "attrec (d=8)": what the labels of the rows have in common."""
    words = [row.label.removeprefix(row.model).strip(" ()").split(", ") for row in rows]
    shared = [word for word in words[0] if all(word in each for each in words)]
    return f"{rows[0].model} ({', '.join(shared)})" if any(shared) else rows[0].model


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _figures(found: Sequence[Dial], key: str, metrics: Sequence[str]) -> str:
    series = [_series(each, style, 0) for style, each in enumerate(found)]
    name = SYMBOLS.get(key, key)
    ticks = tuple(sorted({value for each in found for value in each.values}))
    pictures = "\n".join(
        "<figure>"
        + chart(
            [_series(each, style, column) for style, each in enumerate(found)],
            Axes(name, metric, log=ticks[0] > 0 and ticks[-1] / ticks[0] > WIDE, ticks=ticks),
            f"{metric} over {name}",
            *SMALL,
        )
        + "</figure>"
        for column, metric in enumerate(metrics)
    )
    return f'<div class="charts">\n<div class="small">\n{pictures}\n</div>\n{legend(series)}</div>'


def _series(dial: Dial, style: int, column: int) -> Series:
    cells = [row.cells[column] for row in dial.rows]
    points = tuple((value, cell.mean) for value, cell in zip(dial.values, cells, strict=True))
    bars = tuple(
        (value, *cell.interval) for value, cell in zip(dial.values, cells, strict=True) if cell.interval is not None
    )
    return Series(dial.label, points, style, bars)
