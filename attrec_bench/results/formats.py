"""Tables -> text: terminal (rich) and Markdown here, LaTeX, csv and HTML beside, all from the same grid of words."""

import io
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from attrec_bench.errors import require_choice
from attrec_bench.results.grid import LABEL, Grid, Shown, grid_of
from attrec_bench.results.joined import side_by_side
from attrec_bench.results.latex import latex
from attrec_bench.results.page import html
from attrec_bench.results.sheets import tidy_csv, wide_csv
from attrec_bench.results.tables import BEST, SECOND, Table

if TYPE_CHECKING:
    from rich.table import Table as Drawn

_MARKDOWN = {**{char: f"\\{char}" for char in "\\`*_[]|~"}, "<": "&lt;", ">": "&gt;", "\n": " "}


def render(
    tables: Sequence[Table],
    format: str = "terminal",
    color: bool = False,
    width: int | None = None,
    joined: bool = False,
    room: int | None = None,
) -> str:
    """Tables as text that ends in a newline; ``joined`` puts those of one protocol side by side in one.

    ``color``, ``width`` of the text below and ``room`` (in characters) matter to the terminal alone: where blocks side
    by side take more room, they stand one below the other. Raises InputError for an unknown format.
    """
    require_choice("format", format, ("terminal", *FORMATS))
    grids = side_by_side(tables) if joined else list(map(grid_of, tables))
    if format == "terminal":
        return "\n".join(terminal(grid, color, width, room) for grid in grids)
    return FORMATS[format](grids)


def terminal(grid: Grid, color: bool = False, width: int | None = None, room: int | None = None) -> str:
    """For people: best in bold, second underlined where the terminal can. The text below wraps
    at ``width``, by default that of the grid; the grid itself is never cut, whatever the terminal.
    """
    # here and not above: a table of another format needs no rich
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, force_terminal=color, no_color=not color, width=10_000, highlight=False)
    drawn = [("", _drawn(grid))]
    if len(grid.blocks) > 1 and room is not None and console.measure(drawn[0][1]).maximum > room:
        drawn = [(each.blocks[0].title, _drawn(each)) for each in grid.by_block()]
    for title, part in drawn:
        console.print(*([Text(title, "bold"), ""] if title else []), part, "", sep="\n")
    below = width or max(60, *(console.measure(part).maximum for _, part in drawn))
    for paragraph in grid.paragraphs(styled=False):
        console.print(Text(paragraph), width=below)
    return out.getvalue()


def _drawn(grid: Grid) -> "Drawn":
    """Return the grid as rich draws it; the name of a data set stands above its first column."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    *columns, seeds = _over(grid)
    for column in columns:
        drawn.add_column(Text(column), no_wrap=True)
    drawn.add_column(Text(seeds), justify="right", no_wrap=True)
    styles = {BEST: "bold", SECOND: "underline", None: ""}
    for line, following in pairwise([*grid.lines, None]):
        if line is None:
            continue
        cells = [Text.assemble((shown.text, styles[shown.place]), shown.marks) for shown in line.cells]
        drawn.add_row(*cells, end_section=following is not None and following.kind != line.kind)
    return drawn


def _over(grid: Grid) -> list[str]:
    """Return the names of the columns, where there are several data sets in two lines."""
    if len(grid.blocks) == 1:
        return grid.header
    titles = ["", *(title for block in grid.blocks for title in (block.title, *[""] * (len(block.columns) - 1))), ""]
    return [f"{title}\n{column}" for title, column in zip(titles, grid.header, strict=True)]


def markdown(grids: Sequence[Grid]) -> str:
    """Pipe tables: best in bold, second underlined by <u>; an empty line parts floors, models and ceilings.

    Where there are several data sets, each column names its own, since a pipe table has one line of names.
    """
    return "\n".join(map(_markdown, grids))


def _markdown(grid: Grid) -> str:
    several = len(grid.blocks) > 1
    columns = [f"{block.title} {each}" if several else each for block in grid.blocks for each in block.columns]
    names = [_escaped(name, _MARKDOWN) for name in (LABEL, *columns, grid.seeds)]
    drawn = [_piped(names), _piped(["---", *["---:"] * (len(names) - 1)])]
    for place, (_, block) in enumerate(groupby(grid.lines, key=lambda line: line.kind)):
        drawn += [_piped([""] * len(names))] if place else []
        drawn += [_piped([_markdown_cell(shown) for shown in line.cells]) for line in block]
    below = [_escaped(paragraph, _MARKDOWN) for paragraph in grid.paragraphs()]
    return "\n".join([*drawn, "", "\n\n".join(below), ""])


def _markdown_cell(shown: Shown) -> str:
    wraps = {BEST: "**{}**", SECOND: "<u>{}</u>", None: "{}"}
    return wraps[shown.place].format(_escaped(shown.text, _MARKDOWN)) + shown.marks


FORMATS: dict[str, Callable[[Sequence[Grid]], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": lambda grids: tidy_csv(_tables(grids)),
    "csv-wide": lambda grids: wide_csv(_tables(grids)),
    "html": html,
}
SHEETS = ("csv", "csv-wide")
"""Formats for programs: without words."""


def _tables(grids: Sequence[Grid]) -> list[Table]:
    return [table for grid in grids for table in grid.tables]


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(words: str, replacements: dict[str, str]) -> str:
    """Replace in one pass, so that a replacement is not replaced again."""
    return "".join(replacements.get(char, char) for char in words)
