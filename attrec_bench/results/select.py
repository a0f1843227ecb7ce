"""Which records a table is about: filters of the command line over the keys of records."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from attrec_bench.errors import InputError, require_choice
from attrec_bench.results.record import Record, flatten, text


def select(records: Sequence[Record], filters: Mapping[str, str]) -> list[Record]:
    """Records that fit every filter, e.g. {"dataset": "ml-100k", "model": "attrec,bprmf", "model.w": "0.2"}.

    A key is "dataset" (its name), "model" (its choice), "seed", a config key with dots, or the last part of one where
    that is not ambiguous ("w"). A value is one or several, separated by commas; numbers compare as numbers. A record
    without the key does not fit. Raises InputError for an unknown key and for a value that fits no record.
    """
    keys = [_keys(record) for record in records]
    known = sorted(set().union(*keys))
    kept = list(range(len(records)))
    if not kept:
        raise InputError("there is no record yet; attrec-bench run makes one")
    for key, wanted in filters.items():
        require_choice("a filter", key, known)
        present = [(index, keys[index][key]) for index in kept if key in keys[index]]
        values = _alternatives(wanted, [value for _, value in present])
        for value in values:
            if not any(_fits(value, had) for _, had in present):
                raise InputError(_nothing(key, value, [had for _, had in present], filters))
        kept = [index for index, had in present if any(_fits(value, had) for value in values)]
    return [records[index] for index in kept]


def _keys(record: Record) -> dict[str, Any]:
    """What one record can be asked for."""
    dotted = flatten(record.config)
    short: dict[str, list[str]] = {}
    for key in dotted:
        short.setdefault(key.rpartition(".")[2], []).append(key)
    unambiguous = {name: dotted[keys[0]] for name, keys in short.items() if len(keys) == 1}
    return unambiguous | dotted | {"dataset": record.data["name"], "model": record.model}


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


def _nothing(key: str, value: str, present: Sequence[Any], filters: Mapping[str, str]) -> str:
    there = sorted({text(had) for had in present})
    near = get_close_matches(value, there, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    earlier = [f"{other}={wanted}" for other, wanted in list(filters.items())[: list(filters).index(key)]]
    among = f" among those with {' '.join(earlier)}" if earlier else ""
    return f"no record has {key}={value}{among}; there is {', '.join(there) or 'none with that key'}{hint}"
