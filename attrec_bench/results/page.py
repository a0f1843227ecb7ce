"""Tables -> one HTML file that needs nothing else: no network, no script; light and dark as the reader has it."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from attrec_bench.results.grid import Line, Shown, header, lines, paragraphs
from attrec_bench.results.tables import BEST, SECOND, Table

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; border-block: 2px solid; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; text-align: right; white-space: nowrap; }
th:first-child { text-align: left; font-weight: normal; }
thead th, thead th:first-child { font-weight: bold; }
tbody { border-top: 1px solid; }
.best { font-weight: bold; }
.second { text-decoration: underline; }
.notes { font-size: .875rem; max-width: 60rem; }
"""
CLASSES = {BEST: ' class="best"', SECOND: ' class="second"', None: ""}


def html(tables: Sequence[Table]) -> str:
    """One page; best and second as the classes ``best`` and ``second``, each block of rows in a tbody of its own."""
    names = ", ".join(dict.fromkeys(table.data["name"] for table in tables))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(names)}</title>'
    sections = "\n".join(map(_section, tables))
    body = f"<head>{head}<style>{STYLE}</style></head>\n<body>\n{sections}\n</body>"
    return f'<!DOCTYPE html>\n<html lang="en">\n{body}\n</html>\n'


def _section(table: Table) -> str:
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in header(table))
    bodies = "\n".join(
        f"<tbody>\n{''.join(map(_row, block))}</tbody>"
        for _, block in groupby(lines(table), key=lambda line: line.kind)
    )
    notes = "\n".join(f"<p>{escape(note)}</p>" for note in paragraphs(table))
    grid = f'<div class="wide" tabindex="0"><table>\n<thead><tr>{columns}</tr></thead>\n{bodies}\n</table></div>'
    return f'<section>\n<h2>{escape(table.data["name"])}</h2>\n{grid}\n<div class="notes">\n{notes}\n</div>\n</section>'


def _row(line: Line) -> str:
    label, *rest = line.cells
    return f'<tr><th scope="row">{escape(label.text)}</th>{"".join(map(_cell, rest))}</tr>\n'


def _cell(shown: Shown) -> str:
    marks = f"<sup>{escape(shown.marks)}</sup>" if shown.marks else ""
    return f"<td><span{CLASSES[shown.place]}>{escape(shown.text)}</span>{marks}</td>"
