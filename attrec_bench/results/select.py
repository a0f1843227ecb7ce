"""Which records a table is about: filters of the command line over the keys of records."""

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from attrec_bench.errors import InputError
from attrec_bench.results.captions import count
from attrec_bench.results.record import Record, flatten, text
from attrec_bench.results.tables import CEILINGS, FLOORS

HEADS, MOST = ("dataset", "model", "protocol", "seed"), 12
"""What one filters by first, and how many keys a message lists at most."""

OPTIONS = (
    "metrics",
    "against",
    "ours",
    "test",
    "format",
    "tuned",
    "published",
    "names",
    "out",
    "runs",
    "row",
    "storage",
)
"""What the verbs that filter take besides, for a hint."""


def select(records: Sequence[Record], filters: Mapping[str, str], bounds: bool = False) -> list[Record]:
    """Records that fit every filter, e.g. {"dataset": "ml-100k", "model": "attrec,bprmf", "model.w": "0.2"}.

    A key is "dataset" or "protocol" (its name), "model" (its choice), "seed", the start of its "code", a config key
    with dots, or the last part of one where that is not ambiguous ("w"). A value is one or several, separated by
    commas; numbers compare as numbers. A record without the key does not fit; with ``bounds`` a floor or a ceiling does
    where it has no such key of the model or the training, or no seed: a table of some settings needs them, too. Raises
    InputError for an unknown key and for a value that fits no record.
    """
    keys = [_keys(record) for record in records]
    kept = list(range(len(records)))
    if not kept:
        raise InputError("there is no record yet; attrec-bench run makes one")
    for key, wanted in filters.items():
        held = [each[key] for each in keys if key in each]
        # a section that some models lack, as train, can be asked for as null and for nothing else
        if not held or (_inside(key, keys) and wanted != "null" and all(value is None for value in held)):
            raise InputError(_unknown(key, keys))
        present = [(index, keys[index][key]) for index in kept if key in keys[index]]
        values, fits = _alternatives(wanted, [value for _, value in present]), _starts if key == "code" else _fits
        for value in values:
            if not any(fits(value, had) for _, had in present):
                raise InputError(_nothing(key, value, [had for _, had in present], filters))
        fitting = {index for index, had in present if any(fits(value, had) for value in values)}
        free = bounds and _of_settings(key, keys)
        kept = [
            index
            for index in kept
            if index in fitting or (free and _bounds(records[index]) and keys[index].get(key) is None)
        ]
    return [records[index] for index in kept]


def lacking(records: Sequence[Record], filters: Mapping[str, str]) -> list[str]:
    """Return a note for each filter on a setting that leaves out records which have no such setting.

    They fit all other filters; floors and ceilings are not among them, since ``select`` can keep these.
    """
    notes = []
    keys = [_keys(record) for record in records]
    for key in (key for key in filters if _of_settings(key, keys)):
        others = {other: wanted for other, wanted in filters.items() if other != key}
        rest = select(records, others, bounds=True)
        models = Counter(each.model for each in rest if not _bounds(each) and _keys(each).get(key) is None)
        counts = ", ".join(f"{count(number, 'record')} of {model}" for model, number in models.items())
        notes += [f"Left out, without a value of {key}: {counts}"] if counts else []
    return notes


def _of_settings(key: str, keys: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a key, in full or its last part, is of the model or the training, or the seed: what some models lack."""
    names = {name for each in keys for name in each if name == key or name.endswith(f".{key}")}
    return key == "seed" or any(name.startswith(("model.", "train.")) for name in names)


def _bounds(record: Record) -> bool:
    return record.model in (*FLOORS, *CEILINGS)


def _keys(record: Record) -> dict[str, Any]:
    """What one record can be asked for."""
    dotted = flatten(record.config)
    short: dict[str, list[str]] = {}
    for key in dotted:
        short.setdefault(key.rpartition(".")[2], []).append(key)
    unambiguous = {name: dotted[keys[0]] for name, keys in short.items() if len(keys) == 1}
    sections = {key: inner for key, inner in record.config.items() if isinstance(inner, Mapping)}
    named = {section: inner["name"] for section, inner in sections.items() if "name" in inner}
    return unambiguous | dotted | named | {"dataset": record.data["name"], "model": record.model, "code": record.code}


def _alternatives(wanted: str, present: Sequence[Any]) -> list[str]:
    """Split at commas, unless the whole is a value itself (a list)."""
    if any(_fits(wanted, value) for value in present):
        return [wanted]
    return [part.strip() for part in wanted.split(",")]


def _fits(wanted: str, value: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(wanted) == value
        except ValueError:
            return False
    shown = text(value)
    return wanted.replace(" ", "") == shown if isinstance(value, list) else wanted == shown


def _starts(wanted: str, value: Any) -> bool:
    """The start of a record's code is enough, as that of a run's identity is."""
    return bool(wanted) and str(value).startswith(wanted)


def _unknown(key: str, keys: Sequence[Mapping[str, Any]]) -> str:
    """Offer the keys of the section that was named, or else the heads and those that have several values."""
    known = sorted(set().union(*keys))
    values = {name: {text(each[name]) for each in keys if name in each} for name in known if "." not in name}
    telling = [name for name, several in values.items() if len(several) > 1 and not name.startswith("_")]
    inside = _inside(key, keys)
    offered = inside or list(dict.fromkeys([*HEADS, *telling]))
    near = get_close_matches(key, [*known, *OPTIONS], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near and not inside else ""
    return f"a filter must be a key of the records such as {', '.join(offered[:MOST])}, got {key!r}{hint}"


def _inside(key: str, keys: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the dotted keys of the section ``key``."""
    return sorted({name for each in keys for name in each if name.startswith(f"{key}.")})


def _nothing(key: str, value: str, present: Sequence[Any], filters: Mapping[str, str]) -> str:
    there = sorted({text(had) for had in present})
    near = get_close_matches(value, there, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    earlier = [f"{other}={wanted}" for other, wanted in list(filters.items())[: list(filters).index(key)]]
    among = f" among those with {' '.join(earlier)}" if earlier else ""
    return f"no record has {key}={value}{among}; there is {', '.join(there) or 'none with that key'}{hint}"
