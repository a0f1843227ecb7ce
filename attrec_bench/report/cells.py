"""A row of a table -> the runs beneath it as plain data; the page and `why` say the same because they say this."""

from collections.abc import Sequence
from dataclasses import dataclass

from attrec_bench.evaluation.metrics import means
from attrec_bench.report.settings import Differing, differing
from attrec_bench.results.draws import draw_of
from attrec_bench.results.grid import value
from attrec_bench.results.record import SHORT, Record, flatten, text
from attrec_bench.results.tables import DIGITS, Cell, Row


@dataclass(frozen=True)
class Run:
    """One run beneath a row.

    ``values`` are those of the table's metrics on test; ``valid`` is (metric, value) of the chosen epoch on validation.
    """

    seed: str
    values: tuple[float, ...]
    valid: tuple[str, float] | None
    epochs: str
    commit: str
    identity: str
    created: str
    command: str
    settings: tuple[tuple[str, str], ...]
    """Every key of its configuration and its value."""


@dataclass(frozen=True)
class Account:
    """What stands behind one row."""

    label: str
    runs: tuple[Run, ...]
    differing: Differing


def account(row: Row, metrics: Sequence[str]) -> Account:
    """Row -> Account; its values are computed from the stored ranks, as those of the table are."""
    return Account(row.label, tuple(_run(record, metrics) for record in row.records), differing(row.records[0]))


def interval_words(cell: Cell) -> str:
    """The value as the table shows it, with the ends of its interval."""
    if cell.interval is None:
        return f"{value(cell)} ({'one run' if cell.n == 1 else 'runs of seeds x tie draws are missing'}: no interval)"
    low, high = cell.interval
    return f"{value(cell)} (95 % interval {low:.{DIGITS}f} to {high:.{DIGITS}f})"


def _run(record: Record, metrics: Sequence[str]) -> Run:
    scores = means(record.ranks, metrics, record.users)
    return Run(
        seed=_seed(record),
        values=tuple(scores[name] for name in metrics),
        valid=_chosen(record),
        epochs=f"{record.epochs} of {len(record.history)}" if record.epochs else "none",
        commit=_commit(record),
        identity=record.identity[:SHORT],
        created=record.created[:19].replace("T", " "),
        command=record.command,
        settings=tuple((key, text(each)) for key, each in flatten(record.config).items()),
    )


def _chosen(record: Record) -> tuple[str, float] | None:
    """Return the metric that chose the epoch and its value; None for a model without epochs."""
    if record.config["train"] is None:
        return None
    monitor = str(record.config["train"]["monitor"])
    value = record.metrics["valid"].get(monitor)
    return None if value is None else (monitor, value)


def _seed(record: Record) -> str:
    seed, draw = record.config["seed"], draw_of(record)
    word = "none" if seed is None else str(seed)
    return word if draw is None else f"{word}, tie draw {draw}"


def _commit(record: Record) -> str:
    commit = record.git.get("commit")
    if not commit:
        return "unknown (outside git)"
    return f"{commit[:8]}, {'uncommitted changes' if record.git.get('dirty') else 'clean tree'}"
