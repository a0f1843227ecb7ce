"""What a table says about itself in words: data, protocol, choice of the epoch, seeds, versions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from attrec_bench.results.draws import draws
from attrec_bench.results.record import Record, text

SPLITS = {
    "leave_one_out": "leave-one-out",
    "ratio": "a split by ratio",
    "global_time": "one cut in time for all users",
}
PROTOCOLS = {
    "leave_one_out": "Leave-one-out: each user's last event is the test, the one before it the validation",
    "ratio": "By ratio: of each user's events in time the first {train_share:.0%} are training, the next "
    "{valid_share:.0%} validation, the rest test; a user's test items stand in one ranked list, each counted once",
    "global_time": "One cut in time for all users: the latest {test_share:.0%} of all events are the time of the test, "
    "the {valid_share:.0%} before them that of the validation; a user's {target} event in each is the target, and a "
    "user without a training event is not scored",
}
RANKED = {
    "full": "All items are ranked but those the user has seen",
    "uniform": "sampled: {candidates}: a user's targets are ranked among {n} items drawn uniformly from those the user "
    "has not seen (seed {seed}), which cannot be compared with a full ranking",
    "popularity": "sampled: {candidates}: a user's targets are ranked among {n} items drawn by their popularity from "
    "those the user has not seen (seed {seed}), which cannot be compared with a full ranking",
}
TIES = {
    "expected": "ties count by their expected rank",
    "optimistic": "a target that ties counts as the first of those that tie",
    "pessimistic": "a target that ties counts as the last of those that tie",
}
TIE_ORDERS = {
    "file": "in the order of the file",
    "file_reversed": "in the reversed order of the file",
    "item": "by item id",
}
WORDED = (
    *("name", "tie_order", "tie_seed", "last_tie", "refit", "candidates", "candidates_seed", "ties"),
    *("train_share", "valid_share", "test_share", "target"),
)
"""The keys of a protocol that have words of their own; others are shown as key=value."""


def sentences(
    records: Sequence[Record], metrics: Sequence[str], apart: Mapping[str, Any], by_row: Sequence[tuple[int, ...]]
) -> tuple[str, ...]:
    """Return what the table made of these records, which share data and protocol, shows: first in one sentence, then
    the protocol in full.

    ``apart`` are the data set's own settings that tell it from others of its name; empty where there are none.
    ``by_row`` are the seeds of each row that a note would list if they differed (see ``unequal``).
    """
    first, data = records[0], _data_of(records)
    said = [
        _headline(records, metrics, apart, by_row),
        *_protocol(first.config["protocol"], data.get("clock", "second"), draws(records)),
        _scored(first),
    ]
    return tuple(f"{sentence}." for sentence in said if sentence)


def background(records: Sequence[Record]) -> tuple[str, ...]:
    """Return what else is known of these records: what their data cannot tell, the choice of epochs, the versions."""
    data = _data_of(records)
    made = f"{_versions(records)}, from data of sha256 {data['sha256'][:12]}"
    said = [*_audit(data.get("audit")), *_choice(records), made]
    return tuple(f"{sentence}." for sentence in said)


def _data_of(records: Sequence[Record]) -> Mapping[str, Any]:
    """Return the facts of the data that all share, with their audit if any record has it: older ones have none."""
    return next((record.data for record in records if "audit" in record.data), records[0].data)


def _headline(
    records: Sequence[Record], metrics: Sequence[str], apart: Mapping[str, Any], by_row: Sequence[tuple[int, ...]]
) -> str:
    """Which metrics, under which split of which data, among which candidates, over which seeds."""
    protocol = records[0].config["protocol"]
    *others, last = metrics
    named = f"{', '.join(others)} and {last}" if others else last
    split = SPLITS.get(protocol["name"], f"protocol {protocol['name']}")
    ranked = sampled(protocol) or "all unseen items ranked"
    shown = f"{named} under {split} on {_data(_data_of(records), apart)}, {ranked}"
    return "; ".join(filter(None, [shown, _seeds(records, by_row)]))


def _data(data: Mapping[str, Any], apart: Mapping[str, Any]) -> str:
    settings = f" with {', '.join(f'{key}={text(value)}' for key, value in apart.items())}" if apart else ""
    users, items, events = (f"{data[name]:,} {name}" for name in ("users", "items", "interactions"))
    removed = "".join(
        f"; {setting} left out {number:,} interactions" for setting, number in data.get("removed", {}).items()
    )
    return f"{data['name']}{settings} ({users}, {items}, {events}{removed})"


def _audit(figures: Mapping[str, float | None] | None) -> list[str]:
    """What the data cannot tell: an undefined order, repeats, items that nobody could learn, the test's own future."""
    if figures is None:
        return []
    share = {name: f"{value:.1%}" for name, value in figures.items() if value is not None}
    said = []
    if figures["tied_events"]:
        said.append(
            f"{share['tied_events']} of the events share their time with another of the same user, and so does the "
            f"last of {share['tied_users']} of the users"
        )
    if figures["repeats"]:
        said.append(f"{share['repeats']} of the events repeat another pair of user and item")
    said.append(f"{share['unseen_test']} of the test events are with an item of no training event")
    if figures["later_train"] is not None:
        said.append(f"On average {share['later_train']} of the training events are later than a test event")
    return said


def _protocol(protocol: Mapping[str, Any], clock: str, drawn: Sequence[int]) -> list[str]:
    name = protocol["name"]
    rest = [f"{key}={text(value)}" for key, value in protocol.items() if key not in WORDED]
    return [
        PROTOCOLS[name].format_map(protocol) if name in PROTOCOLS else f"Protocol {name}",
        f"{_ranked(protocol)}, {TIES[protocol.get('ties', 'expected')]}",
        _ties(protocol, clock, drawn),
        "After the choice of epoch each model is trained again on training and validation events"
        if protocol.get("refit")
        else "",
        f"Further settings: {', '.join(rest)}" if rest else "",
    ]


def sampled(protocol: Mapping[str, Any]) -> str:
    """Return the mark of figures made from drawn candidates, "sampled: uniform-100"; nothing for a full ranking."""
    candidates = protocol.get("candidates", "full")
    return "" if candidates == "full" else f"sampled: {candidates}"


def _ranked(protocol: Mapping[str, Any]) -> str:
    candidates = protocol.get("candidates", "full")
    kind, _, n = candidates.partition("-")
    return RANKED[kind].format(candidates=candidates, n=n, seed=protocol.get("candidates_seed"))


def _scored(record: Record) -> str:
    """How many users have a test event, where a protocol leaves some out."""
    scored = len(np.unique(record.users))
    few = record.config["protocol"]["name"] != "leave_one_out" and scored < record.data["users"]
    return f"{scored:,} of {record.data['users']:,} users are scored" if few else ""


def _ties(protocol: Mapping[str, Any], clock: str, drawn: Sequence[int]) -> str:
    order = protocol.get("tie_order")
    if order is None:
        return ""
    if clock == "order":
        return "The data give the order of a user's events and no times"
    unit = clock.removeprefix("relative ")
    one = f"in a random order (seed {protocol.get('tie_seed')})"
    seeded = f"in random orders (tie draws {_listed(drawn)})" if len(drawn) > 1 else one
    words = seeded if order == "random" else TIE_ORDERS.get(order, str(order))
    which = (
        f"; of several in a user's last {unit} the {protocol['last_tie']} counts as final"
        if "last_tie" in protocol
        else ""
    )
    return f"Events of one {unit} stand {words} (tie_order={order}){which}"


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


def unequal(what: str, by_label: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return a note where the rows that have seeds (or tie draws) do not all have the same."""
    seeded = {label: numbers for label, numbers in by_label.items() if numbers}
    if len(set(seeded.values())) < 2:
        return []
    return [f"{what} differ: " + "; ".join(f"{label} {_listed(numbers)}" for label, numbers in seeded.items())]


def _seeds(records: Sequence[Record], by_row: Sequence[tuple[int, ...]]) -> str:
    """Over what the values are means; the seeds are listed where all rows have these, else a note lists each row's."""
    numbers, drawn = seeds(records), draws(records)
    alike = {each for each in by_row if each} == {numbers}
    if len(drawn) > 1:
        level = f"{count(len(drawn), 'tie draw')} ({_listed(drawn)})"
        listed = f"{count(len(numbers), 'seed')} ({_listed(numbers)})" if alike else "the seeds of each row"
        over = f"{listed} x {level}" if numbers else level
        halves = "the root of the summed squares of its halves by Student's t over seeds and over tie draws"
        how = halves if len(numbers) > 1 else "Student's t over the tie draws"
        alone = "a model without a seed over the tie draws alone"
        return f"mean over {over}, {alone}, ± half its 95 % interval ({how})"
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"one seed ({numbers[0]})"
    over = f"{count(len(numbers), 'seed')} ({_listed(numbers)})" if alike else "the seeds of each row"
    return f"mean ± half its 95 % interval (Student's t) over {over}"


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
