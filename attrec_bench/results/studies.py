"""Study -> MLflow: a parent run for a sweep's study, and below it a run for each trial that has ended.

The study in its own storage is the truth and MLflow a copy of it. What could not be sent is sent the next time: which
trials are missing there is asked of MLflow itself, so a killed sender or another machine leaves nothing out and doubles
nothing. Only the process that the user started sends; a worker never waits for MLflow.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attrec_bench.results.entries import PARAM_LENGTH, TAG_LENGTH, Entry, Point, key_of
from attrec_bench.results.marks import shown, store_uri
from attrec_bench.results.record import text
from attrec_bench.results.tracking import Target, add, failures, line_of, reached, write

RETRY = 30.0
"""Seconds until a store that failed is asked again: each try may wait for it some seconds."""

PAUSE = 5.0
"""Seconds between two sendings: each costs some twenty calls."""

A_SENDING = 10.0
"""Seconds after which a sending leaves the rest to the next one."""

STATUS = {"complete": "FINISHED", "pruned": "FINISHED", "failed": "FAILED", "killed": "KILLED"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """A trial that has ended: complete, pruned, failed (by itself) or killed (and repeated under another number)."""

    number: int
    state: str
    params: Mapping[str, Any]
    value: float | None
    reason: str | None
    """Why it failed or was killed."""
    seeds: tuple[int, ...]
    cpu_seconds: float
    begin: int
    """In ms since 1970, as ``end``."""
    end: int
    steps: Mapping[int, float]
    """Epoch, counted through all seeds -> mean of the best validation values so far."""


@dataclass(frozen=True)
class Study:
    """A study as plain data."""

    identity: str
    """Tells it from all other studies, also from those of the same name."""
    name: str
    facts: Mapping[str, Any]
    """What it searches and how: never changes."""
    numbers: Mapping[str, float]
    """How far it is."""
    words: Mapping[str, str]
    """Its budget, which may be raised, and the best settings so far."""
    monitor: str
    trials: tuple[Trial, ...]
    over: bool


@dataclass(eq=False)
class Sender:
    """Sends one study again and again, as it grows."""

    root: Path
    uri: str | None
    experiment: str
    exclusive: Callable[[], AbstractContextManager[object]]
    """Lock of the study under which one process at a time sends."""
    sent: set[int] = field(default_factory=set)
    over: bool = False
    again: float = 0.0
    """When to try, by the monotonic clock."""

    def send(self, study: Study, patience: float = A_SENDING) -> bool:
        """Send what is missing, for about ``patience`` seconds; False, with one warning line, where the store fails."""
        new = [trial for trial in study.trials if trial.number not in self.sent]
        if not new and (self.over or not study.over):
            return True
        address = store_uri(self.root, self.uri)
        try:
            with self.exclusive(), reached(self.root, address, self.experiment) as target:
                self.copy(target, study, new, time.monotonic() + patience)
            self.again = time.monotonic() + PAUSE
        except failures() as error:
            self.again = time.monotonic() + RETRY
            log.warning(
                "sending %s to MLflow at %s fails; its trials stay in the study, to be sent later: %s",
                *(study.name, shown(address), line_of(error)),
            )
            return False
        return True

    def send_in_passing(self, study: Callable[[], Study]) -> None:
        """Send, unless that was done, or failed, just now."""
        if time.monotonic() >= self.again:
            self.send(study())

    def copy(self, target: Target, study: Study, new: list[Trial], until: float) -> None:
        """Write the parent and the new trials that are not there yet."""
        parent = parent_of(target, study)
        there = numbers_there(target, study, since=min((trial.begin for trial in new), default=0)) if new else set()
        for trial in new:
            if trial.number not in there:
                write(target, entry_of(study, trial, parent))
            self.sent.add(trial.number)
            if time.monotonic() > until:
                break
        settle(target, study, parent)
        self.over = study.over and all(trial.number in self.sent for trial in new)


def parent_of(target: Target, study: Study) -> str:
    """Id of the study's own run, made if need be."""
    tags = {"study_id": study.identity, "kind": "study"}
    made = next(found(target, " and ".join(f"tags.{key} = '{value}'" for key, value in tags.items())), None)
    if made is None:
        begin = min((trial.begin for trial in study.trials), default=now())
        made = target.client.create_run(target.experiment_id, start_time=begin, tags=tags, run_name=study.name)
    return str(made.info.run_id)


def numbers_there(target: Target, study: Study, since: int) -> set[int]:
    """Numbers of the trials that began at ``since`` or later and are whole in the store; halves are deleted."""
    whole: set[int] = set()
    query = f"tags.study_id = '{study.identity}' and tags.kind = 'trial' and attributes.start_time >= {since}"
    for run in found(target, query):
        number = int(run.data.tags["trial"])
        if run.info.status == "RUNNING" or number in whole:
            target.client.delete_run(run.info.run_id)
        else:
            whole.add(number)
    return whole


def found(target: Target, query: str) -> Iterator[Any]:
    """Runs of the experiment, page by page, oldest first."""
    token = None
    while True:
        page = target.client.search_runs(
            [target.experiment_id], query, order_by=["attributes.start_time ASC"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def entry_of(study: Study, trial: Trial, parent: str) -> Entry:
    """Trial -> Entry; its steps are the metric's history and its value stands for itself."""
    known = {
        "mlflow.parentRunId": parent,
        "study_id": study.identity,
        "kind": "trial",
        "study": study.name,
        "trial": trial.number,
        "state": trial.state,
        "seeds": ",".join(map(str, trial.seeds)),
        "reason": trial.reason,
    }
    tags = {key: text(value)[:TAG_LENGTH] for key, value in known.items() if value is not None}
    params = {key_of(key): text(value)[:PARAM_LENGTH] for key, value in trial.params.items()}
    name = f"{study.name} trial {trial.number}"
    return Entry(name, trial.begin, trial.end, tags, params, points_of(study, trial), STATUS[trial.state])


def points_of(study: Study, trial: Trial) -> Iterable[Point]:
    """(name, value, step) of every number of a trial."""
    yield "cpu_seconds", trial.cpu_seconds, 0
    if trial.value is not None:
        yield "value", trial.value, 0
    for step, value in trial.steps.items():
        yield key_of(f"history/{study.monitor}"), value, step


def settle(target: Target, study: Study, parent: str) -> None:
    """Let the parent say what the study is, how far it is, and whether it is over.

    All of it is written each time: a sender may have been killed in here.
    """
    params = {key_of(key): text(value)[:PARAM_LENGTH] for key, value in study.facts.items()}
    points = [(key_of(key), float(value), 0) for key, value in study.numbers.items()]
    tags = {key_of(key): text(value)[:TAG_LENGTH] for key, value in {"study": study.name, **study.words}.items()}
    add(target, parent, Entry(study.name, 0, now(), tags, params, points))
    for key, value in tags.items():
        target.client.set_tag(parent, key, value)
    if study.over:
        target.client.set_terminated(parent, "FINISHED", max((trial.end for trial in study.trials), default=now()))
    else:
        target.client.update_run(parent, status="RUNNING")


def now() -> int:
    """Return the time in ms since 1970."""
    return round(time.time() * 1000)
