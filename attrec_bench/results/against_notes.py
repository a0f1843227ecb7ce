"""Comparisons of a table with its baseline -> what the notes below it say of them."""

from collections.abc import Iterable, Mapping, Sequence

from attrec_bench.evaluation.comparison import WILCOXON, Comparison
from attrec_bench.evaluation.statistics import LEVEL, POWER
from attrec_bench.results import cautions
from attrec_bench.results.captions import seeds
from attrec_bench.results.draws import draws
from attrec_bench.results.record import Record


def contrary(found: Sequence[Comparison]) -> list[str]:
    """Return a note on the differences that bear no mark since the test found the other direction than the mean."""
    metrics: dict[str, list[str]] = {}
    for each in found:
        if cautions.significant(each) and each.contrary:
            metrics.setdefault(each.model, []).append(each.metric)
    listed = "; ".join(f"{model} in {', '.join(names)}" for model, names in metrics.items())
    told = "No mark though p is significant, since the mean and Wilcoxon's signed ranks disagree on which is better"
    return [f"{told}: {listed}"] if listed else []


def of_these_runs(found: Sequence[Comparison], paired: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return a note on the marks whose difference has an interval that holds 0: the test takes the runs as they are,
    averaged, while the interval also asks what other seeds or orders of the data would have given.

    ``paired`` is as in ``differences``.
    """
    metrics: dict[str, list[str]] = {}
    levels: list[str] = []
    for each in found:
        low, high = each.interval
        varied = _varied([paired[each.model], paired[each.baseline]])
        if varied and cautions.significant(each) and not each.contrary and low <= 0 <= high:
            metrics.setdefault(each.model, []).append(each.metric)
            levels = varied if len(varied) > len(levels) else levels
    listed = "; ".join(f"{model} in {', '.join(names)}" for model, names in metrics.items())
    told = f"Marks that hold for these runs and may not for other {' and '.join(levels)}, since the interval of the "
    return [f"{told}difference over {_listed([*levels, 'users'])} holds 0: {listed}"] if listed else []


def differences(
    found: Sequence[Comparison], metric: str, test: str, paired: Mapping[str, Sequence[Record]]
) -> list[str]:
    """Return the note that gives every difference in one metric, with interval, p and effect.

    ``paired`` are the records of the rows that were compared and of the baseline, by label.
    """
    first = [each for each in found if each.metric == metric]
    if not first:
        return []
    over = resampled(paired.values())
    return [
        f"{metric} against {first[0].baseline}, with {LEVEL:.0%} intervals (bootstrap over {over}); effect is the "
        "difference in standard deviations (sd) of the users' differences, smallest the smallest difference found with "
        f"power {POWER} in one uncorrected test: "
        f"{'; '.join(map(_difference, first))}{_at_odds(first, test, paired)}"
    ]


def resampled(rows: Iterable[Sequence[Record]]) -> str:
    """Return in words what the bootstrap of these rows resamples: users, and whatever any row has several of."""
    return _listed([*_varied(rows), "users"])


def _varied(rows: Iterable[Sequence[Record]]) -> list[str]:
    """Return seeds and tie draws where any row has several."""
    sizes = [(len(seeds(records)), len(draws(records))) for records in rows]
    return [
        name for name, numbers in zip(("seeds", "tie draws"), zip(*sizes, strict=True), strict=True) if max(numbers) > 1
    ]


def _at_odds(shown: Sequence[Comparison], test: str, paired: Mapping[str, Sequence[Record]]) -> str:
    """Return why interval and p seem to contradict each other: 0 lies in the one and not in what the other leaves."""
    odd = [each for each in shown if (each.interval[0] <= 0 <= each.interval[1]) == cautions.significant(each)]
    reasons = [
        why for each in odd for why in _reasons(each, test, _varied([paired[each.model], paired[each.baseline]]))
    ]
    told = "; ".join(dict.fromkeys(reasons))
    return f". Where interval and p seem to contradict each other: {told}" if odd else ""


def _reasons(each: Comparison, test: str, levels: Sequence[str]) -> list[str]:
    """Return why this one's interval is the wider, or its p the larger; ``levels`` are resampled beside the users."""
    reasons = ["the test is of signed ranks, the interval of the mean"] if test == WILCOXON else []
    if cautions.significant(each) and levels:
        reasons.append(f"the interval also resamples {_listed(levels)}, the test does not")
    if each.p <= 1 - LEVEL and not cautions.significant(each):
        reasons.append("p is corrected for the number of tests, the interval is not")
    return reasons or ["both are approximate, and such a difference is at the border of what can be told"]


def _difference(each: Comparison) -> str:
    low, high = each.interval
    effect = "" if each.effect is None else f", effect {each.effect:+.2f} sd"
    return (
        f"{each.model} {each.difference:+.4f} [{low:+.4f}, {high:+.4f}], p {each.p_words} (Holm){effect}, users "
        f"better/same/worse {each.wins}/{each.ties}/{each.losses}, smallest {_smallest(each)}"
    )


def _smallest(each: Comparison) -> str:
    if each.detectable is not None:
        return f"{each.detectable:.4f}"
    return f"- ({'all users differ alike' if each.wins or each.losses else 'no user differs'})"


def _listed(words: Sequence[str]) -> str:
    """["seeds", "users"] -> "seeds and users"."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
