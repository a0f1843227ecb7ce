"""Recorded runs -> how far each choice of the protocol, changed alone, moves their figures; where their order flips.

The models stay as they were trained; only what they are asked and how the answers count is changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attrec_bench.contract import Scorer
from attrec_bench.data.interactions import Interactions, Ints
from attrec_bench.data.splits import LAST_TIES, TIE_ORDERS, Split
from attrec_bench.errors import InputError
from attrec_bench.evaluation.candidates import TIES, Ranking, lists, ranks_in
from attrec_bench.evaluation.metrics import Ranks, means, per_user
from attrec_bench.plan import Plan
from attrec_bench.recommend import changed_code, plan_of, restored
from attrec_bench.results import store
from attrec_bench.results.record import Record, text
from attrec_bench.results.tables import DEFAULT_METRICS

CANDIDATES = ("full", "uniform-100", "popularity-100")
RECORDED = "as recorded"
CPU = torch.device("cpu")

Values = Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Setting:
    """One way to ask a trained model: the recorded one, or that with one choice changed. ``learnt``: see ``leaked``."""

    name: str
    history: Interactions
    targets: Interactions
    ranking: Ranking
    learnt: float = 0.0


@dataclass(frozen=True, eq=False)
class Explained:
    """One run: its name, what it trained under, metrics of each setting, and what must be said about them."""

    label: str
    record: Record
    values: Mapping[str, Values]
    notes: tuple[str, ...]


def explain(runs: Path, given: Mapping[str, str]) -> str:
    """Runs folder, what was typed -> lines of text.

    ``run`` is the start of a run's identity, or several with commas; ``metrics`` are the columns; ``dataset.path`` says
    where the runs' data lie now, if not where they lay. Raises InputError for a run or a metric that is not there and
    for runs that cannot be compared.
    """
    if "run" not in given:
        raise InputError("explain needs run=ID, the start of a run's identity, or several: run=ID1,ID2")
    metrics = given["metrics"].split(",") if "metrics" in given else DEFAULT_METRICS
    for metric in metrics:
        per_user(metric, np.ones(1))  # one that is none is told before anything is loaded
    folders = [store.resolve(runs, name) for name in dict.fromkeys(given["run"].split(","))]
    records = [store.read(folder) for folder in folders]
    require_comparable(records)
    path = given.get("dataset.path")
    told = [explained(folder, record, metrics, path) for folder, record in zip(folders, records, strict=True)]
    lines = [line for each in told for line in (*table(each, metrics), "")]
    if len(told) > 1:
        lines += flips(told, metrics)
    return "\n".join(lines).rstrip("\n") + "\n"


def require_comparable(records: Sequence[Record]) -> None:
    """Raise InputError unless all runs have the same data and the same protocol."""
    held = {(record.data["sha256"], text(record.config["protocol"])): record for record in records}
    if len(held) > 1:
        first, second, *_ = held.values()
        names = " and ".join(
            f"{record.identity[:8]} ({record.data['name']}, {_protocol(record)})" for record in (first, second)
        )
        raise InputError(f"run must name runs of one data set and one protocol, got {names}")


def explained(folder: Path, record: Record, metrics: Sequence[str], path: str | None) -> Explained:
    """Load one run's model and score it under every setting."""
    planned = plan_of(record, path)
    model = restored(folder, record, planned)
    asked = settings(planned, learnt_from(planned))
    ranked: dict[str, tuple[Ints, Ranks]] = {}
    notes: list[str] = []
    for setting in asked:
        try:
            ranked[setting.name] = scored(model, setting)
        except InputError as error:  # some user has too few items to draw from
            notes.append(f"{setting.name} is left out: {error}")
    values = {name: means(ranks, metrics, users) for name, (users, ranks) in ranked.items()}
    notes += changed_since(record, changed_code(record, planned), *ranked[RECORDED]) + about_orders(record, asked)
    return Explained(f"{record.model} ({record.identity[:8]})", record, values, tuple(notes))


def changed_since(record: Record, code: str | None, users: Ints, ranks: Ranks) -> list[str]:
    """Return a note where the model, scored anew as it was recorded, does not give the recorded ranks."""
    if len(ranks) != len(record.ranks) or not np.array_equal(users, record.users):
        return [f"{code or 'the program has changed since this run'}: it has other test events now"]
    differ = int(np.sum(~np.isclose(ranks, record.ranks)))
    why = code or "the machine or its libraries have changed since this run"
    return [f"{why}: {differ} of {len(ranks)} ranks are not as recorded"] if differ else []


def about_orders(record: Record, asked: Sequence[Setting]) -> list[str]:
    """Return what must be said of other tie orders: the model was trained under its own."""
    if not any(setting.name.startswith("tie_order") for setting in asked):
        return ["no two events of a user share a second: the tie order moves nothing"]
    order = text(record.config["protocol"]["tie_order"])
    said = [
        f"other tie orders are asked of the model that was trained under tie_order={order}, not of one trained anew"
    ]
    return said + [
        f"{setting.name}: the model learnt from {setting.learnt:.1%} of these test events"
        for setting in asked
        if setting.learnt
    ]


def settings(planned: Plan, learnt: Interactions) -> list[Setting]:
    """Return the recorded setting first, then each that differs from it in one choice."""
    split, ranking = planned.split, planned.ranking
    recorded = Setting(RECORDED, split.known, split.test, ranking)
    made = [
        recorded,
        replace(recorded, name="seen items ranked too", ranking=replace(ranking, masked=False)),
        replace(recorded, name="history without validation", history=split.before),
    ]
    for candidates in CANDIDATES:
        changed = replace(ranking, candidates=candidates)
        made.append(replace(recorded, name=f"candidates {candidates}", ranking=changed))
    made += [replace(recorded, name=f"ties {ties}", ranking=replace(ranking, ties=ties)) for ties in TIES]
    made += orders(planned, recorded, learnt)
    return [recorded, *(each for each in made if not same(each, recorded))]


def orders(planned: Plan, recorded: Setting, learnt: Interactions) -> list[Setting]:
    """Return a setting for each other order of the events of one second, over the data split anew."""
    protocol = planned.config["protocol"]
    changes: list[dict[str, Any]] = [{"tie_order": order, "tie_seed": 0} for order in TIE_ORDERS]
    if "last_tie" in protocol:
        changes += [{"last_tie": which} for which in LAST_TIES]
    made = []
    for change in changes:
        split: Split = planned.split_by(planned.interactions, **change)
        key, value = next(iter(change.items()))
        changed = replace(recorded, name=f"{key} {value}", history=split.known, targets=split.test)
        made.append(replace(changed, learnt=leaked(split.test, learnt)))
    return made


def same(a: Setting, b: Setting) -> bool:
    """Whether two settings ask and count the same."""
    events = all(
        np.array_equal(one.users, other.users) and np.array_equal(one.items, other.items)
        for one, other in ((a.history, b.history), (a.targets, b.targets))
    )
    return events and a.ranking == b.ranking


def learnt_from(planned: Plan) -> Interactions:
    """Return the events that the recorded model learnt from."""
    return (planned.split.refit() if planned.config["protocol"]["refit"] else planned.split).train


def leaked(targets: Interactions, learnt: Interactions) -> float:
    """Return the share of the targets that the model was trained on: under another order they were training events."""
    width = learnt.n_items + 1
    known = learnt.users.astype(np.int64) * width + learnt.items
    return float(np.isin(targets.users.astype(np.int64) * width + targets.items, known).mean())


def scored(model: Scorer, setting: Setting) -> tuple[Ints, Ranks]:
    """Return the user and the rank of each target under one setting."""
    asked = lists(setting.history, setting.targets, setting.ranking, maxlen=model.maxlen, device=CPU, purpose="test")
    return asked.users, ranks_in(model, asked, name=setting.name)


def table(one: Explained, metrics: Sequence[str]) -> list[str]:
    """Return the lines of one run: a row a setting, values and how far they lie from the recorded ones."""
    record, base = one.record, one.values[RECORDED]
    wide = max(len(name) for name in one.values) + 2
    lines = [
        f"{one.label} on {record.data['name']}, {_protocol(record)}, one choice changed at a time",
        "".join([" " * wide, *(f"{name:<18}" for name in metrics)]).rstrip(),
    ]
    for name, values in one.values.items():
        cells = [
            f"{values[metric]:.4f}" + ("" if name == RECORDED else f" ({values[metric] - base[metric]:+.4f})")
            for metric in metrics
        ]
        lines.append("".join([f"{name:<{wide}}", *(f"{cell:<18}" for cell in cells)]).rstrip())
    return lines + [f"  {note}" for note in one.notes]


def flips(told: Sequence[Explained], metrics: Sequence[str]) -> list[str]:
    """Return a line for each setting and metric under which two runs change places."""
    names = [name for name in told[0].values if name != RECORDED and all(name in each.values for each in told)]
    lines = []
    for name in names:
        for metric in metrics:
            for a, b in combinations(told, 2):
                before = a.values[RECORDED][metric] - b.values[RECORDED][metric]
                after = a.values[name][metric] - b.values[name][metric]
                if before * after < 0:
                    up, down = (a, b) if after > 0 else (b, a)
                    lines.append(
                        f"  {name}, {metric}: {up.label} {up.values[name][metric]:.4f} passes {down.label} "
                        f"{down.values[name][metric]:.4f}"
                    )
    count = len(names) * len(metrics)
    if not lines:
        return [f"the order of the runs is the same under all {count} combinations of choice and metric"]
    return ["where the order of the runs flips against the recorded protocol:", *lines]


def _protocol(record: Record) -> str:
    return " ".join(f"{key}={text(value)}" for key, value in record.config["protocol"].items())
