"""The verb `sweep`: checks everything, starts workers, shows how far they are, and writes the ledger.

It takes no part in the search and holds no state: killed and started again, it finds all in the study.
"""

import logging
import math
import os
import sys
import time
from collections.abc import Sequence

from attrec_bench.results import ledger
from attrec_bench.results.record import Record, text
from attrec_bench.results.tracking import send_pending
from attrec_bench.sweeping.census import Census, cost
from attrec_bench.sweeping.progress import line, shown
from attrec_bench.sweeping.sweep import Sweep, sweeps
from attrec_bench.sweeping.team import SOON, Team, check_launcher, launched, local
from attrec_bench.sweeping.watch import Watch, Watched

POLL = 0.5
"""Seconds between two looks at the studies."""

log = logging.getLogger(__name__)


def sweep(arguments: Sequence[str]) -> int:
    """Run the sweeps that the command line asks for and return the exit code: 1 where a trial failed or one is missing.

    Raises InputError for any mistake before a worker has been started.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    launcher = [each for each in arguments if each.lstrip("+~").startswith(("hydra/", "hydra."))]
    overrides = [each for each in arguments if each not in launcher]
    check_launcher(launcher)
    watched = [Watched(each) for each in sweeps(overrides)]
    if any(each.left() for each in watched):
        config = watched[0].sweep.config
        folder = (
            watched[0].sweep.root.resolve()
            / ledger.FOLDER
            / "logs"
            / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}-{os.getpid()}"
        )
        team = (
            launched(overrides, launcher, config.workers, folder)
            if launcher
            else local(overrides, config.workers, folder)
        )
        follow(watched, team)
    else:
        print("nothing is left to do: raise n_trials or final_seeds to go on", flush=True)
    return max(settled(each) for each in watched)


def follow(watched: Sequence[Watched], team: Team) -> None:
    """Start the team and show how far it is until all is done or nobody is at work any more."""
    watch = Watch(watched, team)
    try:
        team.start()
        with shown() as show:
            while watch.at_work():
                counts = [each.census() for each in watched]
                team.mend(sum(count.finished for count in counts))
                for each, count in zip(watched, counts, strict=True):
                    each.tell_failures(count)
                    each.send_in_passing()
                now = next((n for n, each in enumerate(watched) if each.left()), None)
                if now is None:
                    break
                show(line(watched[now].sweep, counts[now], len(watched[now].confirmed(counts[now]))))
                time.sleep(POLL)
                team.mend(sum(count.finished for count in counts))
        for error in () if team.far else dict.fromkeys(team.errors()):  # a launcher's was told when it ended
            log.warning("a worker ended with: %s", error)
    except KeyboardInterrupt:
        team.stop(SOON)
        raise
    finally:
        team.stop()


def settled(each: Watched) -> int:
    """Write the ledger, print what was found and return this sweep's exit code."""
    sweep, count = each.sweep, each.census()
    each.tell_failures(count)
    records = each.confirmed(count)
    short = count.finished < sweep.total or len(records) < len(sweep.final_seeds)
    if count.best is not None and records and not short:
        ledger.write(sweep.root, account(sweep, each, count, records))
    print("\n".join(summary(sweep, count, records)), flush=True)
    if each.sender is not None:
        each.sender.send(each.plain(), patience=math.inf)
        send_pending(sweep.root, sweep.config.tracking.uri, sweep.config.tracking.experiment)
    if count.hopeless(each.before):
        log.warning(
            "%s was stopped: its first trials failed alike and none has succeeded; a model that is mended is another, "
            "so sweep.name=NAME starts its study; if the cause lay elsewhere, the same command goes on",
            sweep.name,
        )
    elif count.finished < sweep.total:
        limit = f" (more than sweep.max_failed={sweep.max_failed} failed)" if count.failed > sweep.max_failed else ""
        log.warning(
            "%s has %d trials to go%s; the same command goes on", sweep.name, sweep.total - count.finished, limit
        )
    elif short:
        log.warning("%s lacks runs of its winner; the same command makes them", sweep.name)
    return int(short or count.failed > 0)


def account(sweep: Sweep, each: Watched, count: Census, records: Sequence[Record]) -> ledger.Ledger:
    """Return the study's ledger."""
    trials, monitor = each.study.get_trials(deepcopy=False), str(sweep.config.train.monitor)
    assert count.best is not None  # there are records of it
    winner = {key: count.best.params[key] for key in sweep.space.ranges}
    edges = {key: edge for key, value in winner.items() if (edge := sweep.space.ranges[key].edge(value))}
    means = {
        part: sum(record.metrics[part][monitor] for record in records) / len(records) for part in ("valid", "test")
    }
    return ledger.Ledger(
        study=sweep.name,
        model=sweep.model,
        identities=tuple(record.identity for record in records),
        monitor=monitor,
        trials=count.finished,
        pruned=count.pruned,
        failed=count.failed,
        killed=count.killed,
        values=tuple(trial.value for trial in trials if trial.state.is_finished() and trial.value is not None),
        cpu_seconds=sum(map(cost, trials)),
        space={key: each.words() for key, each in sweep.space.ranges.items()},
        winner=winner,
        edges=edges,
        searched=float(count.best.value or 0.0),
        seeded=all(record.config["seed"] is not None for record in records),
        **means,
    )


def summary(sweep: Sweep, count: Census, records: Sequence[Record]) -> list[str]:
    """What was found, in two lines."""
    lines = [line(sweep, count, len(records))]
    if count.best is not None:
        values = "  ".join(f"{key}={text(value)}" for key, value in count.best.params.items())
        lines.append(f"  best: {values}")
    for record in records:
        figures = "  ".join(
            f"{name} {record.metrics['test'][name]:.4f}" for name in ("HR@10", "HR@50", "NDCG@10", "MRR")
        )
        seed = "any seed" if record.config["seed"] is None else f"seed {record.config['seed']}"
        lines.append(f"  {seed}  {figures}  (run {record.identity[:16]})")
    return lines
