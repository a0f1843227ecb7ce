"""The command line: verbs that train; those that read what is recorded stand in verbs.py.

Nothing heavy is imported before a verb needs it.
"""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrec_bench import stopping, verbs
from attrec_bench.errors import require_choice
from attrec_bench.help import HELP

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
    stopping.end_on_term()
    try:
        require_choice("verb", verb, VERBS)
        sys.path.append(os.getcwd())  # model._target_=mymodels.Mine; a console script does not look there by itself
        VERBS[verb](arguments)
    except KeyboardInterrupt as error:
        said = "interrupted; what is finished is kept, the same command goes on from there"
        stopping.leave(stopped(said, stopping.exit_code(error)))
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

    from attrec_bench.configuration import conf_folder, searched, told_of, with_own_model, with_tie_draws

    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises, and the one line is ours
    given = flags_first(with_tie_draws(with_own_model(arguments)))
    sys.argv = ["attrec-bench run", *given, *searched()]
    with told_of(given):
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
    from attrec_bench.configuration import check_places, model_name
    from attrec_bench.results.marks import store_uri
    from attrec_bench.results.naming import called
    from attrec_bench.results.protocols import sampled
    from attrec_bench.run import run
    from attrec_bench.targets import named

    named(settings.overrides.task)
    check_places(config, lambda: settings.runtime.choices)
    if config.tracking.uri != "off":
        store_uri(Path(config.runs), config.tracking.uri)  # an address that cannot be one is told before training
    typed = [each for each in settings.overrides.task if not each.startswith("force=")]  # a command that repeats finds
    command = shlex.join(["attrec-bench", "run", *typed])
    name = model_name(config, settings.runtime.choices["model"])
    recorded, found = run(config, name, command)
    record = called(Path(config.runs), recorded, name)
    shown = "  ".join(f"{name} {record.metrics['test'][name]:.4f}" for name in ("HR@10", "HR@50", "NDCG@10", "MRR"))
    seed = "-" if record.config["seed"] is None else record.config["seed"]
    before = "" if record.model == recorded.model else f", until now called {recorded.model}"
    how = f"found{before}" if found else f"{sum(record.seconds.values()):.1f} s"
    how = ", ".join(filter(None, (sampled(record.config["protocol"]), how)))
    epochs = f", epoch {record.epochs} of {len(record.history)}" if record.epochs else ""
    print(f"{record.model:<14} seed {seed}  {shown}  ({how}{epochs}, run {record.identity[:16]})", flush=True)
    if config.tracking.uri != "off":
        from attrec_bench.results.tracking import send_pending

        send_pending(Path(config.runs), config.tracking.uri, config.tracking.experiment)


def sweep_verb(arguments: list[str]) -> None:
    """Search on validation, then train and test the winner on fresh seeds."""
    from attrec_bench.sweeping import HELP as SWEEP_HELP

    if verbs.wants_help(arguments, SWEEP_HELP):
        return
    from attrec_bench.configuration import with_own_model
    from attrec_bench.sweeping.driver import sweep

    sys.exit(sweep(with_own_model(arguments)))


def worker_verb(arguments: list[str]) -> None:
    """Be one worker of a sweep; `sweep` starts this, by itself or through a launcher."""
    from attrec_bench.sweeping.team import main as work

    work(arguments)


VERBS: dict[str, Callable[[list[str]], None]] = {
    "run": run_verb,
    "sweep": sweep_verb,
    "worker": worker_verb,
    **verbs.VERBS,
}


if __name__ == "__main__":
    main()
