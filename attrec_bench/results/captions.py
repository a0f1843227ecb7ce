"""What a table says about itself in words: data, protocol, choice of the epoch, seeds, versions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attrec_bench.data.describe import with_them
from attrec_bench.results.draws import draws
from attrec_bench.results.protocols import protocol_words, ranged, sampled
from attrec_bench.results.record import Record, text

SPLITS = {
    "leave_one_out": "leave-one-out",
    "ratio": "a split by ratio",
    "global_time": "one cut in time for all users",
}


MEAN = "mean ± half its 95 % interval (Student's t)"


@dataclass(frozen=True)
class Subject:
    """What the values of one data set are about: ``name`` is what it is called; the records share data and protocol.

    ``apart`` are the data set's own settings that tell it from others of its name; empty where there are none.
    ``by_row`` are the seeds of each row that the caption speaks of (see ``unlisted``).
    """

    name: str
    apart: Mapping[str, Any]
    records: Sequence[Record]
    by_row: Sequence[tuple[int, ...]]

    @property
    def title(self) -> str:
        """The name, with the settings that tell it apart."""
        return f"{self.name} ({self.settings})" if self.apart else self.name

    @property
    def settings(self) -> str:
        """The settings in words: min_rating=4."""
        return ", ".join(f"{key}={text(value)}" for key, value in self.apart.items())


def sentences(subject: Subject, metrics: Sequence[str]) -> tuple[str, ...]:
    """Return what a table shows: first in one sentence, then the protocol in full."""
    records = subject.records
    first, data = records[0], data_of(records)
    said = [
        headline([subject], metrics),
        *protocol_words(first.config["protocol"], data.get("clock", "second"), draws(records)),
        _scored(first),
    ]
    return tuple(f"{sentence}." for sentence in said if sentence)


def background(records: Sequence[Record], called: Callable[[str], str] = str) -> tuple[str, ...]:
    """Return what else is known of these records: what their data cannot tell, the choice of epochs, the versions.

    ``called`` gives what a model is called.
    """
    data = data_of(records)
    made = f"{_versions(records)}, from data of sha256 {data['sha256'][:12]}"
    said = [*_audit(data.get("audit")), *_choice(records, called), made]
    return tuple(f"{sentence}." for sentence in said)


def data_of(records: Sequence[Record]) -> Mapping[str, Any]:
    """Return the facts of the data that all share, with their audit if any record has it: older ones have none."""
    return next((record.data for record in records if "audit" in record.data), records[0].data)


def headline(subjects: Sequence[Subject], metrics: Sequence[str]) -> str:
    """Which metrics, under which split of which data, among which candidates, over which seeds."""
    protocol = subjects[0].records[0].config["protocol"]
    split = SPLITS.get(protocol["name"], f"protocol {protocol['name']}")
    ranked = sampled(protocol) or "all unseen items ranked"
    shown = f"{listed(metrics)} under {split} on {listed(list(map(_data, subjects)))}, {ranked}"
    return "; ".join(filter(None, [shown, _over(subjects)]))


def _over(subjects: Sequence[Subject]) -> str:
    """Over what the values are means; where that is not the same on all data sets, for each."""
    over: dict[str, list[str]] = {}
    for subject in subjects:
        over.setdefault(_seeds(subject.records, subject.by_row), []).append(subject.title)
    if len(over) == 1:
        return next(iter(over))
    if all(each.startswith(MEAN) for each in over):
        return f"{MEAN}, " + ", ".join(f"on {listed(where)}{each[len(MEAN) :]}" for each, where in over.items())
    return "; ".join(f"on {listed(where)} {each}" for each, where in over.items() if each)


def listed(words: Sequence[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _data(subject: Subject) -> str:
    data = data_of(subject.records)
    settings = f" with {subject.settings}" if subject.apart else ""
    users, items, events = (f"{data[name]:,} {name}" for name in ("users", "items", "interactions"))
    lost = data.get("lost", {})
    removed = "".join(
        f"; {setting} left out {number:,} interactions{with_them(lost.get(setting))}"
        for setting, number in data.get("removed", {}).items()
    )
    return f"{subject.name}{settings} ({users}, {items}, {events}{removed})"


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


def _scored(record: Record) -> str:
    """How many users have a test event, where a protocol leaves some out."""
    scored = len(np.unique(record.users))
    few = record.config["protocol"]["name"] != "leave_one_out" and scored < record.data["users"]
    return f"{scored:,} of {record.data['users']:,} users are scored" if few else ""


def _choice(records: Sequence[Record], called: Callable[[str], str]) -> list[str]:
    """By what the epochs were chosen: one sentence if all agree, else one for each metric with its models."""
    chosen: dict[str, list[str]] = {}
    for record in records:
        monitor = (record.config["train"] or {}).get("monitor")
        if monitor is not None and called(record.model) not in chosen.setdefault(monitor, []):
            chosen[monitor].append(called(record.model))
    if len(chosen) == 1:
        return [f"Epochs are chosen on validation by {monitor}" for monitor in chosen]
    return [f"Epochs of {', '.join(names)} are chosen on validation by {monitor}" for monitor, names in chosen.items()]


def seeds(records: Sequence[Record]) -> tuple[int, ...]:
    """Seeds of these records in ascending order, without those that use none."""
    return tuple(sorted({record.config["seed"] for record in records if record.config["seed"] is not None}))


def unlisted(by_label: Mapping[str, tuple[int, ...]], by_row: Iterable[tuple[int, ...]]) -> list[str]:
    """Return a note with the seeds of every row where the caption, which speaks of ``by_row``, cannot list them."""
    numbers = tuple(sorted({number for each in by_label.values() for number in each}))
    return [] if _alike(numbers, by_row) else unequal("Seeds", by_label)


def _alike(numbers: tuple[int, ...], by_row: Iterable[tuple[int, ...]]) -> bool:
    """Whether each row that the caption speaks of has all the seeds that any row has."""
    return set(by_row) == {numbers}


def unequal(what: str, by_label: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return a note where the rows that have seeds (or tie draws) do not all have the same."""
    seeded = {label: numbers for label, numbers in by_label.items() if numbers}
    if len(set(seeded.values())) < 2:
        return []
    return [f"{what} differ: " + "; ".join(f"{label} {ranged(numbers)}" for label, numbers in seeded.items())]


def _seeds(records: Sequence[Record], by_row: Sequence[tuple[int, ...]]) -> str:
    """Over what the values are means; the seeds are listed where all rows have these, else a note lists each row's."""
    numbers, drawn = seeds(records), draws(records)
    alike = _alike(numbers, by_row)
    if len(drawn) > 1:
        level = f"{count(len(drawn), 'tie draw')} ({ranged(drawn)})"
        listed = f"{count(len(numbers), 'seed')} ({ranged(numbers)})" if alike else "the seeds of each row"
        over = f"{listed} x {level}" if numbers else level
        halves = "the root of the summed squares of its halves by Student's t over seeds and over tie draws"
        how = halves if len(numbers) > 1 else "Student's t over the tie draws"
        alone = "a model without a seed over the tie draws alone"
        return f"mean over {over}, {alone}, ± half its 95 % interval ({how})"
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"one seed ({numbers[0]})"
    over = f"{count(len(numbers), 'seed')} ({ranged(numbers)})" if alike else "the seeds of each row"
    return f"{MEAN} over {over}"


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
