"""Table -> text: terminal (rich), Markdown, LaTeX (booktabs) and tidy CSV, all from the same Table."""

import csv
import io
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

from attrec_bench.errors import require_choice
from attrec_bench.results.draws import draws, runs
from attrec_bench.results.record import text
from attrec_bench.results.tables import BEST, DIGITS, MODEL, SECOND, Cell, Row, Table

CSV_COLUMNS = ("dataset", "data_sha256", "protocol", "row", "model", "kind", "metric", "mean", "sd", "n")

_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\n": " ",  # a blank line would end a caption's paragraph, which is an error
    **{char: f"\\{char}" for char in "&%$#_{}"},
}
_MARKDOWN = {**{char: f"\\{char}" for char in "\\`*_[]|~"}, "<": "&lt;", ">": "&gt;", "\n": " "}


def render(tables: Sequence[Table], format: str = "terminal", color: bool = False, width: int | None = None) -> str:
    """Tables as text that ends in a newline. ``color`` and ``width`` (in characters) matter to the terminal alone.

    Raises InputError for an unknown format.
    """
    require_choice("format", format, ("terminal", *FORMATS))
    if format == "terminal":
        return "\n".join(terminal(table, color, width) for table in tables)
    return FORMATS[format](tables)


def terminal(table: Table, color: bool = False, width: int | None = None) -> str:
    """For people: best in bold, second underlined where the terminal can. The text below wraps
    at ``width``, by default that of the grid; the grid itself is never cut, whatever the terminal.
    """
    # here and not above: a table of another format needs no rich
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in _header(table):
        grid.add_column(Text(column), justify="right" if column.startswith("seeds") else "left", no_wrap=True)
    styles = {BEST: "bold", SECOND: "underline", None: ""}
    for row, following in pairwise([*table.rows, None]):
        if row is None:
            continue
        cells = [Text.assemble((_value(cell), styles[cell.place])) for cell in row.cells]
        parted = following is not None and following.kind != row.kind
        grid.add_row(Text(_label(row)), *cells, runs(row.records), end_section=parted)
    out = io.StringIO()
    console = Console(file=out, force_terminal=color, no_color=not color, width=10_000, highlight=False)
    console.print(grid, "")
    room = width or max(console.measure(grid).maximum, 60)
    for paragraph in (table.caption, *table.notes):
        console.print(Text(paragraph), width=room)
    return out.getvalue()


def markdown(tables: Sequence[Table]) -> str:
    """Pipe tables: best in bold, second underlined by <u>."""
    return "\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    marks: dict[int | None, Callable[[str], str]] = {
        BEST: lambda value: f"**{value}**",
        SECOND: lambda value: f"<u>{value}</u>",
        None: str,
    }
    header = _header(table)
    lines = [_piped(header), _piped(["---", *["---:"] * (len(header) - 1)])]
    for row in table.rows:
        cells = [marks[cell.place](_value(cell)) for cell in row.cells]
        lines.append(_piped([_escaped(_label(row), _MARKDOWN), *cells, runs(row.records)]))
    paragraphs = [_escaped(paragraph, _MARKDOWN) for paragraph in (table.caption, *table.notes)]
    return "\n".join([*lines, "", "\n\n".join(paragraphs), ""])


def latex(tables: Sequence[Table]) -> str:
    r"""Table floats for \usepackage{booktabs}: best in bold, second underlined, rules around floors and ceilings."""
    return "\n".join(_latex(table) for table in tables)


def _latex(table: Table) -> str:
    wrap = {BEST: r"\textbf{%s}", SECOND: r"\underline{%s}", None: "%s"}
    blocks = []
    for _, rows in groupby(table.rows, key=lambda row: row.kind):
        lines = []
        for row in rows:
            cells = [wrap[cell.place] % _value(cell, pm=r"\,$\pm$\,") for cell in row.cells]
            lines.append(" & ".join([_escaped(_label(row), _LATEX), *cells, runs(row.records)]) + r" \\")
        blocks.append("\n".join(lines))
    header = [_escaped(name, _LATEX) for name in _header(table)]
    notes = [rf"\par\footnotesize {_escaped(note, _LATEX)}" for note in table.notes]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escaped(table.caption, _LATEX)}}}",
            rf"\begin{{tabular}}{{{'l' * (len(header) - 1)}r}}",
            r"\toprule",
            " & ".join(header) + r" \\",
            "\\midrule\n" + "\n\\midrule\n".join(blocks),
            r"\bottomrule",
            r"\end{tabular}",
            *notes,
            r"\end{table}",
            "",
        ]
    )


def tidy_csv(tables: Sequence[Table]) -> str:
    """One line for each (row, metric), numbers in full; sd is empty for one seed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for table in tables:
        shared = [table.data["name"], table.data["sha256"], _protocol(table)]
        for row in table.rows:
            for metric, cell in zip(table.metrics, row.cells, strict=True):
                sd = "" if cell.sd is None else repr(cell.sd)
                writer.writerow([*shared, row.label, row.model, row.kind, metric, repr(cell.mean), sd, cell.n])
    return out.getvalue()


FORMATS: dict[str, Callable[[Sequence[Table]], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": tidy_csv,
}


def _header(table: Table) -> list[str]:
    several = any(len(draws(row.records)) > 1 for row in table.rows)
    return ["model", *table.metrics, "seeds x draws" if several else "seeds"]


def _label(row: Row) -> str:
    return row.label if row.kind == MODEL else f"{row.label} [{row.kind}]"


def _value(cell: Cell, pm: str = " ± ") -> str:
    mean = f"{cell.mean:.{DIGITS}f}"
    return mean if cell.sd is None else f"{mean}{pm}{cell.sd:.{DIGITS}f}"


def _protocol(table: Table) -> str:
    return " ".join(f"{key}={text(value)}" for key, value in table.protocol.items())


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(words: str, replacements: dict[str, str]) -> str:
    """Replace in one pass, so that a replacement is not replaced again."""
    return "".join(replacements.get(char, char) for char in words)
