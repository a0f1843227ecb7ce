"""What a table says about itself in words: data, protocol, choice of the epoch, seeds, versions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrec_bench.results.record import Record, text

PROTOCOLS = {
    "leave_one_out": "Leave-one-out: each user's last event is the test, the one before it the validation",
}
TIE_ORDERS = {
    "file": "in the order of the file",
    "file_reversed": "in the reversed order of the file",
    "item": "by item id",
}
WORDED = ("name", "tie_order", "tie_seed", "last_tie", "refit")
"""The keys of a protocol that have words of their own; others are shown as key=value."""


def caption(records: Sequence[Record], apart: Mapping[str, Any]) -> str:
    """Caption of the table made of these records, which share data and protocol.

    ``apart`` are the data set's own settings that tell it from others of its name; empty where there are none.
    """
    first = records[0]
    sentences = [
        _data(first.data, apart),
        *_protocol(first.config["protocol"]),
        *_choice(records),
        _seeds(records),
        _versions(records),
    ]
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def _data(data: Mapping[str, Any], apart: Mapping[str, Any]) -> str:
    settings = f" with {', '.join(f'{key}={text(value)}' for key, value in apart.items())}" if apart else ""
    users, items, events = (f"{data[name]:,} {name}" for name in ("users", "items", "interactions"))
    return f"{data['name']}{settings} ({users}, {items}, {events}; sha256 {data['sha256'][:12]})"


def _protocol(protocol: Mapping[str, Any]) -> list[str]:
    name = protocol["name"]
    rest = [f"{key}={text(value)}" for key, value in protocol.items() if key not in WORDED]
    return [
        PROTOCOLS.get(name, f"Protocol {name}"),
        "All items are ranked but those the user has seen, ties count by their expected rank",
        _ties(protocol),
        "After the choice of epoch each model is trained again on training and validation events"
        if protocol.get("refit")
        else "",
        f"Further settings: {', '.join(rest)}" if rest else "",
    ]


def _ties(protocol: Mapping[str, Any]) -> str:
    order = protocol.get("tie_order")
    if order is None:
        return ""
    seeded = f"in a random order (seed {protocol.get('tie_seed')})"
    words = seeded if order == "random" else TIE_ORDERS.get(order, str(order))
    which = (
        f"; of several in a user's last second the {protocol['last_tie']} counts as final"
        if "last_tie" in protocol
        else ""
    )
    return f"Events of one second stand {words} (tie_order={order}){which}"


def _choice(records: Sequence[Record]) -> list[str]:
    """By what the epochs were chosen: one sentence if all agree, else one for each metric with its models."""
    chosen: dict[str, list[str]] = {}
    for record in records:
        monitor = (record.config["train"] or {}).get("monitor")
        if monitor is not None and record.model not in chosen.setdefault(monitor, []):
            chosen[monitor].append(record.model)
    if len(chosen) == 1:
        return [f"Epochs are chosen on validation by {monitor}" for monitor in chosen]
    return [f"Epochs of {', '.join(names)} are chosen on validation by {monitor}" for monitor, names in chosen.items()]


def seeds(records: Sequence[Record]) -> tuple[int, ...]:
    """Seeds of these records in ascending order, without those that use none."""
    return tuple(sorted({record.config["seed"] for record in records if record.config["seed"] is not None}))


def unequal_seeds(by_label: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return a note where the rows that have seeds do not all have the same."""
    seeded = {label: numbers for label, numbers in by_label.items() if numbers}
    if len(set(seeded.values())) < 2:
        return []
    return ["Seeds differ: " + "; ".join(f"{label} {_listed(numbers)}" for label, numbers in seeded.items())]


def other_code(left_out: Mapping[str, int]) -> list[str]:
    """Return a note on the records, by model, that another program made than the one of the table; none, no note."""
    counts = ", ".join(f"{count(number, 'record')} of {model}" for model, number in left_out.items())
    return [f"Left out, made by another version of the code than the newest record: {counts}"] if counts else []


def _seeds(records: Sequence[Record]) -> str:
    numbers = seeds(records)
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"Seed {numbers[0]}"
    return f"Mean ± half its 95 % interval (Student's t) over seeds {_listed(numbers)}"


def _listed(numbers: Sequence[int]) -> str:
    """(0, 1, 2, 3) -> "0-3"; with gaps all are listed."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]}-{numbers[-1]}"
    return ", ".join(map(str, numbers))


def _versions(records: Sequence[Record]) -> str:
    names = [name for name in ("attrec-bench", "torch") if any(name in record.versions for record in records)]
    parts = [f"{name} {_any_of(record.versions.get(name) for record in records)}" for name in names]
    commits = _any_of((record.git.get("commit") or "")[:8] for record in records)
    if not commits:
        parts.append("commit unknown (outside git)")
    else:
        dirty = any(record.git.get("dirty") for record in records)
        parts.append(f"commit {commits} with {'uncommitted changes' if dirty else 'a clean tree'}")
    return "Made with " + ", ".join(parts)


def _any_of(values: Iterable[str | None]) -> str:
    return " or ".join(sorted({value for value in values if value}))


def count(number: int, noun: str) -> str:
    """(1, "record") -> "1 record", (2, "record") -> "2 records"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
