"""Record -> what MLflow calls params, metrics and tags, as plain names and values within its limits.

MLflow refuses ``@`` in a name, so HR@10 is HR_at_10. Metrics of the chosen epoch are valid/... and test/...;
the course of the training is history/... with the epoch as step.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from attrec_bench.results.record import Record, flatten, text

PARAMS_A_CALL, POINTS_A_CALL = 100, 1000
KEY_LENGTH, PARAM_LENGTH, TAG_LENGTH = 250, 6000, 5000


Point = tuple[str, float, int]
"""(name, value, step) of a number."""


@dataclass(frozen=True)
class Entry:
    """One MLflow run before it is written: FINISHED, FAILED or KILLED, from ``begin`` to ``end`` in ms since 1970."""

    name: str
    begin: int
    end: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: Iterable[Point]
    status: str = "FINISHED"


def of_record(record: Record) -> Entry:
    """Record -> Entry."""
    begin, end = times_ms(record)
    name = f"{record.model} seed={record.config['seed']}"
    return Entry(name, begin, end, tags(record), params(record), points(record))


def params(record: Record) -> dict[str, str]:
    """Config key with dots -> value as text, cut where it is longer than MLflow takes (record.json has all of it)."""
    return {key_of(key): text(value)[:PARAM_LENGTH] for key, value in flatten(record.config).items()}


def tags(record: Record) -> dict[str, str]:
    """By what one searches; the mlflow. ones are those its own pages show."""
    known = {
        "identity": record.identity,
        "created": record.created,
        "model": record.model,
        "dataset": record.data["name"],
        "data_sha256": record.data["sha256"],
        "tie_order": record.config["protocol"].get("tie_order"),
        "code": record.code,
        "git_commit": record.git.get("commit"),
        "dirty": record.git.get("dirty"),
        "command": record.command,
        "mlflow.source.name": record.command,
        "mlflow.source.git.commit": record.git.get("commit"),
    }
    return {key: text(value)[:TAG_LENGTH] for key, value in known.items() if value is not None}


def points(record: Record) -> Iterator[Point]:
    """(name, value, step) of every number: the results at step 0, then the history epoch by epoch."""
    results: dict[str, Any] = {**record.metrics, "seconds": record.seconds, "peak_memory_mib": record.peak_memory_mib}
    if record.epochs is not None:
        results["epochs"] = record.epochs
    yield from ((name, value, 0) for name, value in _numbers(results))
    for index, epoch in enumerate(record.history):
        step = int(epoch.get("epoch", index + 1))
        rest = {key: value for key, value in epoch.items() if key != "epoch"}
        yield from ((f"history/{name}", value, step) for name, value in _numbers(rest))


def times_ms(record: Record) -> tuple[int, int]:
    """When the run began and ended, in ms since 1970."""
    end = datetime.fromisoformat(record.created).timestamp()
    return round((end - sum(record.seconds.values())) * 1000), round(end * 1000)


def _numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in flatten(values).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield key_of(key.replace(".", "/")), float(value)


def key_of(name: str) -> str:
    """Return a name that MLflow takes."""
    return re.sub(r"[^\w\-. :/]", "_", name.replace("@", "_at_"))[:KEY_LENGTH]
