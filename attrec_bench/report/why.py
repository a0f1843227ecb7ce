"""One cell of a table -> the account of it in plain text: its value, what it is compared with, its runs."""

from attrec_bench.report.cells import Account, Run, account, interval_words
from attrec_bench.results.captions import count, seeds
from attrec_bench.results.draws import draws, runs
from attrec_bench.results.tables import BEST, DIGITS, MODEL, SECOND, Cell, Row, Table

PLACES = {BEST: "best", SECOND: "second"}


def why(table: Table, row: Row, metric: str) -> str:
    """Return the lines of the cell of this row and metric; ``table`` has been compared with its baseline."""
    cell = row.cells[table.metrics.index(metric)]
    told = account(row, table.metrics)
    lines = [
        f"{row.label}, {metric} on {table.data['name']}: {interval_words(cell)}, {_over(row)}",
        *_standing(table, row, metric, cell),
        f"differs from its YAML files in: {told.differing.words()}",
        *_runs(told, table.metrics.index(metric), metric),
        "",
        table.caption,
    ]
    return "\n".join(lines) + "\n"


def _over(row: Row) -> str:
    drawn = len(draws(row.records))
    if drawn < 2:
        return count(len(row.records), "run")
    return f"seeds x tie draws {runs(row.records)}" if seeds(row.records) else count(drawn, "tie draw")


def _standing(table: Table, row: Row, metric: str, cell: Cell) -> list[str]:
    """Return its place among the models and its difference from the baseline, where it has these."""
    models = sum(each.kind == MODEL for each in table.rows)
    said = [f"{PLACES[cell.place]} of {models} models"] if cell.place in PLACES else []
    for each in table.comparisons:
        if (each.model, each.metric) == (row.label, metric):
            low, high = each.interval
            said.append(
                f"{each.difference:+.{DIGITS}f} [{low:+.{DIGITS}f}, {high:+.{DIGITS}f}] against {each.baseline}, "
                f"p {each.p_words} after Holm's correction over {count(len(table.comparisons), 'test')}"
            )
    marks = [note for note in table.notes if note[0] in cell.marks]
    return ["; ".join(said)] * bool(said) + marks


def _runs(told: Account, column: int, metric: str) -> list[str]:
    lines = ["", "its runs (each command finds the recorded run; with force=true it trains again):"]
    for run in told.runs:
        lines += [f"  {_facts(run, column, metric)}", f"    {run.command}"]
    return lines


def _facts(run: Run, column: int, metric: str) -> str:
    valid = [] if run.valid is None else [f"{run.valid[0]} on validation {run.valid[1]:.{DIGITS}f}"]
    facts = [
        f"seed {run.seed}",
        f"{metric} {run.values[column]:.{DIGITS}f}",
        *valid,
        f"epoch {run.epochs}",
        f"commit {run.commit}",
        f"run {run.identity}",
        f"{run.created} UTC",
    ]
    return "  ".join(facts)
