"""Records -> those of one program, which alone share a table; and what was left out, in words.

A record's code is the sum of what every run goes through, then that of its model's own file (see ``code.py``). Of the
former one version counts, and of each model's file one: the version that lies on this disk now if there are records of
it, else that of the newest record. So an edit that was taken back does not stay in the table.
"""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrec_bench.results.captions import count
from attrec_bench.results.code import PACKAGE, version_of
from attrec_bench.results.record import Record

SHARED = 8
"""Digits of a record's code that stand for what every run goes through; the others stand for the model's file."""

DISK, NEWEST = "that on disk now", "the newest record"


def of_one_program(
    records: Sequence[Record], on_disk: Callable[[str], str | None] | None = None
) -> tuple[list[Record], list[str]]:
    """Return the records of one program, and a note where others were left out.

    ``on_disk`` gives the code of a class as it is now, None where that is not known; by default ``code_on_disk``.
    """
    by_class = {_class_of(record): record.code for record in sorted(records, key=lambda record: record.created)}
    if all(record.code == by_class[_class_of(record)] for record in records) and _shared_by_all(by_class):
        return list(records), []
    now = {name: (on_disk or code_on_disk)(name) for name in by_class}
    counting = _counting(records, now)
    counts = [record.code == counting.get(_class_of(record)) for record in records]
    left_out = [record for record, kept in zip(records, counts, strict=True) if not kept]
    return [record for record, kept in zip(records, counts, strict=True) if kept], _left_out(left_out, counting, now)


def code_on_disk(target: str) -> str | None:
    """Return the code that a run of this class has now; None where its file cannot be found or read.

    The file is looked for and not imported: nobody else's code is run because a record names it. So a class that
    inherits from one in another file of the user's has a code here that none of its records has: its newest counts.
    """
    file = next(filter(Path.is_file, _candidates(target)), None)
    try:
        return None if file is None else version_of([file])
    except (OSError, SyntaxError, ValueError):
        return None


def _candidates(target: str) -> list[Path]:
    """Return where the module of a class may lie: beside this package first, then as Python looks for it."""
    parts = target.split(".")[:-1]
    places = [PACKAGE.parent, *map(Path, sys.path)]
    found = [place.joinpath(*parts) for place in places if parts]
    return [file for each in found for file in (each / "__init__.py", each.with_name(f"{each.name}.py"))]


def _counting(records: Sequence[Record], now: Mapping[str, str | None]) -> dict[str, str]:
    """Return for each class which code counts."""
    by_age = sorted(records, key=lambda record: record.created)
    there = {record.code[:SHARED] for record in records}
    current = next((code[:SHARED] for code in now.values() if code and code[:SHARED] in there), None)
    shared = current or by_age[-1].code[:SHARED]
    newest = {_class_of(record): record.code for record in by_age if record.code[:SHARED] == shared}
    codes = {(_class_of(record), record.code) for record in records}
    return {name: now[name] or code if (name, now[name]) in codes else code for name, code in newest.items()}


def _left_out(records: Sequence[Record], counting: Mapping[str, str], now: Mapping[str, str | None]) -> list[str]:
    """Return a note for each reason that records were left out; it names the filter that shows them."""
    shared = next(iter(counting.values()))[:SHARED]
    on_disk = any(code and code[:SHARED] == shared for code in now.values())
    models: dict[str, dict[str, Counter[str]]] = {}
    for record in records:
        name, other = _class_of(record), record.code[:SHARED] != shared
        reason = DISK if (on_disk if other else counting[name] == now[name]) else NEWEST
        code = record.code[:SHARED] if other else record.code
        models.setdefault(reason, {}).setdefault(code, Counter())[record.model] += 1
    return [
        f"Left out, made by another version of the code than {reason} (table code=... shows them): "
        + ", ".join(_counted(code, counts) for code, counts in by_code.items())
        for reason, by_code in models.items()
    ]


def _counted(code: str, models: Mapping[str, int]) -> str:
    """("c0dec0de", {"caser": 2}) -> "2 records of caser (code=c0dec0de)"."""
    counts = ", ".join(f"{count(number, 'record')} of {model}" for model, number in models.items())
    return f"{counts} (code={code})"


def _shared_by_all(by_class: Mapping[str, str]) -> bool:
    return len({code[:SHARED] for code in by_class.values()}) < 2


def _class_of(record: Record) -> str:
    return str(record.config["model"]["_target_"])
