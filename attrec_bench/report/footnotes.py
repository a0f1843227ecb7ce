"""Tables -> the same tables with a note on the settings of their rows that are not those of the YAML files."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from attrec_bench.report.settings import Differing, defaults_or_why, differing_from
from attrec_bench.results.labels import differing as telling
from attrec_bench.results.labels import settings_of
from attrec_bench.results.record import digest
from attrec_bench.results.tables import Row, Table


def with_settings(tables: Sequence[Table]) -> list[Table]:
    """Return the tables with one more note each, where a row's settings differ from its YAML files'.

    Left out are the protocol, which the caption gives, and what a label says of its model in any case; the settings of
    training are told all the same, since a label says nothing of what the YAML files have.
    """
    known: dict[str, dict[str, Any] | str] = {}
    return [replace(table, details=(*table.details, *_notes(table, known))) for table in tables]


def _notes(table: Table, known: dict[str, dict[str, Any] | str]) -> list[str]:
    rows_of: dict[str, list[str]] = {}  # words of a difference -> labels
    unknown = []
    for row in table.rows:
        found = _differing(row, known)
        unknown += [row.label] if found.unknown else []
        for words in _worth_saying(row, table, found):
            rows_of.setdefault(words, []).append(row.label)
    together: dict[str, list[str]] = {}  # labels -> words of all that these rows, and no others, have
    for words, labels in rows_of.items():
        where = "in every row" if len(labels) == len(table.rows) else f"in {', '.join(labels)}"
        together.setdefault(where, []).append(words)
    said = "; ".join(f"{', '.join(words)} {where}" for where, words in together.items())
    return [
        *([f"Settings that differ from the YAML files: {said}"] if said else []),
        *([f"Without a YAML file to compare their settings with: {', '.join(unknown)}"] if unknown else []),
    ]


def _differing(row: Row, known: dict[str, dict[str, Any] | str]) -> Differing:
    """Return the differences of a row; to compose the YAML files takes a quarter of a second, so each is kept."""
    record = row.records[0]
    choices = [record.config["dataset"]["name"], record.config["protocol"]["name"], record.model]
    key = digest([*choices, record.data["users"], record.data["items"]])
    if key not in known:
        known[key] = defaults_or_why(record)
    return differing_from(record, known[key])


def _worth_saying(row: Row, table: Table, found: Differing) -> list[str]:
    labelled = telling([settings_of(each.records[0]) for each in table.rows if each.model == row.model])
    return [
        found.word(key)
        for key, values in found.keys.items()
        if not key.startswith("protocol.")
        and not (key.startswith("model.") and key in labelled)
        and set(values) != {None, "null"}  # a key that older records lack, or that the files have dropped
    ]
