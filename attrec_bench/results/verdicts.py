"""What the marks of a table mean, in words: the tests that they stand for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attrec_bench.evaluation.comparison import SIGN_FLIP, Comparison
from attrec_bench.evaluation.statistics import FLIPS, LEVEL
from attrec_bench.results.captions import count

BETTER, WORSE = "†", "‡"
SIGNIFICANT = f"significant at {1 - LEVEL:.0%} after Holm's correction"


@dataclass(frozen=True)
class Family:
    """The tests of one table, which Holm's correction is over.

    ``chosen``: what the baseline is where it is not named, as "the strongest baseline"; else "". ``over``: what a
    user's values are averaged over.
    """

    found: Sequence[Comparison]
    test: str
    chosen: str
    over: str


def marks_explained(family: Family, metric: str) -> list[str]:
    """Return the note on the marks: what was tested and how. ``metric`` is that of the first column."""
    if not family.found:
        return []
    baseline, users, tests = _of_family(family)
    strongest = f", {family.chosen} by {metric}" if family.chosen else ""
    return [
        f"{BETTER} better and {WORSE} worse than {baseline}{strongest}: two-sided paired tests ({_how(family)}) over "
        f"{users}, each averaged over {family.over}; {SIGNIFICANT} over {tests}"
    ]


def marks_of_several(families: Mapping[str, Family], metric: str) -> list[str]:
    """Return the note on the marks of several data sets, each a family of its own; the keys are their names."""
    tested = {name: family for name, family in families.items() if family.found}
    if not tested:
        return []
    first = next(iter(tested.values()))
    than = f"{first.chosen} by {metric}" if first.chosen else first.found[0].baseline
    each = "; ".join(f"{name}: {', '.join(_of_family(family))}" for name, family in tested.items())
    return [
        f"{BETTER} better and {WORSE} worse than {than}: two-sided paired tests ({_how(first)}) over users, each "
        f"averaged over {first.over}; {SIGNIFICANT} within each data set, whose tests are a family of their own "
        f"({each})"
    ]


def _how(family: Family) -> str:
    return f"sign-flip randomisation, {FLIPS:,} flips" if family.test == SIGN_FLIP else "Wilcoxon's signed ranks"


def _of_family(family: Family) -> tuple[str, str, str]:
    """Return the baseline, the number of users and that of tests."""
    first = family.found[0]
    return first.baseline, f"{first.users:,} users", count(len(family.found), "test")
