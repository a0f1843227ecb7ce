"""What was asked for -> the one row of the tables that it means, or an error with a command for each of several."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from attrec_bench.errors import InputError
from attrec_bench.results.labels import differing, settings_of
from attrec_bench.results.record import Record, flatten, text
from attrec_bench.results.tables import Row, Table

MOST = 5
"""Commands that an error gives."""

LAST = ("metric", "against", "runs")
"""What stands at the end of a command."""


def found(
    tables: Sequence[Table], records: Sequence[Record], label: str | None, asked: Mapping[str, str]
) -> tuple[Table, Row]:
    """Return the one row that these records are of, or the one with this label among them, and its table.

    ``asked`` is what was typed after `attrec-bench why`, from which an error makes commands that lead to one row.
    Raises InputError where there is none or several.
    """
    chosen = {record.identity for record in records}
    there = [
        (table, row)
        for table in tables
        for row in table.rows
        if any(record.identity in chosen for record in row.records) and label in (None, row.label)
    ]
    if len(there) == 1:
        return there[0]
    if there:
        names = "; ".join(f"{row.label} on {_place(table)}" for table, row in there)
        raise InputError(f"why is for one row, got {len(there)}: {names}; say more: {_ways(there, asked)}")
    rows = ", ".join(dict.fromkeys(row.label for table in tables for row in table.rows))
    if label is None:
        raise InputError(f"why is for a row of the table ({rows}), which leaves these records out, as its notes say")
    raise InputError(f"row must be a row of the table ({rows}), got {label!r}")


def _place(table: Table) -> str:
    name = f"{table.data['name']} ({table.protocol['name']})"
    order = table.protocol.get("tie_order")
    return name if order in (None, "file") else f"{name[:-1]}, tie_order={order})"


def _ways(there: Sequence[tuple[Table, Row]], asked: Mapping[str, str]) -> str:
    """Return in which keys the rows differ, and a command for each of them, MOST at the most."""
    telling = [_telling(own, there) for own in there]
    keys = list(dict.fromkeys(key for each in telling for key in each if key != "row"))
    commands = [_command({**asked, **each}) for each in telling[:MOST]]
    more = f" and {len(there) - MOST} more" if len(there) > MOST else ""
    return f"they differ in {', '.join(keys)}; {' or '.join(commands)}{more}"


def _command(asked: Mapping[str, str]) -> str:
    ordered = sorted(asked.items(), key=lambda pair: pair[0] in LAST)
    return shlex.join(["attrec-bench", "why", *(f"{key}={value}" for key, value in ordered)])


def _telling(own: tuple[Table, Row], there: Sequence[tuple[Table, Row]]) -> dict[str, str]:
    """Return what of a row is to be said so that it is none of the others: first the table's, then the model's."""
    places = [_place_of(row) for _, row in there]
    models = [{"model": row.model} for _, row in there]
    settings = [settings_of(row.records[0]) for _, row in there if row.model == own[1].model]
    mine = [_place_of(own[1]), {"model": own[1].model}, settings_of(own[1].records[0])]
    said: dict[str, str] = {}
    for kind, values in zip(mine, (places, models, settings), strict=True):
        apart = differing(values)
        said |= {key: text(kind[key]) for key in apart if key in kind}
        if any(key not in kind for key in apart):  # a key that it lacks cannot be asked for
            said["row"] = own[1].label
    return said


def _place_of(row: Row) -> dict[str, Any]:
    """Return what tells a row's table from others, as keys of filters; a protocol's and a data set's name is short."""
    config = row.records[0].config
    flat = flatten({"dataset": config["dataset"], "protocol": config["protocol"]})
    names = {"dataset": row.records[0].data["name"], "protocol": flat.pop("protocol.name")}
    return {**names, **{key: value for key, value in flat.items() if key not in ("dataset.name", "protocol.tie_seed")}}
