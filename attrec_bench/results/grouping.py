"""Records -> the groups that a table is made of, and which record of a group counts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from attrec_bench.results import draws
from attrec_bench.results.captions import count
from attrec_bench.results.labels import differing, settings_of
from attrec_bench.results.program import of_one_program
from attrec_bench.results.record import Record, digest, flatten

Member = TypeVar("Member")
Key = TypeVar("Key")


@dataclass(frozen=True)
class Part:
    """What one table is made of: of each model its configurations, of each of these its records.

    ``apart`` are the data set's own settings by which it differs from others of its name.
    """

    apart: Mapping[str, Any]
    models: Sequence[Sequence[Sequence[Record]]]
    details: Sequence[str]


def parts_of(records: Sequence[Record], notes: Sequence[str], joined: bool) -> list[tuple[Part, list[Part]]]:
    """Return for each (data, protocol) what its table is made of, and the parts that it stands side by side with.

    They are itself and, with ``joined``, all others of its protocol. ``notes`` are said of every table.
    """
    groups = grouped(records, lambda record: (record.data["sha256"], _protocol(record)))
    parts = [_part(group, apart, notes) for group, apart in zip(groups, _own_settings(groups), strict=True)]
    by_protocol = [_protocol(group[0]) for group in groups]
    found = []
    for part, protocol in zip(parts, by_protocol, strict=True):
        alike = [other for other, theirs in zip(parts, by_protocol, strict=True) if theirs == protocol]
        found.append((part, alike if joined else [part]))
    return found


def _protocol(record: Record) -> str:
    return digest(draws.shared(record.config["protocol"]))


def _part(records: Sequence[Record], apart: Mapping[str, Any], before: Sequence[str]) -> Part:
    used, others = of_one_program(records)
    by_model = grouped(used, lambda record: record.model)
    models = [grouped(same_model, lambda record: digest(settings_of(record))) for same_model in by_model]
    return Part(apart, models, [*before, *others])


def _own_settings(groups: Sequence[Sequence[Record]]) -> list[dict[str, Any]]:
    """For each group the data set's own settings by which it differs from other groups of that data set's name."""
    names = [group[0].data["name"] for group in groups]
    settings = [flatten(group[0].config["dataset"]) for group in groups]
    telling = {
        name: differing([own for own, other in zip(settings, names, strict=True) if other == name])
        for name in set(names)
    }
    return [{key: own[key] for key in telling[name] if key in own} for own, name in zip(settings, names, strict=True)]


def newest_of_each_seed(records: Sequence[Record]) -> tuple[list[Record], str]:
    """Return the records in the order of their seeds and tie draws; and what was left out, in words."""
    by_age = sorted(records, key=lambda record: record.created)
    by_seed = {(record.config["seed"], draws.draw_of(record)): record for record in by_age}
    counted = sorted(by_seed.values(), key=lambda record: (record.config["seed"] or 0, draws.draw_of(record) or 0))
    twice = len(records) - len(counted)
    return counted, f"{count(twice, 'older record')} of the same seed left out" if twice else ""


def grouped(members: Iterable[Member], key: Callable[[Member], Key]) -> list[list[Member]]:
    """Members with equal keys together, groups in the order of their first member."""
    groups: dict[Key, list[Member]] = {}
    for member in members:
        groups.setdefault(key(member), []).append(member)
    return list(groups.values())
