"""What was typed -> the report as text, or the account of one cell: records are read, chosen and compared here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attrec_bench.errors import require_choice
from attrec_bench.evaluation.comparison import SIGN_FLIP
from attrec_bench.report.footnotes import with_settings
from attrec_bench.report.page import page
from attrec_bench.report.part import Material
from attrec_bench.report.which import found
from attrec_bench.report.why import why
from attrec_bench.results import ledger
from attrec_bench.results.against import compared
from attrec_bench.results.publications import with_published
from attrec_bench.results.select import lacking, select
from attrec_bench.results.store import read_all
from attrec_bench.results.tables import DEFAULT_METRICS, tables, told


@dataclass(frozen=True)
class Asked:
    """What the tables are to be like, as typed: see `attrec-bench report --help`."""

    metrics: str | None = None
    against: str | None = None
    ours: str | None = None
    test: str = SIGN_FLIP
    tuned: bool = False
    published: bool = True
    notes: str = "full"
    storage: str | None = None
    path: str | None = None


def report(runs: Path, filters: Mapping[str, str], asked: Asked) -> str:
    """Records under ``runs`` that fit the filters -> HTML. Raises InputError as the table does."""
    ledgers = ledger.read_all(runs)
    every = read_all(runs)
    records = select(every, filters, bounds=True)
    records = ledger.tuned(records, ledgers) if asked.tuned else records
    metrics = DEFAULT_METRICS if asked.metrics is None else asked.metrics.split(",")
    made = compared(tables(records, metrics, lacking(every, filters)), asked.against, asked.test, asked.ours)
    made = with_settings(ledger.footed(with_published(made) if asked.published else made, ledgers))
    materials = []
    for place, table in enumerate(told(made, asked.notes)):
        own = {record.identity for row in table.rows for record in row.records}
        behind = tuple(each for each in ledgers if own & set(each.identities))
        materials.append(Material(table, f"t{place}", runs, behind, asked.storage, asked.path))
    return page(materials)


def account_of(
    runs: Path,
    filters: Mapping[str, str],
    metric: str,
    row: str | None = None,
    against: str | None = None,
    columns: str | None = None,
) -> str:
    """Return the lines on one cell: that of this metric in the row of the records that fit the filters.

    The table is that of all records, as `attrec-bench table` prints it, with these ``columns``, over which p is
    corrected. InputError where the records are of several rows, and where the columns lack the metric.
    """
    records = read_all(runs)
    chosen = select(records, filters)
    usual = DEFAULT_METRICS if metric in DEFAULT_METRICS else (metric,)
    metrics = usual if columns is None else tuple(columns.split(","))
    require_choice("metric, a column of metrics=,", metric, metrics)
    options = {"row": row, "against": against, "metrics": columns}
    asked = {**filters, "metric": metric, **{key: each for key, each in options.items() if each}}
    if str(runs) != os.environ.get("ATTREC_BENCH_RUNS", "runs"):
        asked["runs"] = str(runs)
    table, own = found(tables(records, metrics), chosen, row, asked)
    (table,) = ledger.footed(with_published(compared([table], against)), ledger.read_all(runs))
    (again,) = [each for each in table.rows if each.label == own.label]
    return why(table, again, metric)
