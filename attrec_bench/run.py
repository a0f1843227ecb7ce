"""Config -> objects -> Record. Here configuration ends: below this file are plain numbers, strings and objects."""

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from attrec_bench.contract import Counter, Learner, Scorer
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.splits import Split
from attrec_bench.errors import InputError, require
from attrec_bench.evaluation.metrics import means
from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.results import machine, store
from attrec_bench.results.code import code_version
from attrec_bench.results.record import Record, consumed, identity
from attrec_bench.training.batches import batches, generator
from attrec_bench.training.progress import reporter
from attrec_bench.training.trainer import Optimizer, Progress, fit

SHORT_NAMES = ("w", "gamma", "maxlen")
FACTS = ("n_users", "n_items", "generator")
WEIGHTS = "weights.pt"
NOT_CONSUMED = ("path", "layouts", "url", "sha256", "members", "counts")
"""Keys of a data set that say where it lies; what it holds is in its own sum."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Plan:
    """A run before it is trained: everything that its identity depends on, and the objects made so far."""

    name: str
    config: Mapping[str, Any]
    interactions: Interactions
    split: Split
    build_model: Callable[[], Scorer]
    optimizer: Callable[..., torch.optim.Optimizer]
    code: str
    device: torch.device

    @property
    def identity(self) -> str:
        """Return the hash of all that the run consumes."""
        return identity(consumed(self.config, self.interactions.sha256, self.code))


def run(config: DictConfig, name: str, command: str) -> tuple[Record, bool]:
    """Train, choose, test and record one model, or find the record of the same run. Return (record, found).

    ``name`` is the model's choice on the command line, ``command`` what repeats the run.
    Raises InputError for a mistake in the configuration, FloatingPointError for a model that diverges.
    """
    torch.set_num_threads(config.threads)
    planned, root = plan(config, name), Path(config.runs)
    with store.lock(root, planned.identity):
        found = None if config.force else store.find(root, planned.identity)
        if found is not None:
            return found, True
        model, record = trained(planned, command)
        store.save(root, record, lambda folder: save_weights(model, folder / WEIGHTS), force=config.force)
        return record, False


def plan(config: DictConfig, name: str) -> Plan:
    """Resolve a composed configuration, load the data and say what the run will consume; nothing is trained."""
    settled = with_short_names(config, name)
    seed = settled.seed
    require(type(seed) is int and seed >= 0, "seed must be a whole number of at least 0", seed)
    kind = get_class(settled.model._target_)
    learns, wanted = issubclass_of(kind, "loss"), inspect.signature(kind).parameters
    interactions = build(settled.dataset)
    split = build(settled.protocol.split)(interactions)
    facts = {"n_users": interactions.n_users, "n_items": interactions.n_items}

    def build_model() -> Scorer:
        given = {fact: facts[fact] for fact in facts if fact in wanted}
        if "generator" in wanted:
            given["generator"] = generator(settled.seed, "init")
        with torch.random.fork_rng(devices=[]):
            # A model from outside may draw from torch's global state.
            torch.manual_seed(settled.seed)
            model: Scorer = build(settled.model, **given)
        return model

    return Plan(
        name=name,
        config=sections(settled, learns=learns, random=learns or "generator" in wanted),
        interactions=interactions,
        split=split,
        build_model=build_model,
        optimizer=build(settled.train.optimizer),
        code=code_version(Path(inspect.getfile(kind))),
        device=torch.device(device_name(settled.device)),
    )


def build(node: DictConfig, **facts: Any) -> Any:
    """Make the object that a node names; facts that only the data know go in as keywords."""
    return instantiate(node, **facts, _convert_="all")


def issubclass_of(kind: type, method: str) -> bool:
    """Whether a class offers a method of the contract."""
    return callable(getattr(kind, method, None))


def with_short_names(config: DictConfig, name: str) -> DictConfig:
    """Return a copy in which w, gamma and maxlen, where given, stand in the model's own keywords."""
    settled = config.copy()
    for key in SHORT_NAMES:
        value = config[key]
        if value is None:
            continue
        if settled.model.get(key) is None:
            log.info("%s=%s is not used by model=%s in mode=%s", key, value, name, config.mode.name)
        else:
            settled.model[key] = value
    return settled


def sections(config: DictConfig, *, learns: bool, random: bool) -> dict[str, Any]:
    """Return what the run consumes of a configuration: plain data, unused parts left out."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)  # a DictConfig always gives one; mypy cannot know
    dataset = {key: value for key, value in plain["dataset"].items() if key not in NOT_CONSUMED}
    protocol = {key: value for key, value in plain["protocol"].items() if key != "split"}
    if protocol.get("tie_order") != "random":
        protocol.pop("tie_seed", None)
    return {
        "dataset": dataset,
        "protocol": protocol,
        "model": plain["model"],
        "train": plain["train"] if learns else None,
        "seed": plain["seed"] if random else None,
    }


def device_name(asked: str) -> str:
    """auto -> cuda if there is a card, else cpu; a device that is not there is an error."""
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device must be one this machine has (cpu), got {asked!r}: no CUDA card is visible")
    return asked


def trained(planned: Plan, command: str) -> tuple[Scorer, Record]:
    """Train, choose on validation, test once."""
    started = perf_counter()
    model, progress = learnt(planned, planned.split, validate=True)
    valid = scored(planned, model, planned.split.train, planned.split.valid)
    seconds = {"fit": perf_counter() - started}
    if planned.config["protocol"]["refit"]:
        model, _ = learnt(planned, planned.split.refit(), validate=False, epochs=progress.best_epoch)
        seconds["refit"] = perf_counter() - started - seconds["fit"]
    tested = perf_counter()
    test = scored(planned, model, planned.split.known, planned.split.test)
    seconds["test"] = perf_counter() - tested
    data = planned.interactions
    return model, Record(
        identity=planned.identity,
        model=planned.name,
        config=planned.config,
        data={
            "name": planned.config["dataset"]["name"],
            "sha256": data.sha256,
            "users": data.n_users,
            "items": data.n_items,
            "interactions": len(data),
        },
        code=planned.code,
        metrics={"valid": means(valid), "test": means(test)},
        users=planned.split.test.users,
        ranks=test,
        history=progress.history,
        epochs=progress.best_epoch or None,
        seconds=seconds,
        peak_memory_mib=machine.peak_memory_mib(),
        versions=machine.versions(),
        git=machine.git_state(),
        hardware=machine.hardware() | {"device": str(planned.device)},
        command=command,
        created=machine.now(),
    )


def learnt(planned: Plan, split: Split, *, validate: bool, epochs: int | None = None) -> tuple[Scorer, Progress]:
    """Make a model and let it learn from ``split.train``; chosen on ``split.valid`` or trained for ``epochs``."""
    model = planned.build_model()
    if isinstance(model, Counter):
        model.fit(split.train)
        return on_device(model, planned.device), Progress()
    if not isinstance(model, Learner):
        return on_device(model, planned.device), Progress()
    model = on_device(model, planned.device)
    settings = dict(planned.config["train"]) | ({} if epochs is None else {"epochs": epochs})
    trainer = {key: settings.pop(key) for key in ("epochs", "patience", "eval_every", "monitor")}
    settings.pop("optimizer")
    data = batches(
        split.train, maxlen=model.maxlen, T=model.T, seed=planned.config["seed"], device=planned.device, **settings
    )
    asked = queries(split.train, split.valid, maxlen=model.maxlen, device=planned.device)
    with reporter(planned.name, trainer["epochs"], trainer["monitor"]) as report:
        progress = fit(
            model,
            data,
            optimizer=fused_on_cpu(planned.optimizer, planned.device),
            validate=(lambda: means(ranks(model, asked, name=planned.name))) if validate else None,
            report=report,
            **trainer,
        )
    return model, progress


def fused_on_cpu(optimizer: Callable[..., torch.optim.Optimizer], device: torch.device) -> Optimizer:
    """Return the optimizer in its one-pass form where torch has one for a CPU: the same steps, in less time."""
    if device.type == "cpu" and "fused" in inspect.signature(optimizer).parameters:
        return partial(optimizer, fused=True)
    return optimizer


def scored(planned: Plan, model: Scorer, history: Interactions, targets: Interactions) -> Any:
    """Return the expected rank of each target [n]."""
    return ranks(model, queries(history, targets, maxlen=model.maxlen, device=planned.device), name=planned.name)


def on_device(model: Any, device: torch.device) -> Any:
    """Move a model's parameters and buffers, where it has some."""
    return model.to(device) if isinstance(model, torch.nn.Module) else model


def save_weights(model: Any, file: Path) -> None:
    """Write the parameters of a model that has some."""
    if isinstance(model, torch.nn.Module):
        torch.save(model.state_dict(), file)
