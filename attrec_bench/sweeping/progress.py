"""One live line on a terminal; elsewhere a plain line now and then, so that logs stay short."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrec_bench.sweeping.census import Census
from attrec_bench.sweeping.sweep import Sweep

QUIET = 30.0
"""Seconds between two plain lines at least."""


@contextmanager
def shown() -> Iterator[Callable[[str], None]]:
    """Yield a function that takes the state in one line and shows it."""
    if not sys.stderr.isatty():
        yield plain_lines()
        return
    from rich.console import Console
    from rich.status import Status
    from rich.text import Text

    with Status("starting the workers", console=Console(stderr=True), spinner="line") as status:
        yield lambda line: status.update(Text(line, no_wrap=True, overflow="ellipsis"))


def plain_lines() -> Callable[[str], None]:
    """Return a function that prints a line that differs from the last one, unless that is only just printed."""
    last, at = "", 0.0

    def say(line: str) -> None:
        nonlocal last, at
        if line != last and (not last or time.monotonic() - at >= QUIET):
            print(line, file=sys.stderr, flush=True)
            last, at = line, time.monotonic()

    return say


def line(sweep: Sweep, count: Census, confirmed: int) -> str:
    """State of one sweep: "planted-attrec: 7 of 40 trials done, 2 running, 3 pruned; best NDCG@50 0.1234 (trial 5)"."""
    parts = [f"{sweep.name}: {count.finished} of {sweep.total} trials done"]
    others = {"running": count.running, "pruned": count.pruned, "failed": count.failed, "killed": count.killed}
    parts += [f"{number} {what}" for what, number in others.items() if number]
    told = ", ".join(parts)
    if count.best is not None:
        told += f"; best {sweep.config.train.monitor} {count.best.value:.4f} (trial {count.best.number})"
    if count.over(sweep.total, sweep.max_failed):
        return f"{told}; {confirmed} of {len(sweep.final_seeds)} runs of the winner done"
    return told + left(sweep.total - count.finished, count)


def left(trials: int, count: Census) -> str:
    """Time that the remaining trials will take if they last as long as those before, in words."""
    seconds = trials * count.mean_seconds / max(count.running, 1)
    if not seconds:
        return ""
    unit, length = ("h", 3600) if seconds >= 3600 else ("min", 60) if seconds >= 60 else ("s", 1)
    return f"; about {seconds / length:.0f} {unit} left"
