"""A record -> where its configuration differs from what the YAML files give for the same choices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from attrec_bench.configuration import composed, explained, plain_of
from attrec_bench.contract import Scorer
from attrec_bench.data.interactions import Interactions
from attrec_bench.evaluation.candidates import PLAIN
from attrec_bench.plan import class_of, model_builder, sections, with_short_names
from attrec_bench.results.record import Record, digest, flatten, text


@dataclass(frozen=True)
class Differing:
    """Key -> (the record's value, the YAML files' value), each as one types it; None where one lacks the key.

    ``unknown`` says why there is nothing to compare with, as for a class that no YAML file names.
    """

    keys: Mapping[str, tuple[str | None, str | None]]
    unknown: str = ""

    def words(self) -> str:
        """``train.epochs=8 (YAML 100)``, or that there is no difference."""
        if self.unknown:
            return self.unknown
        return ", ".join(map(self.word, self.keys)) or "nothing"

    def word(self, key: str) -> str:
        """One difference: ``train.epochs=8 (YAML 100)``."""
        mine, own = self.keys[key]
        if mine is None:
            return f"no {key} (YAML {own})"
        return f"{key}={mine} ({'not in YAML' if own is None else f'YAML {own}'})"


def differing(record: Record) -> Differing:
    """Compare a record's configuration, but for the seed, with that of ``run dataset=... protocol=... model=...``."""
    return differing_from(record, defaults_or_why(record))


def defaults_or_why(record: Record) -> dict[str, Any] | str:
    """Return the record's ``defaults``, or in one line why they cannot be composed."""
    try:
        return flatten(defaults(record))
    except Exception as error:  # of whatever a class asks for that is no longer what it was
        said = explained(error)
        if said is None:
            raise
        return said


def differing_from(record: Record, default: Mapping[str, Any] | str) -> Differing:
    """Compare a record's configuration with what ``defaults_or_why`` returned for it or for another of its choices."""
    if isinstance(default, str):
        return Differing({}, f"unknown, since its YAML files cannot be composed: {default}")
    protocol = {key.removeprefix("protocol."): each for key, each in default.items() if key.startswith("protocol.")}
    mine = flatten({**record.config, "protocol": _in_full(record.config["protocol"], protocol)})
    keys = [
        key for key in dict.fromkeys([*mine, *default]) if key != "seed" and _told(mine, key) != _told(default, key)
    ]
    return Differing({key: (_word(mine, key), _word(default, key)) for key in keys})


def defaults(record: Record) -> dict[str, Any]:
    """Return what a run of the record's choices consumes with nothing else on the command line, its protocol in full.

    The model is made, of the record's numbers of users and items, since it tells which settings it does not use.
    """
    choices = {"dataset": record.config["dataset"]["name"], "protocol": record.config["protocol"]["name"]}
    config = composed([f"{key}={value}" for key, value in choices.items()] + [f"model={record.model}"])
    config = with_short_names(config, record.model)
    model: Scorer = model_builder(config, class_of(config.model._target_), _empty(record))()
    protocol = {key: each for key, each in plain_of(config.protocol).items() if key not in ("split", "tie_draws")}
    return {**sections(config, model), "protocol": protocol}


def _in_full(consumed: Mapping[str, Any], protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's settings of a protocol with those that go without saying (see ``plan.protocol_of``).

    A seed that nothing was drawn with is the protocol's own, as good as any.
    """
    unsaid = {"candidates": PLAIN.candidates, "ties": PLAIN.ties}
    unsaid |= {key: protocol[key] for key in ("tie_seed", "candidates_seed") if key in protocol}
    return {**consumed, **{key: each for key, each in unsaid.items() if key not in consumed}}


def _empty(record: Record) -> Interactions:
    """Return data of the record's size without an event: a model asks for no more when it is made."""
    none = np.array([], dtype=np.int32)
    users, items = record.data["users"], record.data["items"]
    return Interactions(none, none, none, np.arange(users).astype(str), np.arange(items + 1).astype(str))


def _told(config: Mapping[str, Any], key: str) -> str:
    return digest([key in config, config.get(key)])


def _word(config: Mapping[str, Any], key: str) -> str | None:
    return text(config[key]) if key in config else None
