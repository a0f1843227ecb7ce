"""Series of points -> a line chart as SVG. Colours are the page's classes c0 ... c6; dash and marker tell them as well.

Units: pixels of the view box, x to the right and y downwards.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

COLORS = 7
"""Okabe & Ito's palette (2008, "Color Universal Design") less its yellow, which white paper swallows."""

DASHES = ("", "6 3", "2 2")
MARKERS = ("circle", "square", "diamond", "up", "cross")

LEFT, RIGHT, TOP, BOTTOM = 50.0, 10.0, 10.0, 34.0

ROOM = 22.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line. ``style`` is its place among all that the page tells apart; ``bars`` are (x, low, high) of intervals.

    ``marked`` are the points that get a marker: all unless said.
    """

    label: str
    points: tuple[Point, ...]
    style: int = 0
    bars: tuple[tuple[float, float, float], ...] = ()
    marked: tuple[Point, ...] | None = None
    step: bool = False
    dots: bool = False
    """Markers alone, no line between them."""


@dataclass(frozen=True)
class Axes:
    """What the axes say. ``ticks`` are those of x where round numbers will not do; ``span`` is that of y, if given."""

    x: str
    y: str
    log: bool = False
    ticks: tuple[float, ...] | None = None
    span: tuple[float, float] | None = None
    whole: bool = False
    """Whether x counts something, so that half a unit is no tick."""


def chart(series: Sequence[Series], axes: Axes, title: str, width: float = 360, height: float = 250) -> str:
    """Draw the lines over their axes; ``title`` is what a reader who cannot see it is told."""
    xs = [x for each in series for x, _ in each.points] + list(axes.ticks or ())
    ys = [y for each in series for _, y in each.points]
    ys += [end for each in series for bar in each.bars for end in bar[1:]]
    low, high = widened(*(axes.span or (min(ys), max(ys))))
    across = scale(min(xs), max(xs), LEFT, width - RIGHT, axes.log)
    down = scale(low, high, height - BOTTOM, TOP)
    x_ticks = axes.ticks or nice(min(xs), max(xs), 6, 1 if axes.whole else 0)
    frame = [_x_tick(across(x), height, x) for x in apart([x for x in x_ticks if min(xs) <= x <= max(xs)], across)]
    frame += [_y_tick(down(y), width, y) for y in nice(low, high, 5) if low <= y <= high]
    frame += [
        f'<text class="axis" x="{(LEFT + width - RIGHT) / 2:.0f}" y="{height - 4:.0f}">{escape(axes.x)}</text>',
        f'<text class="axis" transform="translate(9 {(TOP + height - BOTTOM) / 2:.0f}) rotate(-90)">'
        f"{escape(axes.y)}</text>",
    ]
    return svg(title, width, height, [*frame, *(_drawn(each, across, down) for each in series)])


def svg(title: str, width: float, height: float, inner: Sequence[str], css: str = "chart") -> str:
    """Return an image with a title, which is its name."""
    return (
        f'<svg class="{css}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">\n'
        + "\n".join(inner)
        + "\n</svg>"
    )


def scale(low: float, high: float, start: float, end: float, log: bool = False) -> Callable[[float], float]:
    """Return the map from [low, high] onto [start, end]; one value alone stands in the middle."""
    place: Callable[[float], float] = math.log if log else float
    room = place(high) - place(low)
    if not room:
        return lambda _: (start + end) / 2
    return lambda value: start + (place(value) - place(low)) / room * (end - start)


def widened(low: float, high: float) -> tuple[float, float]:
    """Return an interval with a little air at its ends, and with some extent in any case."""
    air = (high - low) * 0.04 or max(abs(high), 1e-3) * 0.1
    return (low - air if low < 0 or low - air > 0 else 0.0), high + air


def nice(low: float, high: float, most: int, least_step: float = 0) -> tuple[float, ...]:
    """Round numbers from low to high, at most ``most``, their steps 1, 2 or 5 times a power of ten."""
    if high <= low:
        return (low,)
    rough = max((high - low) / (most - 1), least_step)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return tuple(n * step for n in range(first, math.floor(high / step + 1e-9) + 1))


def apart(ticks: Sequence[float], across: Callable[[float], float]) -> list[float]:
    """Return those of the ascending ticks that have room for their number: ROOM pixels from the one before."""
    kept: list[float] = []
    for tick in ticks:
        if not kept or across(tick) - across(kept[-1]) >= ROOM:
            kept.append(tick)
    return kept


def number(value: float) -> str:
    """0.30000000000000004 -> 0.3."""
    return f"{value:.6g}"


def swatch(style: int) -> str:
    """Return a short piece of the line, for a legend."""
    inner = [_line("M2 7H26", style), marker(style, 14, 7)]
    return f'<svg class="swatch" viewBox="0 0 28 14" aria-hidden="true">{"".join(inner)}</svg>'


def marker(style: int, x: float, y: float) -> str:
    """Return the sign of a style at a point."""
    kind, css = MARKERS[style % len(MARKERS)], f'class="mark c{style % COLORS}"'
    if kind == "circle":
        return f'<circle {css} cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
    shapes = {"square": "m-2.7-2.7h5.4v5.4h-5.4z", "diamond": "m0-3.8l3.8 3.8-3.8 3.8-3.8-3.8z"}
    shapes |= {"up": "m0-3.6l3.4 6h-6.8z", "cross": "m-3-3l6 6m0-6l-6 6"}
    return f'<path {css} d="M{x:.1f} {y:.1f}{shapes[kind]}"/>'


def _drawn(series: Series, across: Callable[[float], float], down: Callable[[float], float]) -> str:
    style = series.style
    places = [(across(x), down(y)) for x, y in series.points]
    parts = [] if series.dots else [_line(_path(places, series.step), style)]
    for x, low, high in series.bars:
        at, top, bottom = across(x), down(high), down(low)
        parts.append(_line(f"M{at - 3:.1f} {top:.1f}h6m-3 0V{bottom:.1f}m-3 0h6", style, css="bar"))
    for x, y in series.points if series.marked is None else series.marked:
        parts.append(marker(style, across(x), down(y)))
    return f'<g class="series" data-series="{escape(series.label)}">{"".join(parts)}</g>'


def _path(places: Sequence[Point], step: bool) -> str:
    first, *rest = places
    between = (f"H{x:.1f}V{y:.1f}" if step else f"L{x:.1f} {y:.1f}" for x, y in rest)
    return f"M{first[0]:.1f} {first[1]:.1f}{''.join(between)}"


def _line(path: str, style: int, css: str = "line") -> str:
    dash = DASHES[style // COLORS % len(DASHES)] if css == "line" else ""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path class="{css} c{style % COLORS}" d="{path}"{dashed}/>'


def _x_tick(at: float, height: float, value: float) -> str:
    foot = height - BOTTOM
    return (
        f'<path class="grid" d="M{at:.1f} {TOP:g}V{foot:g}"/>'
        f'<text class="x" x="{at:.1f}" y="{foot + 13:g}">{number(value)}</text>'
    )


def _y_tick(at: float, width: float, value: float) -> str:
    return (
        f'<path class="grid" d="M{LEFT:g} {at:.1f}H{width - RIGHT:g}"/>'
        f'<text class="y" x="{LEFT - 4:g}" y="{at + 4:.1f}">{number(value)}</text>'
    )
