"""Tables -> the same tables with a published column and, in the notes, every published value with its verdict."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from attrec_bench.results.published.beside import RULE, Beside, beside
from attrec_bench.results.published.registry import PRIMARY, Published, published
from attrec_bench.results.tables import DIGITS, Table


def with_published(tables: Sequence[Table], known: Sequence[Published] | None = None) -> list[Table]:
    """Put beside each row what is published for its model, data set and metrics, by default all of the registry."""
    return [_with_published(table, published() if known is None else known) for table in tables]


def _with_published(table: Table, known: Sequence[Published]) -> Table:
    found = [
        each
        for row in table.rows
        for each in beside(
            row.label,
            row.records,
            [(metric, cell.mean, cell.interval) for metric, cell in zip(table.metrics, row.cells, strict=True)],
            known,
        )
    ]
    details = (*table.details, *map(_note, _by_source(found)), *_chosen(table.metrics, found))
    return replace(table, published=tuple(found), details=details)


def _chosen(metrics: Sequence[str], found: Sequence[Beside]) -> list[str]:
    """Return a note on which of several values the column shows; it is of the first metric with any."""
    shown = next((metric for metric in metrics if any(each.metric == metric for each in found)), None)
    counts = Counter(each.row for each in found if each.metric == shown)
    several = [row for row, number in counts.items() if number > 1]
    return [f"Of several published values the column shows one, beside {', '.join(several)}: {RULE}"] if several else []


def _by_source(found: Sequence[Beside]) -> list[list[Beside]]:
    """Values that share row, source and verdict together."""
    groups: dict[tuple[str, ...], list[Beside]] = {}
    for each in found:
        groups.setdefault((each.row, each.theirs.source, each.verdict), []).append(each)
    return list(groups.values())


def _note(group: Sequence[Beside]) -> str:
    first = group[0].theirs
    second_hand = ", second-hand" if first.confidence != PRIMARY else ""
    labels = dict.fromkeys(each.theirs.label for each in group)
    once = group[0].unjudged if len({each.unjudged for each in group}) == 1 else ""
    told = [
        f"{label}: {', '.join(_value(each, once) for each in group if each.theirs.label == label)}" for label in labels
    ]
    beside = f"Published beside {group[0].row} ({first.source}{second_hand})"
    return "; ".join([f"{beside}: {'; '.join(told)}", group[0].verdict, *([once] if once else [])])


def _value(each: Beside, once: str) -> str:
    """Say of one value where it lies, or why that cannot be said unless the whole note says so ``once``."""
    unjudged = "" if once else each.unjudged
    where = {True: "within our interval", False: "outside our interval", None: unjudged}[each.within]
    difference = ", ".join(filter(None, (f"ours {each.difference:+.{DIGITS}f}", where)))
    return f"{each.metric} {each.theirs.value:.{DIGITS}f} ({difference})"
