"""Protocol of a record, protocol of a published value -> why the two cannot be compared, decided field by field.

A field that the source does not give is no reason, but is told: what is unknown may differ.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attrec_bench.results.published.registry import (
    COUNTS,
    FILTERS,
    MASKED,
    NO_FILTER,
    NUMBERS,
    REFIT,
    UNKNOWN,
    Published,
)
from attrec_bench.results.record import Record

SETTLING = ("users", "items")
"""Counts that together say how the data were filtered, but for duplicates: without these the interactions alone are
fewer."""

WORDS = {
    "split": "split {}",
    "last_tie": "the {} of a user's last second is the test event",
    "tie_order": "events of one second in the order {}",
    "seen_masked": "seen items {}",
    "candidates": "candidates {}",
    "ties": "equal scores ranked by the {} rank",
    "chosen_on": "the epoch chosen on {}",
    "refit": "the tested model {} again on training and validation events",
    "min_rating": "rating >= {}",
    "k_core": "{}-core",
    "min_item_events": "items with >= {} events",
    "min_user_events": "users with >= {} events",
    "duplicates": "duplicates={}",
}
"""What a field's value means."""


def protocol_of(record: Record) -> dict[str, Any]:
    """Return a record's protocol in the registry's fields; a key that it lacks has the meaning it had before the key.

    Seen items are masked for every model alike and epochs are chosen on validation: this evaluation knows nothing else.
    """
    protocol, dataset = record.config["protocol"], record.config["dataset"]
    return {
        "split": _split(protocol),
        "last_tie": protocol.get("last_tie", "last"),
        "tie_order": protocol.get("tie_order", "file"),
        "seen_masked": protocol.get("seen_masked", True),
        "candidates": protocol.get("candidates", "full"),
        "ties": protocol.get("ties", "expected"),
        "chosen_on": "validation",
        "refit": protocol.get("refit", False),
        "duplicates": dataset.get("duplicates", "keep"),
        **{field: dataset.get(field) for field in NUMBERS},
    }


def reasons(record: Record, theirs: Published) -> list[str]:
    """Why a value of this record cannot be compared with a published one; empty where nothing known speaks against it.

    Counts of users and items that agree settle the filtering, by whatever names it was done.
    """
    ours = protocol_of(record)
    found = [
        f"{_words(field, value)}, here {_words(field, ours[field])}"
        for field, value in theirs.protocol.items()
        if field not in FILTERS and value not in (UNKNOWN, ours[field])
    ]
    model = record.config["model"]
    found += [
        f"{key}={value}, here {key}={model[key]}"
        for key, value in theirs.settings.items()
        if key in model and model[key] != value
    ]
    return found + _filtering(record.data, ours, theirs)


def _split(protocol: Mapping[str, Any]) -> str:
    """Return the name of a split; of one by shares these too, in percent: ratio-70-10-20."""
    if protocol["name"] != "ratio":
        return str(protocol["name"])
    train, valid = (round(100 * protocol[share]) for share in ("train_share", "valid_share"))
    return f"ratio-{train}-{valid}-{100 - train - valid}"


def unknown(theirs: Published) -> list[str]:
    """Return the fields that the source does not give; filters do not count where the counts settle them."""
    settled = _settled(theirs)
    return [field for field, value in theirs.protocol.items() if value == UNKNOWN and field not in settled]


def _settled(theirs: Published) -> Sequence[str]:
    """Return the filters on which the counts of the source leave no doubt."""
    if not set(SETTLING) <= set(theirs.counts):
        return ()
    return FILTERS if "interactions" in theirs.counts else NUMBERS


def _filtering(data: Mapping[str, Any], ours: Mapping[str, Any], theirs: Published) -> list[str]:
    filters = [
        _words(field, theirs.protocol[field])
        for field in FILTERS
        if theirs.protocol[field] not in (UNKNOWN, *NO_FILTER)
    ]
    named = f" ({', '.join(filters)})" if filters else ""
    if any(data[name] != number for name, number in theirs.counts.items()):
        return [f"other filtering: {_counted(theirs.counts)}{named}, here {_counted(data)}"]
    settled = _settled(theirs)
    return [
        f"other filtering: {_words(field, theirs.protocol[field])}, here {_words(field, ours[field])}"
        for field in FILTERS
        if field not in settled and theirs.protocol[field] not in (UNKNOWN, ours[field])
    ]


def _counted(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{counts[name]:,} {name}" for name in COUNTS if name in counts)


def _words(field: str, value: object) -> str:
    if field in NUMBERS and value is None:
        return f"no {field}"
    if field == MASKED:
        value = "masked" if value else "not masked"
    if field == REFIT:
        value = "trained" if value else "not trained"
    return WORDS[field].format(value)
