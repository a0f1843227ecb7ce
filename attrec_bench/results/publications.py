"""Tables -> the same tables with a published column and, in the notes, every published value with its verdict."""

from collections.abc import Sequence
from dataclasses import replace

from attrec_bench.results.published.beside import Beside, beside
from attrec_bench.results.published.registry import Published, published
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
            row.records[0],
            [(metric, cell.mean, cell.interval) for metric, cell in zip(table.metrics, row.cells, strict=True)],
            known,
        )
    ]
    return replace(table, published=tuple(found), details=(*table.details, *map(_note, _by_source(found))))


def _by_source(found: Sequence[Beside]) -> list[list[Beside]]:
    """Values that share row, source and verdict together."""
    groups: dict[tuple[str, ...], list[Beside]] = {}
    for each in found:
        groups.setdefault((each.row, each.theirs.source, each.verdict), []).append(each)
    return list(groups.values())


def _note(group: Sequence[Beside]) -> str:
    first = group[0].theirs
    second_hand = ", second-hand" if first.confidence != "V" else ""
    labels = dict.fromkeys(each.theirs.label for each in group)
    told = [f"{label}: {', '.join(_value(each) for each in group if each.theirs.label == label)}" for label in labels]
    beside = f"Published beside {group[0].row} ({first.source}{second_hand})"
    return f"{beside}: {'; '.join(told)}; {group[0].verdict}"


def _value(each: Beside) -> str:
    where = {True: ", within our interval", False: ", outside our interval", None: ""}[each.within]
    return f"{each.metric} {each.theirs.value:.{DIGITS}f} (ours {each.difference:+.{DIGITS}f}{where})"
