"""Table -> text: terminal (rich), Markdown and LaTeX (booktabs) here, csv and HTML beside, all from the same Table."""

import io
import re
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

from attrec_bench.errors import require_choice
from attrec_bench.results.grid import IMPROVEMENT, Line, Shown, header, lines, paragraphs
from attrec_bench.results.page import html
from attrec_bench.results.sheets import tidy_csv, wide_csv
from attrec_bench.results.tables import BEST, SECOND, Table

_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\n": " ",  # a blank line would end a caption's paragraph, which is an error
    "±": r"$\pm$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "↓": r"$^\downarrow$",
    ">=": r"$\geq$",
    "<=": r"$\leq$",
    "-": "$-$",  # see _LATEX_PARTS: a minus and no hyphen
    **{char: f"\\{char}" for char in "&%$#_{}"},
}
_LATEX_PARTS = re.compile(r"(?:(?<![\w.)])|(?<=\d[eE]))-(?=\.?\d)|[<>]=|[^\w\s-]|[_\n]")
"""What is replaced in LaTeX: a minus (-.1, 1e-05), but no hyphen (uniform-100, 0-4); signs; line breaks."""
_NOTHING = re.compile(r"\A-(?!\S)")  # a cell's "-" and "- x 3"

NOTES_HINT = "; notes=short leaves only the notes that a reader needs beside the numbers"

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
    for column in header(table):
        grid.add_column(Text(column), justify="right" if column.startswith("seeds") else "left", no_wrap=True)
    styles = {BEST: "bold", SECOND: "underline", None: ""}
    for line, following in pairwise([*lines(table), None]):
        if line is None:
            continue
        cells = [Text.assemble((shown.text, styles[shown.place]), shown.marks) for shown in line.cells]
        grid.add_row(*cells, end_section=following is not None and following.kind != line.kind)
    out = io.StringIO()
    console = Console(file=out, force_terminal=color, no_color=not color, width=10_000, highlight=False)
    console.print(grid, "")
    room = width or max(console.measure(grid).maximum, 60)
    for paragraph in paragraphs(table, styled=False):
        console.print(Text(paragraph), width=room)
    return out.getvalue()


def markdown(tables: Sequence[Table]) -> str:
    """Pipe tables: best in bold, second underlined by <u>; an empty line parts floors, models and ceilings."""
    return "\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    names = header(table)
    below = [_escaped(paragraph, _MARKDOWN) for paragraph in paragraphs(table)]
    grid = [_piped(names), _piped(["---", *["---:"] * (len(names) - 1)])]
    for place, (_, block) in enumerate(groupby(lines(table), key=lambda line: line.kind)):
        grid += [_piped([""] * len(names))] if place else []
        grid += [_piped([_markdown_cell(shown) for shown in line.cells]) for line in block]
    return "\n".join([*grid, "", "\n\n".join(below), ""])


def _markdown_cell(shown: Shown) -> str:
    wraps = {BEST: "**{}**", SECOND: "<u>{}</u>", None: "{}"}
    return wraps[shown.place].format(_escaped(shown.text, _MARKDOWN)) + shown.marks


def latex(tables: Sequence[Table]) -> str:
    r"""Table floats for \usepackage{booktabs,graphicx}: best in bold, second underlined.

    Each spans both columns of a paper that has two, and is like any other in one column. Rules part floors, models and
    ceilings. The sentence on what is shown is the caption, all others stand below. A grid wider than the text is scaled
    to it, and LaTeX warns of that. The label is tab:NAME of the data set, numbered where several tables are of one.
    """
    names = [re.sub(r"[^A-Za-z0-9]+", "-", table.typed).strip("-") for table in tables]
    earlier = [names[:place].count(name) for place, name in enumerate(names)]
    labels = [f"{name}-{times + 1}" if times else name for name, times in zip(names, earlier, strict=True)]
    return "\n".join(_latex(table, label) for table, label in zip(tables, labels, strict=True))


def _latex(table: Table, label: str) -> str:
    blocks = ["\n".join(map(_latex_line, block)) for _, block in groupby(lines(table), key=lambda line: line.kind)]
    first, *middle, last = map(_latex_words, header(table))
    names = [first, *(rf"\multicolumn{{2}}{{c}}{{{_latex_stack(*name.split())}}}" for name in middle), last]
    caption, *rest = table.sentences
    below = [" ".join((*rest, *table.background)), *paragraphs(table)[1:]]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs,graphicx}" + (NOTES_HINT if table.details else ""),
            r"\begin{table*}",
            r"\centering",
            rf"\caption{{{_latex_words(caption)}}}\label{{tab:{label}}}",
            r"\par\smallskip\footnotesize\setlength{\tabcolsep}{3pt}",
            r"\sbox0{%",
            rf"\begin{{tabular}}{{@{{}}l{'r@{}l' * len(middle)}r@{{}}}}",
            r"\toprule",
            " & ".join(names) + r" \\",
            "\\midrule\n" + "\n\\midrule\n".join(blocks),
            r"\bottomrule",
            r"\end{tabular}}%",
            r"\ifdim\wd0>\linewidth",
            rf"\GenericWarning{{}}{{LaTeX Warning: Table tab:{label} is shrunk to the text; take fewer metrics}}%",
            r"\resizebox{\linewidth}{!}{\usebox0}%",
            r"\else\usebox0\fi",
            r"\par\smallskip",
            r"\begin{minipage}{\linewidth}\scriptsize",
            "\n\n".join(map(_latex_words, below)),
            r"\end{minipage}",
            r"\end{table*}",
            "",
        ]
    )


def _latex_line(line: Line) -> str:
    label, *values, seeds = line.cells
    name, pairs = _latex_words(label.text), [_latex_pair(shown) for shown in values]
    if line.kind == IMPROVEMENT:
        model, over, baseline = name.partition(" over ")  # in two lines: it is longer than any other label
        name = _latex_stack(model, over.strip() + " " + baseline, at="l")
        pairs = [rf"\multicolumn{{2}}{{c}}{{{_latex_words(shown.text)}}}" for shown in values]
    return " & ".join([name, *pairs, _latex_words(seeds.text)]) + r" \\"


def _latex_pair(shown: Shown) -> str:
    """Return a number, which ends where its column does, and all that follows it, the start of the next column."""
    wraps = {BEST: r"\textbf{%s}", SECOND: r"\underline{%s}", None: "%s"}
    number, *rest = re.split(r"(?= ± |\)$)", shown.text, maxsplit=1)
    after = _latex_words("".join(rest)).replace(r" $\pm$ ", r"\,$\pm$\,") + _latex_words(shown.marks)
    return f"{wraps[shown.place] % _latex_words(number) if number else ''} & {after}".rstrip()


def _latex_stack(*lines: str, at: str = "c") -> str:
    stack = r"\\".join(lines)
    return stack if len(lines) == 1 else rf"\shortstack[{at}]{{{stack}}}"


def _latex_words(words: str) -> str:
    """Replace in one pass, so that a replacement is not replaced again; a lone hyphen that begins is a dash."""
    return _NOTHING.sub("--", _LATEX_PARTS.sub(lambda found: _LATEX.get(found[0], found[0]), words))


FORMATS: dict[str, Callable[[Sequence[Table]], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": tidy_csv,
    "csv-wide": wide_csv,
    "html": html,
}
SHEETS = ("csv", "csv-wide")
"""Formats for programs: without words."""


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(words: str, replacements: dict[str, str]) -> str:
    """Replace in one pass, so that a replacement is not replaced again."""
    return "".join(replacements.get(char, char) for char in words)
