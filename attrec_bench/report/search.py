"""Sweeps: the values of a study's trials, the importance of its settings, the expected best of n trials."""

from itertools import accumulate

from attrec_bench.errors import InputError
from attrec_bench.report.bars import bars
from attrec_bench.report.chart import Axes, Series, chart
from attrec_bench.report.hits import legend
from attrec_bench.report.importance import importance
from attrec_bench.report.part import Material, Part, element, paragraph
from attrec_bench.results.ledger import Ledger, expected_best, note

NAME, TITLE = "search", "Sweeps"
MISSING = "they need a tuned row: attrec-bench sweep dataset=... model=attrec n_trials=40"
WORDS = (
    "The pictures here are of validation. A marker is a trial in the order of the study, a pruned one at the value it "
    "had reached; the line is the best so far. The expected best of n trials tells what a search of n trials would "
    "have found on average, so models may be compared at one n."
)


def search(material: Material) -> Part:
    """Return the studies behind the table's rows."""
    if not material.ledgers:
        return Part(NAME, TITLE, missing=MISSING)
    monitors = dict.fromkeys(ledger.monitor for ledger in material.ledgers)
    best = "\n".join(_expected([each for each in material.ledgers if each.monitor == name], name) for name in monitors)
    studies = "\n".join(_study(ledger, material) for ledger in material.ledgers)
    return Part(NAME, TITLE, f"{paragraph(WORDS)}\n{studies}\n<h3>Expected best of n trials</h3>\n{best}")


def _study(ledger: Ledger, material: Material) -> str:
    heading = element("h3", f"Study {ledger.study}")
    return (
        f'{heading}\n{paragraph(note(ledger) + ".")}\n<div class="pair">\n'
        f'<figure class="legible">{_history(ledger)}</figure>\n{_importance(ledger, material)}\n</div>'
    )


def _history(ledger: Ledger) -> str:
    trials = tuple((float(n), value) for n, value in enumerate(ledger.values, 1))
    best = tuple((float(n), value) for n, value in enumerate(accumulate(ledger.values, max), 1))
    series = [
        Series("trials", trials, style=1, dots=True),
        Series("best so far", best, style=0, marked=(), step=True),
    ]
    return chart(series, Axes("trial", ledger.monitor, whole=True), f"{ledger.monitor} of the trials of {ledger.study}")


def _importance(ledger: Ledger, material: Material) -> str:
    try:
        shares = importance(material.runs, ledger.study, material.storage)
    except (InputError, OSError) as error:
        return paragraph(f"Importance of the settings is left out: {error}.")
    return bars(f"Importance of the settings of {ledger.study} (fANOVA)", ("setting", "share"), shares)


def _expected(ledgers: list[Ledger], monitor: str) -> str:
    series = [
        Series(
            ledger.study,
            tuple((float(n), value) for n, value in enumerate(expected_best(ledger.values), 1)),
            style,
            marked=(),
        )
        for style, ledger in enumerate(ledgers)
    ]
    drawn = chart(
        series, Axes("trials", f"expected best {monitor}", whole=True), f"Expected best {monitor} of n trials"
    )
    return f'<figure class="beside charts">{drawn}\n{legend(series)}</figure>'
