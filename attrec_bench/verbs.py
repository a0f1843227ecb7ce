"""The verbs that read records and data. Nothing heavy is imported before a verb needs it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import get_terminal_size

from attrec_bench.errors import InputError, require_choice
from attrec_bench.help import (
    DATA_HELP,
    DOCTOR_HELP,
    EXPLAIN_HELP,
    EXPORT_HELP,
    RECOMMEND_HELP,
    REPORT_HELP,
    TABLE_HELP,
    VERIFY_HELP,
    WHY_HELP,
)


def table_verb(arguments: list[str]) -> None:
    """Print or write the tables of the recorded runs."""
    if wants_help(arguments, TABLE_HELP):
        return
    from attrec_bench.report.footnotes import with_settings
    from attrec_bench.results import ledger
    from attrec_bench.results.against import compared
    from attrec_bench.results.formats import SHEETS, render
    from attrec_bench.results.publications import with_published
    from attrec_bench.results.select import lacking, select
    from attrec_bench.results.store import read_all
    from attrec_bench.results.tables import DEFAULT_METRICS, NOTES, tables, told
    from attrec_bench.results.titles import names_of

    chosen = pairs(arguments)
    out, metrics, runs, against = (chosen.pop(key, None) for key in ("out", "metrics", "runs", "against"))
    form, test, ours = chosen.pop("format", "terminal"), chosen.pop("test", "sign-flip"), chosen.pop("ours", None)
    tuned, shown, named = chosen.pop("tuned", "false"), chosen.pop("published", "true"), chosen.pop("names", None)
    require_choice("tuned", tuned, ("true", "false"))
    require_choice("published", shown, ("true", "false"))
    require_choice("notes", notes := chosen.pop("notes", "full"), NOTES)
    ledgers = ledger.read_all(runs_folder(runs))
    every = read_all(runs_folder(runs))
    records = select(every, chosen, bounds=True)
    records = ledger.tuned(records, ledgers) if tuned == "true" else records
    columns, names = DEFAULT_METRICS if metrics is None else metrics.split(","), names_of(named, records, form)
    # several data sets that are named make one table, in their order; without a name each that there is has its own
    datasets = [each.strip() for each in chosen.get("dataset", "").split(",")]
    joined = len(datasets) > 1
    made = tables(records, columns, lacking(every, chosen), names, joined)
    made.sort(key=lambda table: datasets.index(table.typed) if table.typed in datasets else 0)
    made = compared(made, against, test, ours)
    made = ledger.footed(with_published(made) if shown == "true" else made, ledgers)
    made = made if form in SHEETS else with_settings(made)
    terminal = out is None and sys.stdout.isatty()
    room = get_terminal_size().columns if terminal else None
    text = render(told(made, notes), form, color=terminal, joined=joined, room=room)
    print(text, end="") if out is None else write(Path(out), text)


def report_verb(arguments: list[str]) -> None:
    """Write the tables of the recorded runs, with all that lies beneath them, as one HTML file."""
    if wants_help(arguments, REPORT_HELP):
        return
    from attrec_bench.report.verb import Asked, report
    from attrec_bench.results.tables import NOTES
    from attrec_bench.training.progress import waiting

    chosen = pairs(arguments)
    out, runs = Path(chosen.pop("out", "report.html")), runs_folder(chosen.pop("runs", None))
    require_choice("tuned", tuned := chosen.pop("tuned", "false"), ("true", "false"))
    require_choice("published", shown := chosen.pop("published", "true"), ("true", "false"))
    require_choice("notes", chosen.get("notes", "full"), NOTES)
    given = {
        key: chosen.pop(key) for key in ("notes", "metrics", "against", "ours", "test", "storage") if key in chosen
    }
    path = chosen.pop("dataset.path", None)
    asked = Asked(**given, tuned=tuned == "true", published=shown == "true", path=path)
    with waiting("writing the report: tables, tests and pictures"):
        text = report(runs, chosen, asked)
    out.write_text(text, encoding="utf-8")
    print(f"wrote {out} ({len(text.encode()) / 1024:.0f} KiB)")


def why_verb(arguments: list[str]) -> None:
    """Print what stands behind one value of a table."""
    if wants_help(arguments, WHY_HELP):
        return
    from attrec_bench.report.verb import account_of
    from attrec_bench.training.progress import waiting

    chosen = pairs(arguments)
    if "metric" not in chosen:
        raise InputError(f"why needs metric=..., as metric=HR@10, got {' '.join(arguments) or 'nothing'}")
    metric, row, against, runs, metrics = (
        chosen.pop(key, None) for key in ("metric", "row", "against", "runs", "metrics")
    )
    with waiting("reading the records and comparing"):
        text = account_of(runs_folder(runs), chosen, str(metric), row, against, metrics)
    print(text, end="")


def recommend_verb(arguments: list[str]) -> None:
    """Print what a recorded model recommends to one user."""
    if wants_help(arguments, RECOMMEND_HELP):
        return
    from attrec_bench.recommend import recommend

    typed = pairs(arguments)
    for key, what in {"run": "ID (the last word of a run's line)", "user": "ID"}.items():
        if key not in typed:
            raise InputError(f"recommend needs {key}={what}, got {' '.join(arguments) or 'nothing'}")
    given = only(typed, ("run", "user", "k", "history", "runs", "dataset.path", "dataset.titles", "trust"))
    trust(given)
    k = given.get("k", "10")
    if not k.isdigit() or int(k) < 1:
        raise InputError(f"k must be a whole number of at least 1, got {k!r}")
    runs = runs_folder(given.get("runs"))
    where = (given.get("dataset.path"), given.get("dataset.titles"), given.get("history", "known"))
    print(recommend(runs, given["run"], given["user"], int(k), *where), end="")


def explain_verb(arguments: list[str]) -> None:
    """Print how far each choice of the protocol moves the figures of recorded runs."""
    if wants_help(arguments, EXPLAIN_HELP):
        return
    from attrec_bench.explain import explain
    from attrec_bench.training.progress import waiting

    given = only(pairs(arguments), ("run", "metrics", "runs", "dataset.path", "trust"))
    trust(given)
    runs = runs_folder(given.pop("runs", None))
    with waiting("ranking under each choice"):
        text = explain(runs, given)
    print(text, end="")


def data_verb(arguments: list[str]) -> None:
    """Print what a data set holds; with `audit`, what a figure on it is worth under the protocol."""
    if wants_help(arguments, DATA_HELP):
        return
    from attrec_bench.data_report import data_report

    print(data_report(arguments), end="")


def write(out: Path, text: str) -> None:
    """Write a file whole and say so; what is no file (a pipe, a device) is written as it is."""
    from attrec_bench.results.whole import named, write_text

    if out.exists() and not out.is_file():
        with named(out):
            out.write_text(text)
    else:
        write_text(out.resolve(), text)
    print(f"wrote {out}")


def export_verb(arguments: list[str]) -> None:
    """Write a recorded run as one zip that others can check, or its lists as TSV."""
    if wants_help(arguments, EXPORT_HELP):
        return
    from attrec_bench.bundle import export

    keys = ("run", "out", "k", "history", "titles", "runs", "dataset.path", "dataset.titles", "trust")
    given = only(pairs(arguments), keys)
    trust(given)
    for key in ("run", "out"):
        if key not in given:
            raise InputError(f"export needs {key}=..., got {' '.join(arguments) or 'nothing'}")
    k = given.get("k", "50")
    if not k.isdecimal() or int(k) < 1:
        raise InputError(f"k must be a whole number of at least 1, got {k!r}")
    runs = runs_folder(given.get("runs"))
    named = given.get("dataset.titles")
    require_choice("titles", titled := given.get("titles", "false" if named is None else "true"), ("true", "false"))
    where = (given.get("dataset.path"), given.get("history", "known"), titled == "true", named)
    print(export(runs, given["run"], Path(given["out"]), int(k), *where), end="")


def verify_verb(arguments: list[str]) -> None:
    """Check somebody's bundle."""
    if wants_help(arguments, VERIFY_HELP):
        return
    from attrec_bench.bundle import verify

    files = [each for each in arguments if "=" not in each]
    given = only(pairs([each for each in arguments if "=" in each]), ("dataset.path", "trust"))
    trust(given)
    if len(files) != 1:
        raise InputError(f"verify needs one bundle, got {' '.join(files) or 'nothing'}")
    print(verify(Path(files[0]), given.get("dataset.path")), end="")


def doctor_verb(arguments: list[str]) -> None:
    """Print what is as it should be and what is not; the exit code is 1 where something is broken."""
    if wants_help(arguments, DOCTOR_HELP):
        return
    from attrec_bench.doctor import BROKEN, doctor

    given = only(pairs(arguments), ("runs",))
    findings = doctor(Path(given.get("runs") or os.environ.get("ATTREC_BENCH_RUNS") or "runs"))
    print("\n".join(map(str, findings)))
    sys.exit(any(finding.grade == BROKEN for finding in findings))


def wants_help(arguments: list[str], text: str) -> bool:
    """Print the verb's help if that was asked for."""
    if not {"-h", "--help", "help"} & set(arguments):
        return False
    print(text, end="")
    return True


def pairs(arguments: list[str]) -> dict[str, str]:
    """["dataset=ml-100k", ...] -> {"dataset": "ml-100k", ...}."""
    for argument in arguments:
        if "=" not in argument:
            raise InputError(f"arguments must be KEY=VALUE, got {argument!r}")
    return {key: value for key, _, value in (argument.partition("=") for argument in arguments)}


def only(given: dict[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    """Return what was given if all its keys are known."""
    for key in given:
        require_choice("key", key, keys)
    return given


def trust(given: dict[str, str]) -> None:
    """Take ``trust``, a class whose code may be run although a record names it, out of what was given."""
    from attrec_bench.targets import named

    named([f"_target_={given.pop('trust', '')}"])


def runs_folder(given: str | None) -> Path:
    """Return the folder of the records; one that is not there is an error."""
    folder = Path(given or os.environ.get("ATTREC_BENCH_RUNS") or "runs")
    if not folder.is_dir():
        raise InputError(f"no folder of records at {folder}: run something first, or say runs=FOLDER")
    return folder


VERBS: dict[str, Callable[[list[str]], None]] = {
    "table": table_verb,
    "report": report_verb,
    "why": why_verb,
    "recommend": recommend_verb,
    "explain": explain_verb,
    "data": data_verb,
    "export": export_verb,
    "verify": verify_verb,
    "doctor": doctor_verb,
}
