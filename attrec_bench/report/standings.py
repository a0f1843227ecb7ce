"""The table itself, sortable, each value a link to the runs beneath it; and these runs."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from attrec_bench.report.cells import Account, Run, account
from attrec_bench.report.part import Material, Part, attributes_of, box, element, paragraph, row_header
from attrec_bench.results.grid import IMPROVEMENT, Line, Shown, grid_of, header, lines
from attrec_bench.results.tables import BEST, DIGITS, SECOND, Row, Table

CLASSES = {BEST: "best", SECOND: "second", None: None}
HOW = "A column's name sorts by it, within floors, models and ceilings; a value leads to its runs."


def standings(material: Material) -> Part:
    """The table with its caption and notes, and the runs of every row."""
    table, key = material.table, material.key
    notes = "\n".join(map(paragraph, grid_of(table).paragraphs()))
    told = [_runs(account(row, table.metrics), table, _id(key, place)) for place, row in enumerate(table.rows)]
    body = f'<p class="hint">{HOW}</p>\n{_grid(material)}\n<div class="notes">\n{notes}\n</div>\n'
    return Part("table", "Table", body + "<h3>The runs beneath it</h3>\n" + "\n".join(told))


def _id(key: str, place: int) -> str:
    return f"{key}-runs-{place}"


def _grid(material: Material) -> str:
    table = material.table
    heads = "".join(map(_head, header(table)))
    places = {row.label: place for place, row in enumerate(table.rows)}
    rows = [*table.rows, None]  # the improvement is the line after the last row
    pairs = list(zip(lines(table), rows, strict=False))
    bodies = "\n".join(
        f'<tbody data-kind="{kind}">\n'
        + "".join(_line(line, row, "" if row is None else _id(material.key, places[row.label])) for line, row in block)
        + "</tbody>"
        for kind, block in groupby(pairs, key=lambda pair: pair[0].kind)
    )
    grid = f'<table class="sortable">\n<thead><tr>{heads}</tr></thead>\n{bodies}\n</table>'
    return box(grid, f"Table of {table.data['name']}")


def _head(name: str) -> str:
    return f'<th scope="col" aria-sort="none"><button type="button">{escape(name)}</button></th>'


def _line(line: Line, row: Row | None, target: str) -> str:
    label, *rest = line.cells
    values: Sequence[float] = () if row is None else [cell.mean for cell in row.cells]
    cells = "".join(
        _cell(shown, values[place] if place < len(values) else None, f"#{target}", place)
        for place, shown in enumerate(rest)
    )
    css = attributes_of({"class_": "apart" if line.kind == IMPROVEMENT else None})
    return f"<tr{css}>{row_header(label.text)}{cells}</tr>\n"


def _cell(shown: Shown, value: float | None, target: str, column: int) -> str:
    marks = f"<sup>{escape(shown.marks)}</sup>" if shown.marks else ""
    words = element("span", shown.text, class_=CLASSES[shown.place])
    if value is None:
        return f"<td>{words}{marks}</td>"
    return f'<td data-value="{value!r}"><a href="{target}" data-column="{column}">{words}</a>{marks}</td>'


def _runs(told: Account, table: Table, target: str) -> str:
    """Return the runs of a row: a table of them, then each run's command and its whole configuration."""
    valid = next((run.valid[0] for run in told.runs if run.valid), None)
    names = [
        "seed",
        *table.metrics,
        *([f"{valid} on validation"] if valid else []),
        "epoch",
        "commit",
        "run",
        "made (UTC)",
    ]
    heads = "".join(element("th", name, scope="col") for name in names)
    grid = "\n".join(_run(run, valid is not None) for run in told.runs)
    caption = f"Runs of {told.label}"
    inner = f"<table>{element('caption', caption)}<thead><tr>{heads}</tr></thead>\n<tbody>\n{grid}\n</tbody></table>"
    commands = "\n".join(
        f"<p>{escape(f'Seed {run.seed}:')} {element('code', run.command, class_='command')}</p>" for run in told.runs
    )
    return (
        f'<details class="runs"><summary id="{target}">{escape(told.label)}</summary>\n'
        f"{box(inner, caption)}\n"
        f"<p>Differs from its YAML files in: {escape(told.differing.words())}</p>\n"
        f'<p class="hint">Each command finds the recorded run; with force=true it trains again.</p>\n{commands}\n'
        f"{_configuration(told)}\n</details>"
    )


def _run(run: Run, valid: bool) -> str:
    values = [element("td", f"{value:.{DIGITS}f}", data_column=place) for place, value in enumerate(run.values)]
    shown = [] if not valid else ["" if run.valid is None else f"{run.valid[1]:.{DIGITS}f}"]
    rest = [*shown, run.epochs, run.commit, run.identity, run.created]
    cells = "".join([*values, *(element("td", word) for word in rest)])
    return f"<tr>{element('th', run.seed, scope='row')}{cells}</tr>"


def _configuration(told: Account) -> str:
    """Return the whole configuration; what is not the same in all runs of the row, as the seed, lists its values."""
    by_key: dict[str, list[str]] = {}
    for run in told.runs:
        for key, value in run.settings:
            by_key.setdefault(key, []).append(value)
    shown = "\n".join(f"{key}={', '.join(dict.fromkeys(values))}" for key, values in by_key.items())
    return f'<details><summary>Whole configuration</summary><pre tabindex="0">{escape(shown)}</pre></details>'
