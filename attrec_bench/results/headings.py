"""Tables of one page -> headings that tell them apart and mark those whose figures are of drawn candidates."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrec_bench.results.labels import differing
from attrec_bench.results.protocols import sampled
from attrec_bench.results.record import text
from attrec_bench.results.tables import Table

SEEDS = ("tie_seed", "candidates_seed")
"""What goes with another setting: where only one table has it, that other setting tells."""


def headings(tables: Sequence[Table], titles: Sequence[str] | None = None) -> list[str]:
    """Return a heading for each table: its data, its protocol where there are several tables, and in parentheses the
    mark of drawn candidates and the settings in which tables of the same data and protocol differ.

    ``titles`` say what the data are called if not as a table calls its own.
    """
    called = [table.subject.title for table in tables] if titles is None else titles
    names = [
        f"{title}, {table.protocol['name']}" if len(tables) > 1 else title
        for title, table in zip(called, tables, strict=True)
    ]
    alike: dict[str, list[Table]] = {}
    for name, table in zip(names, tables, strict=True):
        alike.setdefault(name, []).append(table)
    return [_heading(name, table, alike[name]) for name, table in zip(names, tables, strict=True)]


def _heading(name: str, own: Table, alike: Sequence[Table]) -> str:
    """``alike`` are the tables of this name, the own one among them; a file that has changed is told by its sum."""
    keys = _keys([table.protocol for table in alike])
    settings = [f"{key}={text(own.protocol[key])}" for key in keys if key in own.protocol]
    changed = len({table.data["sha256"] for table in alike}) > 1
    file = f"sha256 {own.data['sha256'][:8]}" if changed else ""
    told = ", ".join(filter(None, [sampled(own.protocol), *settings, file]))
    return f"{name} ({told})" if told else name


def _keys(protocols: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys in which protocols of one name differ; the candidates have a mark of their own."""
    telling = [key for key in differing(protocols) if key != "candidates"]
    return [key for key in telling if key not in SEEDS or _several(key, protocols)]


def _several(key: str, protocols: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the protocols that use a seed do not all use the same."""
    return len({text(each[key]) for each in protocols if each.get(key) is not None}) > 1
