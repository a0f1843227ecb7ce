"""Watch: how far the studies of one command are, and whether anybody is at work on them. Nothing is stored here."""

import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from attrec_bench.plan import plan
from attrec_bench.results import store
from attrec_bench.results.record import Record
from attrec_bench.results.studies import Study
from attrec_bench.sweeping.census import Census, census
from attrec_bench.sweeping.plain import sender_of, study_of
from attrec_bench.sweeping.slots import MISSED_BEATS
from attrec_bench.sweeping.storage import patiently
from attrec_bench.sweeping.sweep import Sweep
from attrec_bench.sweeping.team import Team

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Watched:
    """A sweep, its study, and which of the winner's runs there are."""

    sweep: Sweep
    identities: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make or check the study."""
        self.study = self.sweep.study()
        self.before = self.census().failures()
        self.told: dict[int, str] = dict.fromkeys(self.before, "")
        self.sender = sender_of(self.sweep)

    def census(self) -> Census:
        """Count the trials."""
        return census(patiently(lambda: self.study.get_trials(deepcopy=False)))

    def over(self, count: Census) -> bool:
        """Whether the search is."""
        return count.over(self.sweep.total, self.sweep.max_failed) or count.hopeless(self.before)

    def left(self) -> bool:
        """Whether any trial or run of the winner is missing."""
        count = self.census()
        if not self.over(count):
            return True
        return count.best is not None and len(self.confirmed(count)) < len(self.sweep.final_seeds)

    def confirmed(self, count: Census) -> list[Record]:
        """Records of the winner's runs, once the search is over."""
        if not self.over(count) or count.best is None:
            return []
        if not self.identities:
            finals = [self.sweep.final(count.best.params, seed) for seed in self.sweep.final_seeds]
            self.identities = [plan(each, self.sweep.model).identity for each in finals]
        there = [each for each in self.identities if store.folder_of(self.sweep.root, each).is_dir()]
        return [record for each in there if (record := store.find(self.sweep.root, each))]

    def plain(self) -> Study:
        """Return the study as MLflow is told of it."""
        trials = patiently(lambda: self.study.get_trials(deepcopy=False))
        return study_of(self.sweep, self.study.user_attrs["identity"], trials)

    def send_in_passing(self) -> None:
        """Let MLflow know of trials that have ended."""
        if self.sender is not None:
            self.sender.send_in_passing(self.plain)

    def signs(self) -> tuple[Any, ...]:
        """Return what changes while anybody is at work: trials, their beats, the winner's runs."""
        trials = patiently(lambda: self.study.get_trials(deepcopy=False))
        beats = [(trial.number, trial.state, trial.user_attrs.get("beat")) for trial in trials]
        return beats, len(self.confirmed(census(trials)))

    def being_made(self) -> bool:
        """Whether some process is at one of the winner's runs, which show no beat."""
        return any(store.held(self.sweep.root, each) for each in self.identities)

    def tell_failures(self, count: Census) -> None:
        """Say in one line each which trials have failed since the last look; the same words are said once."""
        for number, reason in count.reasons:
            if number not in self.told:
                first = next((each for each, words in self.told.items() if words == reason), None)
                how = f"failed: {reason}" if first is None else f"failed as trial {first} did"
                print(f"{self.sweep.name}: trial {number} {how}", file=sys.stderr, flush=True)
                self.told[number] = reason


@dataclass(eq=False)
class Watch:
    """Whether anybody is at work: the team here, or jobs that have outlived their launcher, by what they write."""

    watched: Sequence[Watched]
    team: Team
    seen: list[tuple[Any, ...]] | None = None
    at: float = 0.0

    def at_work(self) -> bool:
        """Whether to go on watching."""
        if self.team.running():
            return True
        if not self.team.far:
            return False
        if self.seen is None:
            log.warning(
                "the launcher has ended%s; its jobs may go on, so the study is watched for as long as it changes",
                "".join(f" with: {error}" for error in self.team.errors()),
            )
        signs, now = [each.signs() for each in self.watched], time.monotonic()
        if signs != self.seen or any(each.being_made() for each in self.watched):
            self.seen, self.at = signs, now
        return now - self.at < MISSED_BEATS * float(self.watched[0].sweep.config.sweep.heartbeat)
