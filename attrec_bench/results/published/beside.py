"""Table -> the same table with what others have published beside its values, and whether the two may be compared."""

from collections.abc import Sequence
from dataclasses import dataclass

from attrec_bench.results.cautions import unjudged
from attrec_bench.results.published.comparable import reasons, unknown
from attrec_bench.results.published.registry import PRIMARY, UNKNOWN, Published
from attrec_bench.results.record import Record

RULE = (
    "fewest known differences, then fewest unknown fields, then the primary source before a second hand, then the "
    "highest; never the nearest to ours"
)
"""Which of several published values of one metric comes first. The last word is the hardest yardstick's."""


@dataclass(frozen=True)
class Beside:
    """A published value beside ours.

    ``difference`` is ours less theirs; ``within`` says whether theirs lies in our 95 % interval, None without one that
    can tell, and ``unjudged`` why not. ``reasons`` say why the two cannot be compared, none where nothing known speaks
    against it; ``unknown`` are the fields of its protocol that the source does not give.
    """

    row: str
    metric: str
    ours: float
    theirs: Published
    within: bool | None
    unjudged: str
    reasons: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def difference(self) -> float:
        """Ours less theirs."""
        return self.ours - self.theirs.value

    @property
    def verdict(self) -> str:
        """``comparable`` or ``not comparable because ...``, and what is unknown."""
        told = f"not comparable because {'; '.join(self.reasons)}" if self.reasons else "comparable"
        return f"{told} ({UNKNOWN}: {', '.join(self.unknown)})" if self.unknown else told


def beside(
    row: str,
    records: Sequence[Record],
    values: Sequence[tuple[str, float, tuple[float, float] | None]],
    known: Sequence[Published],
) -> list[Beside]:
    """What is known beside one row, whose records are all alike but for the seed; in the order of RULE.

    ``values`` are (metric, mean, interval); a model of ours that is a variant of another, attrec_author, has the
    latter's published values too.
    """
    found, record = [], records[0]
    for metric, ours, interval in values:
        why_not = unjudged(records, interval)
        for theirs in known:
            if (theirs.dataset, theirs.metric) != (record.data["name"], metric) or not _same_model(record, theirs):
                continue
            within = None if why_not or interval is None else interval[0] <= theirs.value <= interval[1]
            why, hidden = tuple(reasons(record, theirs)), tuple(unknown(theirs))
            found.append(Beside(row, metric, ours, theirs, within, why_not, why, hidden))
    metrics = [metric for metric, _, _ in values]
    return sorted(found, key=lambda each: (*_distance(each), metrics.index(each.metric), -each.theirs.value))


def _distance(each: Beside) -> tuple[int, int, bool]:
    """How far a published value is from being made as ours was. Ours is no part of it."""
    return len(each.reasons), len(each.unknown), each.theirs.confidence != PRIMARY


def _same_model(record: Record, theirs: Published) -> bool:
    return record.model == theirs.model or record.model.startswith(f"{theirs.model}_")
