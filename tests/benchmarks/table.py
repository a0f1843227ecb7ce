"""Costs of several rounds -> lines of a table: medians, ratios, and whether a limit was kept."""

import statistics
from collections.abc import Iterator, Sequence

from tests.benchmarks.clock import Cost
from tests.benchmarks.works import Peer, Work

HEADER = f"{'':40}{'CPU-s':>8}{'least':>8}{'most':>8}{'wall s':>8}{'times ours':>12}{'limit':>10}"
Rounds = Sequence[Cost]
"""The costs of one job, a round each."""


def verdict(value: float, *, at_most: float | None = None, at_least: float | None = None) -> str:
    """Value and limit -> the last columns of a line; nothing where nothing is asked."""
    if at_most is not None:
        return f"{'<= ' + format(at_most, '.4g'):>10}  {'ok' if value <= at_most else 'MISSED'}"
    if at_least is not None:
        return f"{'>= ' + format(at_least, '.2g'):>10}  {'ok' if value >= at_least else 'MISSED'}"
    return ""


def times(theirs: Rounds, ours: Rounds) -> float:
    """Return the median over the rounds of their CPU-seconds by ours of the same round: both met the same machine."""
    return statistics.median(their.cpu / our.cpu for their, our in zip(theirs, ours, strict=True))


def figures(label: str, rounds: Rounds) -> str:
    """Label and costs -> the first columns of a line; a share that was timed is named."""
    cpu = sorted(cost.cpu for cost in rounds)
    share = rounds[0].share
    shown = label if share > 0.95 else f"{label} ({share:.0%} timed)"
    wall = statistics.median(cost.wall for cost in rounds)
    return f"  {shown:38}" + "".join(f"{value:8.3g}" for value in (statistics.median(cpu), cpu[0], cpu[-1], wall))


def lines(work: Work, ours: Rounds, theirs: Sequence[tuple[Peer, Rounds | str]]) -> Iterator[str]:
    """Yield the lines of one comparison; a peer without costs has instead the reason, a line of text."""
    median = statistics.median(cost.cpu for cost in ours)
    yield work.title
    yield f"{figures(work.ours.label, ours)}{'':12}{verdict(median, at_most=work.at_most)}".rstrip()
    for peer, rounds in theirs:
        if isinstance(rounds, str):
            yield f"  {peer.job.label:38}  not measured: {rounds}"
            continue
        ratio = times(rounds, ours)
        yield f"{figures(peer.job.label, rounds)}{ratio:12.3g}{verdict(ratio, at_least=peer.at_least)}".rstrip()
