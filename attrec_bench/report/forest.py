"""Differences from the baseline with their intervals, a forest plot for each metric, straight from the comparisons."""

from collections.abc import Sequence

from attrec_bench.evaluation.comparison import Comparison
from attrec_bench.evaluation.statistics import LEVEL
from attrec_bench.report.chart import nice, number, scale
from attrec_bench.report.part import Material, Part, box, element, paragraph, row_header
from attrec_bench.results.against_notes import resampled
from attrec_bench.results.cautions import marked
from attrec_bench.results.named import why_not
from attrec_bench.results.tables import DIGITS

NAME, TITLE = "forest", "Differences with intervals"
MISSING = "they need two models of one table that share their test users and seeds' runs"
WIDTH, ROW, AXIS = 260.0, 26.0, 22.0


def forest(material: Material) -> Part:
    """Return a table a metric: each model's difference from the baseline as a number and as a picture."""
    found = material.table.comparisons
    if not found:
        return Part(NAME, TITLE, missing=why_not(material.table) or MISSING)
    compared = {found[0].baseline, *(each.model for each in found)}
    over = resampled(row.records for row in material.table.rows if row.label in compared)
    words = (
        f"Difference from {found[0].baseline} with its {LEVEL:.0%} interval (bootstrap over {over}). A filled "
        f"marker is a difference that the table marks, as significant at {1 - LEVEL:.0%} after Holm's correction over "
        f"its {len(found)} tests, a hollow one is not. To the right of the line the model is better."
    )
    plots = "\n".join(
        _plot([each for each in found if each.metric == metric], metric)
        for metric in material.table.metrics
        if any(each.metric == metric for each in found)
    )
    return Part(NAME, TITLE, f'{paragraph(words)}\n<div class="forests">\n{plots}\n</div>')


def _plot(found: Sequence[Comparison], metric: str) -> str:
    ends = [end for each in found for end in each.interval]
    low, high = min(0.0, *ends), max(0.0, *ends)
    air = (high - low) * 0.05 or 0.01
    low, high = low - air, high + air
    ordered = sorted(found, key=lambda each: -each.difference)
    rows = "\n".join(
        f'<tr>{row_header(each.model)}<td class="plot">{_bar(each, low, high)}</td>'
        f"{element('td', _words(each))}{element('td', each.p_words)}</tr>"
        for each in ordered
    )
    heads = "".join(
        element("th", name, scope="col") for name in ("model", "interval", "difference [interval]", "p (Holm)")
    )
    caption = f"{metric}: difference from the baseline"
    head = f"{element('caption', caption)}<thead><tr>{heads}</tr></thead>"
    foot = f'<tr aria-hidden="true"><td></td><td class="plot">{_axis(low, high)}</td><td></td><td></td></tr>'
    inner = f"{head}\n<tbody>\n{rows}\n</tbody>\n<tfoot>{foot}</tfoot>"
    return box(f'<table class="forest">{inner}</table>', caption)


def _words(each: Comparison) -> str:
    low, high = each.interval
    return f"{each.difference:+.{DIGITS}f} [{low:+.{DIGITS}f}, {high:+.{DIGITS}f}]"


def _bar(each: Comparison, low: float, high: float) -> str:
    """Return the interval as a line, the difference as a marker and zero as a rule, on the scale of the axis."""
    place = scale(low, high, 6, WIDTH - 6)
    left, right, middle, zero = (place(value) for value in (*each.interval, each.difference, 0.0))
    sure = "sure" if marked(each) else "unsure"
    half = ROW / 2
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {ROW:g}" aria-hidden="true"><path class="zero" d="M{zero:.1f} 0V{ROW:g}"/>'
        f'<path class="interval" d="M{left:.1f} {half - 4:g}v8m0-4H{right:.1f}m0-4v8"/>'
        f'<path class="{sure}" d="M{middle:.1f} {half - 5:g}l5 5-5 5-5-5z"/></svg>'
    )


def _axis(low: float, high: float) -> str:
    place = scale(low, high, 6, WIDTH - 6)
    ticks = "".join(
        f'<path class="grid" d="M{place(value):.1f} 0v5"/><text class="x" x="{place(value):.1f}" y="17">'
        f"{number(value)}</text>"
        for value in nice(low, high, 5)
    )
    rule = f'<path class="grid" d="M0 .5H{WIDTH:g}"/>'
    return f'<svg viewBox="0 0 {WIDTH:g} {AXIS:g}" aria-hidden="true">{rule}{ticks}</svg>'
