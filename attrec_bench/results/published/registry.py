"""YAML files of published numbers -> Published values, checked. Nothing here is from memory: every value has a source.

A file is one source:

    source: what was read, as one would cite it
    confidence: V                  V: read in the primary source; 2: read in a text that quotes it
    protocol: {...}                how it was measured: the keys of FIELDS, ``unknown`` where the source does not say
    datasets: {ml-1m: {users: 6040, items: 3416, interactions: 999611}}      what is known of the counts
    values:
      - {model: caser, label: "Caser, lr .003", dataset: ml-1m, HR@10: 0.2039}

``model`` is the name of ours that it belongs to. A value may have a ``protocol`` of its own, which overrides keys, and
``settings``, keywords of our model that tell variants apart: {loss: bce}.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from attrec_bench.data.filters import DUPLICATES
from attrec_bench.errors import InputError, require, require_choice, require_number

FOLDER = Path(__file__).resolve().parent
UNKNOWN = "unknown"
PRIMARY = "V"
CONFIDENCE = (PRIMARY, "2")
OWN = ("protocol", "settings")
"""What a value may have of its own beside its metrics."""

COUNTS = ("users", "items", "interactions")
METRIC = re.compile(r"(HR|NDCG|Recall|Precision|MRR|MAP)@[1-9]\d*|MRR|MAP")

CHOICES = {
    "last_tie": ("last", "first"),
    "tie_order": ("file", "file_reversed", "item", "random"),
    "ties": ("expected", "optimistic", "pessimistic"),
    "chosen_on": ("validation", "test"),
    "duplicates": DUPLICATES,
}
NUMBERS = ("min_rating", "k_core", "min_item_events", "min_user_events")
"""Filters of the data by a number; null where there was none."""
FILTERS = (*NUMBERS, "duplicates")
"""All that decides which events of a data set count."""
NO_FILTER = (None, "keep")
"""Values of a filter that leaves nothing out."""

PATTERNS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "split": (
        "leave_one_out, ratio-TRAIN-VALID-TEST in %, global_time or random",
        re.compile(r"leave_one_out|ratio-\d+-\d+-\d+|global_time|random"),
    ),
    "candidates": ("full, uniform-N or popularity-N", re.compile(r"full|(uniform|popularity)-[1-9]\d*")),
}
"""What a field may be, in words and as a pattern."""

MASKED, REFIT = FLAGS = ("seen_masked", "refit")
"""True or false: whether what a user has seen was left out of the ranking, and whether the model that was tested had
learnt from the validation events too."""

FIELDS = (*PATTERNS, *CHOICES, *FLAGS, *NUMBERS)


@dataclass(frozen=True)
class Published:
    """One published value.

    ``model`` is ours, ``label`` the source's own words for it; ``protocol`` has the keys of FIELDS, ``counts`` those of
    COUNTS that are known, ``settings`` are keywords of our model.
    """

    model: str
    label: str
    dataset: str
    metric: str
    value: float
    source: str
    confidence: str
    protocol: Mapping[str, Any]
    counts: Mapping[str, int]
    settings: Mapping[str, Any]


@cache
def published(folder: Path = FOLDER) -> tuple[Published, ...]:
    """Every published value, by file. Raises InputError naming the file of a mistake."""
    return tuple(value for file in sorted(folder.glob("*.yaml")) for value in read(file))


def read(file: Path) -> list[Published]:
    """Return the values of one source."""
    try:
        content = yaml.safe_load(file.read_text())
        _has_keys("file", content, ("source", "confidence", "protocol", "datasets", "values"))
        return [value for entry in content["values"] for value in _values(entry, content)]
    except (InputError, yaml.YAMLError) as error:
        raise InputError(f"{file.name}: {' '.join(str(error).split())}") from error


def _values(entry: Mapping[str, Any], content: Mapping[str, Any]) -> list[Published]:
    require(isinstance(entry, Mapping), "a value must be a mapping", entry)
    named = ("model", "label", "dataset")
    metrics = {key: value for key, value in entry.items() if key not in (*named, *OWN)}
    _has_keys("value", entry, (*named, *metrics), optional=OWN)
    require(bool(metrics), "a value must have at least one metric", dict(entry))
    require_choice("confidence", content["confidence"], CONFIDENCE)
    require_choice("dataset", entry["dataset"], content["datasets"])
    protocol = {**content["protocol"], **entry.get("protocol", {})}
    _check_protocol(protocol)
    counts = content["datasets"][entry["dataset"]] or {}
    _has_keys("dataset", counts, (), optional=COUNTS)
    for metric, value in metrics.items():
        require(METRIC.fullmatch(metric) is not None, "a metric must be HR@K, NDCG@K, MRR, MAP, ...", metric)
        require_number(metric, value, "lie in [0, 1]", lambda number: 0 <= number <= 1)
    return [
        Published(
            model=entry["model"],
            label=entry["label"],
            dataset=entry["dataset"],
            metric=metric,
            value=value,
            source=content["source"],
            confidence=content["confidence"],
            protocol=protocol,
            counts=counts,
            settings=entry.get("settings", {}),
        )
        for metric, value in metrics.items()
    ]


def _check_protocol(protocol: Mapping[str, Any]) -> None:
    _has_keys("protocol", protocol, FIELDS)
    for field, value in protocol.items():
        if value == UNKNOWN:
            continue
        if field in CHOICES:
            require_choice(field, value, (*CHOICES[field], UNKNOWN))
        elif field in FLAGS:
            require(isinstance(value, bool), f"{field} must be true, false or unknown", value)
        elif field in PATTERNS:
            words, pattern = PATTERNS[field]
            fine = isinstance(value, str) and pattern.fullmatch(value) is not None
            require(fine, f"{field} must be {words}, or unknown", value)
        elif value is not None:
            require_number(field, value, "be a number above 0, null or unknown", lambda number: number > 0)


def _has_keys(what: str, given: object, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    require(isinstance(given, Mapping), f"a {what} must be a mapping", given)
    assert isinstance(given, Mapping)  # mypy cannot know
    lacking = [key for key in keys if key not in given]
    surplus = [key for key in given if key not in (*keys, *optional)]
    require(
        not lacking, f"a {what} must have the keys {', '.join(keys)}; lacking are {', '.join(lacking)}", list(given)
    )
    require(not surplus, f"a {what} may have the keys {', '.join((*keys, *optional))}", surplus)
