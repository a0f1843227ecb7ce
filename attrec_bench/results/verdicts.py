"""Comparisons with the baseline in words: what the marks of a table mean, and every difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attrec_bench.evaluation.comparison import SIGN_FLIP, Comparison
from attrec_bench.evaluation.statistics import FLIPS, LEVEL, POWER
from attrec_bench.results import cautions
from attrec_bench.results.captions import count

BETTER, WORSE = "†", "‡"
SIGNIFICANT = f"significant at {1 - LEVEL:.0%} after Holm's correction"

AT_ODDS = (
    ". Where interval and p seem to contradict each other: the interval also resamples seeds, the test does not; and p "
    "is corrected for the number of tests, the interval is not"
)


@dataclass(frozen=True)
class Family:
    """The tests of one table, which Holm's correction is over. ``chosen``: the baseline is the strongest, not named."""

    found: Sequence[Comparison]
    test: str
    chosen: bool


def marks_explained(family: Family, metric: str) -> list[str]:
    """Return the note on the marks: what was tested and how. ``metric`` is that of the first column."""
    if not family.found:
        return []
    baseline, users, tests = _of_family(family)
    strongest = f", the strongest baseline by {metric}" if family.chosen else ""
    return [
        f"{BETTER} better and {WORSE} worse than {baseline}{strongest}: two-sided paired tests ({_how(family)}) over "
        f"{users}, each averaged over seeds; {SIGNIFICANT} over {tests}"
    ]


def marks_of_several(families: Mapping[str, Family], metric: str) -> list[str]:
    """Return the note on the marks of several data sets, each a family of its own; the keys are their names."""
    tested = {name: family for name, family in families.items() if family.found}
    if not tested:
        return []
    first = next(iter(tested.values()))
    than = f"the strongest baseline by {metric}" if first.chosen else first.found[0].baseline
    each = "; ".join(f"{name}: {', '.join(_of_family(family))}" for name, family in tested.items())
    return [
        f"{BETTER} better and {WORSE} worse than {than}: two-sided paired tests ({_how(first)}) over users, each "
        f"averaged over seeds; {SIGNIFICANT} within each data set, whose tests are a family of their own ({each})"
    ]


def _how(family: Family) -> str:
    return f"sign-flip randomisation, {FLIPS:,} flips" if family.test == SIGN_FLIP else "Wilcoxon's signed ranks"


def _of_family(family: Family) -> tuple[str, str, str]:
    """Return the baseline, the number of users and that of tests."""
    first = family.found[0]
    return first.baseline, f"{first.users:,} users", count(len(family.found), "test")


def differences(found: Sequence[Comparison], metric: str) -> list[str]:
    """Return the note that gives every difference in one metric, with interval, p and effect."""
    first = [each for each in found if each.metric == metric]
    if not first:
        return []
    return [
        f"{metric} against {first[0].baseline}, with {LEVEL:.0%} intervals (bootstrap over seeds and users); effect is "
        "the difference in standard deviations (sd) of the users' differences: "
        + "; ".join(map(_difference, first))
        + (AT_ODDS if any(map(_at_odds, first)) else "")
    ]


def _at_odds(each: Comparison) -> bool:
    """Whether interval and p seem to contradict each other: 0 lies in the one and not in what the other leaves."""
    low, high = each.interval
    return (low <= 0 <= high) == cautions.significant(each)


def _difference(each: Comparison) -> str:
    low, high = each.interval
    effect = "" if each.effect is None else f", effect {each.effect:+.2f} sd"
    smallest = (
        "" if each.detectable is None else f", smallest difference found with power {POWER}: {each.detectable:.4f}"
    )
    return (
        f"{each.model} {each.difference:+.4f} [{low:+.4f}, {high:+.4f}], p {each.p_words} (Holm){effect}, users "
        f"better/same/worse {each.wins}/{each.ties}/{each.losses}{smallest}"
    )
