"""Record: one run as plain data, and the identity that says which run it is.

Shapes: n test users. Plain data are dicts with string keys, lists, strings, numbers, booleans and None.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attrec_bench.errors import InputError

ARRAYS = ("users", "ranks")
"""The fields that are arrays; all others are plain data."""

SHORT = 16
"""Hex digits of an identity that name a run's folder: 64 bits, no two runs of a lifetime share them."""

SECTIONS = ("dataset", "protocol", "model", "train", "seed")
"""The keys of a record's config. ``train`` and ``seed`` are None for a model that uses none."""


@dataclass(frozen=True, eq=False)
class Record:
    """One finished run. Two runs with one identity are the same run, whatever they were called.

    identity  64 hex digits, ``identity(consumed(config, data["sha256"], code))``
    model     the choice on the command line, e.g. "attrec_author"; config["model"]["_target_"] is its class
    config    what the run consumed: the keys are SECTIONS
    data      name, sha256, users, items, interactions, clock, removed, audit, lost; older ones lack the last four
    code      sum of the source that matters to the run
    metrics   part of the split ("valid", "test") -> metric -> value
    users     [n] which user each test target belongs to         ranks   [n] its expected rank, 1 is best
    history   one dict an epoch: epoch, loss, seconds and the metrics on validation
    epochs    the epoch chosen on validation; None for a model without epochs
    seconds   wall time of each stage ("fit", "evaluate")        peak_memory_mib  of the process, MiB
    versions  package -> version     git  commit and dirty (None outside git)     hardware  cpu, cores, memory_mib, ...
    command   what to type to repeat it                          created  UTC in ISO 8601
    never_targets  share of the training events after a user's first from which no loss was made; None: not known
    """

    identity: str
    model: str
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    code: str
    metrics: Mapping[str, Mapping[str, float]]
    users: NDArray[np.integer]
    ranks: NDArray[np.float64]
    history: Sequence[Mapping[str, Any]]
    epochs: int | None
    seconds: Mapping[str, float]
    peak_memory_mib: float
    versions: Mapping[str, str]
    git: Mapping[str, Any]
    hardware: Mapping[str, Any]
    command: str
    created: str
    never_targets: float | None = None

    def __post_init__(self) -> None:
        """Check at birth: the identity fits what was consumed, and there is one possible rank for each user."""
        if set(self.config) != set(SECTIONS):
            raise ValueError(f"config must have the keys {', '.join(SECTIONS)}, got {', '.join(map(str, self.config))}")
        expected = identity(consumed(self.config, self.data["sha256"], self.code))
        if self.identity != expected:
            raise ValueError(f"identity must be {expected}, the hash of what was consumed, got {self.identity}")
        if self.users.ndim != 1 or self.users.shape != self.ranks.shape:
            raise ValueError(f"users and ranks must be [n] both, got {self.users.shape} and {self.ranks.shape}")
        if not bool(np.all(np.isfinite(self.ranks) & (self.ranks >= 1))):
            raise ValueError("ranks must be finite and at least 1")

    def __eq__(self, other: object) -> bool:
        """Two records are equal when all they hold is."""
        if not isinstance(other, Record):
            return NotImplemented
        same_arrays = all(np.array_equal(getattr(self, name), getattr(other, name)) for name in ARRAYS)
        return same_arrays and to_plain(self) == to_plain(other)

    def __hash__(self) -> int:
        """Equal records have equal identities."""
        return hash(self.identity)


def consumed(config: Mapping[str, Any], data_sha256: str, code: str) -> dict[str, Any]:
    """Return what makes a run this run. The model's *name* is not in it, its class (``_target_``) must be.

    Without the class, two models that have no keywords (popularity, random) would pass for one run.
    """
    if "_target_" not in config["model"]:
        raise ValueError("config['model'] must name its class in '_target_'")
    return {"config": config, "data": data_sha256, "code": code}


def identity(consumed: Mapping[str, Any]) -> str:
    """Sha256 in hex of what a run consumes. The order of keys does not matter, and 1 and 1.0 are one number.

    Raises InputError for NaN and infinity: NaN differs from itself, so such a run could never be found again.
    """
    return digest(consumed)


def digest(value: Any) -> str:
    """Plain data -> sha256 in hex of its one canonical JSON text."""
    text = json.dumps(plain(value, merge_numbers=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any, where: str = "", merge_numbers: bool = False) -> Any:
    """Copy of nested data as JSON has it: tuples become lists, numpy's numbers become Python's.

    ``merge_numbers`` writes a whole float as an integer, so that equal numbers look alike (booleans are no numbers).
    ``where`` is the dotted key of ``value``, for errors. Raises InputError for a number that is not finite and
    TypeError for anything that is not plain data.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _finite(float(value), where, merge_numbers)
    if isinstance(value, Mapping):
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise TypeError(f"{where or 'a mapping'} must have strings as keys, got {wrong[0]!r}")
        return {key: plain(inner, f"{where}.{key}".lstrip("."), merge_numbers) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, f"{where}[{index}]", merge_numbers) for index, inner in enumerate(value)]
    raise TypeError(f"{where or 'value'} must be plain data, got {type(value).__name__}")


def _finite(number: float, where: str, merge: bool) -> int | float:
    if not math.isfinite(number):
        raise InputError(f"{where or 'value'} must be a finite number, got {number}")
    return int(number) if merge and number.is_integer() else number


def to_plain(record: Record) -> dict[str, Any]:
    """Every field of a record but its arrays, ready for JSON."""
    return {
        field.name: plain(getattr(record, field.name), field.name)
        for field in fields(record)
        if field.name not in ARRAYS
    }


def from_plain(values: Mapping[str, Any], users: NDArray[np.integer], ranks: NDArray[np.float64]) -> Record:
    """Inverse of ``to_plain``. Raises TypeError for a missing or an unknown field, ValueError as Record does."""
    return Record(users=users, ranks=ranks, **values)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dict -> {"train.lr": 0.05, ...}. Lists are values; an empty dict has no keys."""
    return dict(_leaves(config, prefix))


def _leaves(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def text(value: Any) -> str:
    """A config value as one types it: 0.2, true, null, [1,2], dist."""
    return value if isinstance(value, str) else json.dumps(plain(value, merge_numbers=True), separators=(",", ":"))
