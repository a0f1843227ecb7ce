"""A protocol in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrec_bench.results.record import text

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


def protocol_words(protocol: Mapping[str, Any], clock: str, drawn: Sequence[int]) -> list[str]:
    """Return the sentences on a protocol; ``clock`` is the unit of the data's times, ``drawn`` are the tie draws."""
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


def _ties(protocol: Mapping[str, Any], clock: str, drawn: Sequence[int]) -> str:
    order = protocol.get("tie_order")
    if order is None:
        return ""
    if clock == "order":
        return "The data give the order of a user's events and no times"
    unit = clock.removeprefix("relative ")
    one = f"in a random order (seed {protocol.get('tie_seed')})"
    seeded = f"in random orders (tie draws {ranged(drawn)})" if len(drawn) > 1 else one
    words = seeded if order == "random" else TIE_ORDERS.get(order, str(order))
    which = (
        f"; of several in a user's last {unit} the {protocol['last_tie']} counts as final"
        if "last_tie" in protocol
        else ""
    )
    return f"Events of one {unit} stand {words} (tie_order={order}){which}"


def ranged(numbers: Sequence[int]) -> str:
    """(0, 1, 2, 3) -> "0-3"; with gaps all are listed."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]}-{numbers[-1]}"
    return ", ".join(map(str, numbers))
