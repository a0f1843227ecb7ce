"""Grids -> one HTML file that needs nothing else: no network, no script; light and dark as the reader has it."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from attrec_bench.results.grid import Grid, Line, Shown
from attrec_bench.results.headings import headings
from attrec_bench.results.tables import BEST, SECOND

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; border-block: 2px solid; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; text-align: right; white-space: nowrap; }
th:first-child { text-align: left; font-weight: normal; }
thead th, thead th:first-child { font-weight: bold; }
th[colspan] { text-align: center; border-bottom: 1px solid; }
tbody { border-top: 1px solid; }
.best { font-weight: bold; }
.second { text-decoration: underline; }
.notes { font-size: .875rem; max-width: 60rem; }
"""
CLASSES = {BEST: ' class="best"', SECOND: ' class="second"', None: ""}


def html(grids: Sequence[Grid]) -> str:
    """One page; best and second as the classes ``best`` and ``second``, each block of rows in a tbody of its own."""
    names = ", ".join(dict.fromkeys(table.data["name"] for grid in grids for table in grid.tables))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(names)}</title>'
    titles = [", ".join(block.title for block in grid.blocks) for grid in grids]
    told = headings([grid.tables[0] for grid in grids], titles)
    sections = "\n".join(map(_section, grids, told))
    body = f"<head>{head}<style>{STYLE}</style></head>\n<body>\n{sections}\n</body>"
    return f'<!DOCTYPE html>\n<html lang="en">\n{body}\n</html>\n'


def _section(grid: Grid, heading: str) -> str:
    bodies = "\n".join(
        f"<tbody>\n{''.join(map(_row, block))}</tbody>" for _, block in groupby(grid.lines, key=lambda line: line.kind)
    )
    notes = "\n".join(f"<p>{escape(note)}</p>" for note in grid.paragraphs())
    drawn = f'<div class="wide" tabindex="0"><table>\n<thead>{_head(grid)}</thead>\n{bodies}\n</table></div>'
    return f'<section>\n<h2>{escape(heading)}</h2>\n{drawn}\n<div class="notes">\n{notes}\n</div>\n</section>'


def _head(grid: Grid) -> str:
    """One row of names; where there are several data sets, theirs stand in a row above."""
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in grid.header)
    if len(grid.blocks) == 1:
        return f"<tr>{columns}</tr>"
    above = "".join(
        f'<th scope="colgroup" colspan="{len(block.columns)}">{escape(block.title)}</th>' for block in grid.blocks
    )
    return f"<tr><td></td>{above}<td></td></tr>\n<tr>{columns}</tr>"


def _row(line: Line) -> str:
    label, *rest = line.cells
    return f'<tr><th scope="row">{escape(label.text)}</th>{"".join(map(_cell, rest))}</tr>\n'


def _cell(shown: Shown) -> str:
    marks = f"<sup>{escape(shown.marks)}</sup>" if shown.marks else ""
    return f"<td><span{CLASSES[shown.place]}>{escape(shown.text)}</span>{marks}</td>"
