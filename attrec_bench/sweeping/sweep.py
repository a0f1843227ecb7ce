"""Overrides -> Sweep: all that a worker must know to take part in one model's sweep, checked before anything starts."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from attrec_bench.configuration import composed, model_name
from attrec_bench.errors import InputError, require, require_bool, require_choice, require_number, require_whole
from attrec_bench.evaluation.metrics import METRICS
from attrec_bench.plan import Plan, class_of, learns, plan, training_of
from attrec_bench.results.ledger import FOLDER
from attrec_bench.results.marks import store_uri
from attrec_bench.results.record import flatten, plain, text
from attrec_bench.sweeping.slots import Slots
from attrec_bench.sweeping.space import Space, load
from attrec_bench.sweeping.storage import Storage, opened

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner

FIRST_SEED = 1000
"""The search trains with the seeds 1000, 1001, ... and its winner with 0, 1, ...: the seeds of everybody's runs."""

NO_VALUE = "none that a setting has"

OWN = ("n_trials", "workers", "final_seeds", "storage", "sweep")
"""Keys that only a sweep has."""

WARMUP, STARTUP = 5, 5
"""Epochs and finished trials before the first trial is pruned."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Sweep:
    """One model's sweep."""

    name: str
    model: str
    config: DictConfig
    """What every trial shares; the swept keys stand at the model's own values."""
    space: Space
    where: str
    """The storage's file or address."""
    total: int
    fingerprint: Mapping[str, Any]
    """What must be the same for two commands to mean the same study."""
    overrides: tuple[str, ...]
    """What `attrec-bench run` needs to make ``config``."""

    @property
    def root(self) -> Path:
        """Folder of the records."""
        return Path(self.config.runs)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds over which a trial's value is averaged."""
        return tuple(range(FIRST_SEED, FIRST_SEED + self.config.sweep.seeds))

    @property
    def final_seeds(self) -> tuple[int, ...]:
        """Seeds of the winner's runs. The search has seen none of them."""
        return tuple(range(self.config.final_seeds))

    @property
    def prune(self) -> bool:
        """Whether trials may end early."""
        return bool(self.config.sweep.prune)

    @property
    def max_failed(self) -> int:
        """Failed trials that are replaced; one more ends the sweep."""
        return int(self.config.sweep.max_failed)

    @cached_property
    def storage(self) -> Storage:
        """The storage, opened once in each process."""
        return opened(self.where)

    def study(self) -> "Study":
        """Return the study, made if need be. InputError where one of this name was made for another sweep."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self.storage.exclusive():
            study = optuna.create_study(
                study_name=self.name,
                storage=self.storage.trials,
                direction="maximize",
                pruner=pruner(self.prune),
                load_if_exists=True,
            )
            before = study.user_attrs.get("sweep")
            if before is None:  # new, or its maker was killed right here
                study.set_user_attr("sweep", dict(self.fingerprint))
            elif difference := differing(before, self.fingerprint):
                raise InputError(
                    f"study {self.name} was made with another {difference}; sweep.name=NAME starts another"
                )
            if "identity" not in study.user_attrs:
                study.set_user_attr("identity", token_hex(16))  # in MLflow, where others may use the same name
        return study

    def slots(self) -> Slots:
        """Return a worker's view of the study."""
        sweep = self.config.sweep
        return Slots(self.study(), self.storage, self.space, self.total, sweep.seed, sweep.heartbeat)

    def final(self, point: Mapping[str, Any], seed: int) -> DictConfig:
        """Return the configuration of one of the winner's runs."""
        made = self.space.applied(self.config, point)
        made.seed = seed
        return made

    def command(self, point: Mapping[str, Any], seed: int) -> str:
        """What to type to repeat one of the winner's runs."""
        values = [f"{key}={text(value)}" for key, value in point.items()]
        return shlex.join(["attrec-bench", "run", *self.overrides, *values, f"seed={seed}"])


def sweeps(overrides: Sequence[str]) -> list[Sweep]:
    """Overrides as on the command line, with one model or several -> a sweep for each, all with the same budget.

    Raises InputError for any mistake, in any of them, before one has begun.
    """
    given = [each for each in overrides if each.startswith("model=")]
    others = [each for each in overrides if not each.startswith("model=")]
    choices = given[-1].removeprefix("model=").split(",") if given else [None]
    require(len(set(choices)) == len(choices), "model must name each model once", given)
    return [sweep_of(others if choice is None else [f"model={choice}", *others]) for choice in choices]


def sweep_of(overrides: Sequence[str]) -> Sweep:
    """Compose and check one sweep; loads the data."""
    config = composed(list(overrides), "sweep")
    keys = [each.partition("=")[0] for each in overrides]
    overridden = [key.lstrip("+~") for key in keys if key.startswith("++") or not key.startswith("+")]  # + adds a key
    require("seed" not in overridden, "seed is no key of a sweep: sweep.seeds and final_seeds count seeds", overrides)
    check_numbers(config)
    if config.tracking.uri != "off":
        store_uri(Path(config.runs), config.tracking.uri)
    choice = next((each.partition("=")[2] for each in overrides if each.startswith("model=")), "attrec")
    check_tunable(config, choice)
    space = load(config.sweep.space or choice, config, overridden)
    planned = plan(config, model_name(config, choice))
    space = consumed_of(space, config, planned)
    require_choice("train.monitor", config.train.monitor, METRICS)
    config = settled(config, planned, space)
    # A run of a model that is fitted in one go does not consume the monitor; its search does.
    consumed = flatten(planned.config) | {"train.monitor": config.train.monitor}
    shared = {key: value for key, value in consumed.items() if key not in space.ranges and key != "seed"}
    return Sweep(
        name=f"{config.sweep.name or config.dataset.name}-{planned.name}",
        model=planned.name,
        config=config,
        space=space,
        where=str(config.storage or Path(config.runs) / FOLDER / "studies.journal"),
        total=config.n_trials,
        fingerprint={
            "space": space.plain(),
            "data": planned.interactions.sha256,
            "code": planned.code,
            "configuration": {key: plain(value) for key, value in shared.items()},
            "sweep": {key: config.sweep[key] for key in ("seed", "seeds", "prune")},
        },
        overrides=tuple(each for each in overrides if each.lstrip("+~").partition("=")[0].split(".")[0] not in OWN),
    )


def check_tunable(config: DictConfig, choice: str) -> None:
    """InputError for a model without keyword and training, as popularity: its trials would all be the same."""
    keywords = [key for key in config.model if not str(key).startswith("_")]
    if not keywords and not learns(class_of(config.model._target_)):
        raise InputError(
            f"model={choice} has nothing to tune, neither a keyword nor a training; attrec-bench run model={choice} "
            "gives its row in a table"
        )


def consumed_of(space: Space, config: DictConfig, planned: Plan) -> Space:
    """Return the space without the keys of training that this model consumes no value of, as a softmax no negatives.

    A line says which. A space that sweeps choices of the model is left as it is: one of them may consume the key.
    InputError where no key is left.
    """
    if planned.config["train"] is None or any(
        each.choices for key, each in space.ranges.items() if key.startswith("model.")
    ):
        return space
    model, train = planned.build_model(), planned.config["train"]
    idle = [key for key in space.ranges if training_of({**train, key.removeprefix("train."): NO_VALUE}, model) == train]
    if not idle:
        return space
    what = ", ".join(idle)
    log.info("%s: %s means nothing to model=%s as it is set, so it is not swept", space.source, what, planned.name)
    require(len(idle) < len(space.ranges), f"{space.source}: some swept key must be used by model={planned.name}", idle)
    return space.without(idle)


def settled(config: DictConfig, planned: Plan, space: Space) -> DictConfig:
    """Return a copy with the settings that this model's search does not consume at a fixed value.

    A model that is fitted in one go has one epoch, and there is nothing to prune. Where the seed changes nothing, a
    trial is one fit, since the mean of several would be the same value, and the winner's runs are one run, as those of
    `run -m seed=0,1,2` are. InputError where the space sweeps the training of a model that has none.
    """
    made, name = config.copy(), planned.name
    if planned.config["train"] is None:
        swept = [key for key in space.ranges if key.startswith("train.")]
        require(not swept, f"{space.source}: model={name} is fitted in one go, so no key of train may be swept", swept)
        made.train.epochs, made.sweep.prune = 1, False
    if planned.config["seed"] is None:
        made.sweep.seeds, made.final_seeds = 1, min(config.final_seeds, 1)
        log.info("model=%s: the seed changes nothing, so a trial is one fit and its winner is run once", name)
    return made


def check_numbers(config: DictConfig) -> None:
    """The settings of the sweep itself."""
    for key, least in {
        "n_trials": 1,
        "workers": 1,
        "final_seeds": 0,
        "sweep.seeds": 1,
        "sweep.seed": 0,
        "sweep.max_failed": 0,
    }.items():
        require_whole(key, OmegaConf.select(config, key), least)
    require(config.final_seeds <= FIRST_SEED, f"final_seeds must be at most {FIRST_SEED}", config.final_seeds)
    require_number("sweep.heartbeat", config.sweep.heartbeat, "be a number of seconds above 0", lambda beat: beat > 0)
    require_bool("sweep.prune", config.sweep.prune)


def pruner(prune: bool) -> "BasePruner":
    """Return the rule by which a trial ends early: it is worse than the median of the completed ones.

    Hyperband's brackets depend on a trial's number, which a killed trial shifts: a sweep with a kill in it would go
    elsewhere. The median depends on what is completed alone.
    """
    from optuna.pruners import MedianPruner, NopPruner

    return MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARMUP) if prune else NopPruner()


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Say in which part two fingerprints differ, and at which key first; None where they are the same."""
    for part in now:
        old, new = (flatten({"": plain(each.get(part), merge_numbers=True)}) for each in (before, now))
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                values = f"{text(old.get(key))} there, {text(new.get(key))} here"
                return f"{part} ({key.strip('.') or part}: {values})"
    return None
