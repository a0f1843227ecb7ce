"""Grids -> LaTeX: table floats with booktabs."""

import re
from collections.abc import Sequence
from itertools import groupby

from attrec_bench.results.grid import IMPROVEMENT, Grid, Line, Shown, legend
from attrec_bench.results.tables import BEST, SECOND

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


def latex(grids: Sequence[Grid]) -> str:
    r"""Table floats for \usepackage{booktabs,graphicx}: best in bold, second underlined.

    Each spans both columns of a paper that has two, and is like any other in one column. Rules part floors, models and
    ceilings. The sentence on what is shown is the caption, all others stand below. A grid wider than the text is scaled
    to it, and LaTeX warns of that. The label is tab:NAME of the
    data sets, numbered where several tables are of the same.
    """
    names = [re.sub(r"[^A-Za-z0-9]+", "-", " ".join(table.typed for table in grid.tables)).strip("-") for grid in grids]
    earlier = [names[:place].count(name) for place, name in enumerate(names)]
    labels = [f"{name}-{times + 1}" if times else name for name, times in zip(names, earlier, strict=True)]
    return "\n".join(_latex(grid, label) for grid, label in zip(grids, labels, strict=True))


def _latex(grid: Grid, label: str) -> str:
    bodies = ["\n".join(map(_latex_line, block)) for _, block in groupby(grid.lines, key=lambda line: line.kind)]
    first, *middle, last = map(_latex_words, grid.header)
    names = [first, *(rf"\multicolumn{{2}}{{c}}{{{_latex_stack(*name.split())}}}" for name in middle), last]
    caption, *rest = grid.sentences
    below = [" ".join((*rest, *grid.background)), *legend(grid.tables), *grid.notes, *grid.details]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs,graphicx}" + (NOTES_HINT if grid.details else ""),
            r"\begin{table*}",
            r"\centering",
            rf"\caption{{{_latex_words(caption)}}}\label{{tab:{label}}}",
            r"\par\smallskip\footnotesize\setlength{\tabcolsep}{3pt}",
            r"\sbox0{%",
            rf"\begin{{tabular}}{{@{{}}l{'r@{}l' * len(middle)}r@{{}}}}",
            r"\toprule",
            *_latex_blocks(grid),
            " & ".join(names) + r" \\",
            "\\midrule\n" + "\n\\midrule\n".join(bodies),
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


def _latex_blocks(grid: Grid) -> list[str]:
    """Return the names of the data sets over their columns, each with a rule below; nothing for one data set."""
    if len(grid.blocks) == 1:
        return []
    names, rules, at = [], [], 2
    for block in grid.blocks:
        width = 2 * len(block.columns)
        names.append(rf"\multicolumn{{{width}}}{{c}}{{{_latex_words(block.title)}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
        at += width
    return [" & ".join(["", *names, ""]) + r" \\", "".join(rules)]


def _latex_line(line: Line) -> str:
    label, *values, seeds = line.cells
    name, pairs = _latex_words(label.text), [_latex_pair(shown) for shown in values]
    if line.kind == IMPROVEMENT:
        model, over, baseline = name.partition(" over ")  # in two lines: it is longer than any other label
        name = _latex_stack(model, over.strip() + " " + baseline, at="l") if over else name
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
