"""The verbs of the command line. Nothing heavy is imported before a verb needs it."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrec_bench.errors import InputError, require_choice
from attrec_bench.help import DATA_HELP, EXPLAIN_HELP, HELP, RECOMMEND_HELP, TABLE_HELP

if TYPE_CHECKING:
    from omegaconf import DictConfig

FAILED: list[str] = []
"""Overrides of the jobs that failed."""


def main() -> None:
    """Entry point: run the verb and turn mistakes into one line and an exit code."""
    verb, arguments = (sys.argv[1] if len(sys.argv) > 1 else "--help"), sys.argv[2:]
    if verb in ("-h", "--help", "help"):
        print(HELP, end="")
        return
    verbs: dict[str, Callable[[list[str]], None]] = {
        "run": run_verb,
        "sweep": sweep_verb,
        "worker": worker_verb,
        "table": table_verb,
        "recommend": recommend_verb,
        "explain": explain_verb,
        "data": data_verb,
    }
    try:
        require_choice("verb", verb, verbs)
        verbs[verb](arguments)
    except KeyboardInterrupt:
        sys.exit(stopped("interrupted; finished runs are recorded, the same command goes on from there", 130))
    except Exception as error:
        if os.environ.get("ATTREC_BENCH_TRACEBACK"):
            raise
        sys.exit(stopped(one_line(error), 1))
    if len(FAILED) > 1 or (FAILED and {"-m", "--multirun"} & set(arguments)):
        stopped(f"{len(FAILED)} of this command's runs failed: {'; '.join(FAILED)}", 1)
    sys.exit(bool(FAILED))


def stopped(message: str, code: int) -> int:
    """Say on stderr what went wrong and return the exit code."""
    print(f"attrec-bench: {message}", file=sys.stderr)
    return code


def one_line(error: BaseException) -> str:
    """Return an error as one line; a bug says how to see where it happened."""
    from attrec_bench.configuration import explained

    expected = explained(error)
    if expected is not None:
        return expected
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} (ATTREC_BENCH_TRACEBACK=1 shows where)"


def run_verb(arguments: list[str]) -> None:
    """Hand over to Hydra: one run, or with -m one for each combination."""
    import hydra

    from attrec_bench.configuration import conf_folder, with_tie_draws

    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises, and the one line is ours
    sys.argv = ["attrec-bench run", *flags_first(with_tie_draws(arguments))]
    hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")(job)()


def flags_first(arguments: list[str]) -> list[str]:
    """Put Hydra's flags before the overrides: it refuses overrides on both sides of a flag, which people type."""
    flags, overrides, rest = [], [], iter(arguments)
    for argument in rest:
        if argument in ("-c", "--cfg", "-p", "--package", "-i", "--info"):
            flags += [argument, next(rest, "")]
        elif argument.startswith("-"):
            flags.append(argument)
        else:
            overrides.append(argument)
    return [flag for flag in flags if flag] + overrides


def job(config: "DictConfig") -> None:
    """One Hydra job. A failure is said in one line and noted, so that the other jobs of a multirun go on."""
    from hydra.core.hydra_config import HydraConfig

    settings = HydraConfig.get()
    noted = settings.launcher._target_.endswith("BasicLauncher")  # another process's list would be lost
    try:
        run_job(config, settings)
    except Exception as error:
        if not noted or os.environ.get("ATTREC_BENCH_TRACEBACK"):
            raise
        stopped(one_line(error), 1)
        FAILED.append(" ".join(settings.overrides.task))


def run_job(config: "DictConfig", settings: Any) -> None:
    """Train or find, print the figures, send the record to MLflow."""
    from attrec_bench.configuration import model_name
    from attrec_bench.results.captions import sampled
    from attrec_bench.results.marks import store_uri
    from attrec_bench.run import run

    if config.tracking.uri != "off":
        store_uri(Path(config.runs), config.tracking.uri)  # an address that cannot be one is told before training
    command = shlex.join(["attrec-bench", "run", *settings.overrides.task])
    record, found = run(config, model_name(config, settings.runtime.choices["model"]), command)
    shown = "  ".join(f"{name} {record.metrics['test'][name]:.4f}" for name in ("HR@10", "HR@50", "NDCG@10", "MRR"))
    seed = "-" if record.config["seed"] is None else record.config["seed"]
    how = "found" if found else f"{sum(record.seconds.values()):.1f} s"
    how = ", ".join(filter(None, (sampled(record.config["protocol"]), how)))
    epochs = f", epoch {record.epochs} of {len(record.history)}" if record.epochs else ""
    print(f"{record.model:<14} seed {seed}  {shown}  ({how}{epochs}, run {record.identity[:16]})", flush=True)
    if config.tracking.uri != "off":
        from attrec_bench.results.tracking import send_pending

        send_pending(Path(config.runs), config.tracking.uri, config.tracking.experiment)


def sweep_verb(arguments: list[str]) -> None:
    """Search on validation, then train and test the winner on fresh seeds."""
    from attrec_bench.sweeping import HELP as SWEEP_HELP

    if wants_help(arguments, SWEEP_HELP):
        return
    from attrec_bench.sweeping.driver import sweep

    sys.exit(sweep(arguments))


def worker_verb(arguments: list[str]) -> None:
    """Be one worker of a sweep; `sweep` starts this, by itself or through a launcher."""
    from attrec_bench.sweeping.team import main as work

    work(arguments)


def table_verb(arguments: list[str]) -> None:
    """Print or write the tables of the recorded runs."""
    if wants_help(arguments, TABLE_HELP):
        return
    from attrec_bench.results import ledger
    from attrec_bench.results.against import compared
    from attrec_bench.results.formats import render
    from attrec_bench.results.publications import with_published
    from attrec_bench.results.select import select
    from attrec_bench.results.store import read_all
    from attrec_bench.results.tables import DEFAULT_METRICS, tables

    chosen = pairs(arguments)
    out, metrics, runs, against = (chosen.pop(key, None) for key in ("out", "metrics", "runs", "against"))
    form, test = chosen.pop("format", "terminal"), chosen.pop("test", "sign-flip")
    tuned = chosen.pop("tuned", "false")
    require_choice("tuned", tuned, ("true", "false"))
    ledgers = ledger.read_all(runs_folder(runs)) if tuned == "true" else []
    records = select(read_all(runs_folder(runs)), chosen)
    records = ledger.tuned(records, ledgers) if tuned == "true" else records
    made = compared(tables(records, DEFAULT_METRICS if metrics is None else metrics.split(",")), against, test)
    made = ledger.footed(with_published(made), ledgers)
    text = render(made, form, color=out is None and sys.stdout.isatty())
    if out is None:
        print(text, end="")
    else:
        Path(out).write_text(text)
        print(f"wrote {out}")


def recommend_verb(arguments: list[str]) -> None:
    """Print what a recorded model recommends to one user."""
    if wants_help(arguments, RECOMMEND_HELP):
        return
    from attrec_bench.recommend import recommend

    given = only(pairs(arguments), ("run", "user", "k", "runs", "dataset.path"))
    for key in ("run", "user"):
        if key not in given:
            raise InputError(f"recommend needs {key}=..., got {' '.join(arguments) or 'nothing'}")
    k = given.get("k", "10")
    if not k.isdigit() or int(k) < 1:
        raise InputError(f"k must be a whole number of at least 1, got {k!r}")
    runs = runs_folder(given.get("runs"))
    print(recommend(runs, given["run"], given["user"], int(k), given.get("dataset.path")), end="")


def explain_verb(arguments: list[str]) -> None:
    """Print how far each choice of the protocol moves the figures of recorded runs."""
    if wants_help(arguments, EXPLAIN_HELP):
        return
    from attrec_bench.explain import explain

    given = only(pairs(arguments), ("run", "metrics", "runs", "dataset.path"))
    print(explain(runs_folder(given.pop("runs", None)), given), end="")


def data_verb(arguments: list[str]) -> None:
    """Print what a data set holds; with `audit`, what a figure on it is worth under the protocol."""
    if wants_help(arguments, DATA_HELP):
        return
    from attrec_bench.data_report import data_report

    print(data_report(arguments), end="")


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


def runs_folder(given: str | None) -> Path:
    """Return the folder of the records; one that is not there is an error."""
    folder = Path(given or os.environ.get("ATTREC_BENCH_RUNS") or "runs")
    if not folder.is_dir():
        raise InputError(f"no folder of records at {folder}: run something first, or say runs=FOLDER")
    return folder


if __name__ == "__main__":
    main()
