"""Config -> objects. Here configuration ends: what comes after is plain numbers, strings and objects."""

import inspect
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from attrec_bench import targets
from attrec_bench.contract import Scorer
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.splits import Split
from attrec_bench.errors import InputError, require_bool, require_whole
from attrec_bench.evaluation.candidates import PLAIN, Ranking
from attrec_bench.outside import place_of, without
from attrec_bench.promises import require_keywords, require_known, require_parts, require_taken
from attrec_bench.results import machine
from attrec_bench.results.code import code_version
from attrec_bench.results.record import consumed, identity
from attrec_bench.training.batches import generator

SHORT_NAMES = ("w", "gamma", "maxlen")
FACTS = ("n_users", "n_items", "generator")
CALLED_WITH = ("params", "interactions")
"""What an optimiser and a split, of which a node with ``_partial_`` gives the rest, are called with later."""
OF_EVERY_PROTOCOL = ("candidates", "candidates_seed", "ties", "tie_draws", "refit", "name", "split")
WHERE_AND_HOW_READ = (
    *("path", "folder", "layouts", "url", "sha256", "members", "counts"),
    *("read", "user", "item", "time", "rating", "separator", "titles", "clock"),
)
"""Keys of a data set that a run does not consume: what they lead to is in the data's own sum."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Plan:
    """A run before it is trained: everything that its identity depends on, and the objects made so far."""

    name: str
    config: Mapping[str, Any]
    interactions: Interactions
    split: Split
    split_by: Callable[..., Split]
    ranking: Ranking
    build_model: Callable[[], Scorer]
    optimizer: Callable[..., torch.optim.Optimizer]
    code: str
    git: Mapping[str, Any]
    device: torch.device

    @property
    def identity(self) -> str:
        """Return the hash of all that the run consumes."""
        return identity(consumed(self.config, self.interactions.sha256, self.code))


def plan(config: DictConfig, name: str) -> Plan:
    """Resolve a composed configuration, load the data and say what the run will consume; nothing is trained.

    ``name`` is the model's choice on the command line. Raises InputError for a mistake in the configuration.
    """
    settled = with_short_names(config, name)
    require_whole("seed", settled.seed, 0)
    require_read(settled)
    require_bool("protocol.refit", settled.protocol.refit)
    device = torch.device(device_name(settled.device))
    kind = class_of(settled.model._target_)
    ranking = ranking_of(settled.protocol)
    interactions: Interactions = build(settled.dataset)
    split_by: Callable[..., Split] = build(settled.protocol.split)
    build_model = model_builder(settled, kind, interactions)
    model = build_model()
    require_parts(model)
    return Plan(
        name=name,
        config=sections(settled, model),
        interactions=interactions,
        split=split_by(interactions),
        split_by=split_by,
        ranking=ranking,
        build_model=build_model,
        optimizer=build(settled.train.optimizer),
        code=code_version(kind),
        git=machine.git_state(),
        device=device,
    )


def require_read(config: DictConfig) -> None:
    """Raise InputError for a setting of the training or of the protocol that nothing reads."""
    lines = (targets.conf_folder() / "train" / "default.yaml").read_text()
    require_known("train", map(str, config.train), re.findall(r"^(\w+):", lines, re.MULTILINE))
    split = str(OmegaConf.to_container(config.protocol.split, resolve=False))
    its_own = dict.fromkeys(re.findall(r"\$\{protocol\.(\w+)\}", split))
    require_known(f"protocol={config.protocol.name}", map(str, config.protocol), [*its_own, *OF_EVERY_PROTOCOL])


def build(node: DictConfig, **facts: Any) -> Any:
    """Make the object that a node names; facts that only the data know go in as keywords.

    Raises InputError for a target that is neither the suite's nor named by the user, and for a keyword that it
    does not take.
    """
    targets.check(OmegaConf.to_container(node, resolve=True))
    if node.get("_target_") is None:
        have = ", ".join(map(str, node))
        raise InputError(
            f"_target_ must name what is made, got none beside {have}; a data set's own YAML begins with the layout of "
            "its file: defaults: [csv], or inter, sequences, pairs"
        )
    module, _, name = str(node._target_).rpartition(".")
    try:
        made = getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise InputError(f"_target_ must name what can be imported, got {node._target_!r}: {error}") from error
    later = CALLED_WITH if node.get("_partial_") else ()
    require_taken(made, [key for key in map(str, node) if not key.startswith("_")], later)
    return instantiate(node, **facts, _convert_="all")


def ranking_of(protocol: DictConfig) -> Ranking:
    """Return what the protocol ranks a target among. InputError for tie draws: a run has one order of its events."""
    if protocol.tie_draws is not None:
        raise InputError(
            f"protocol.tie_draws is for attrec-bench run on the command line, where it makes one run a draw, "
            f"got {protocol.tie_draws!r}; here give protocol.tie_order=random protocol.tie_seed=0"
        )
    return Ranking(candidates=protocol.candidates, seed=protocol.candidates_seed, ties=protocol.ties)


def class_of(path: str) -> type:
    """Dotted path of a class -> the class; one that cannot be imported is an error that says why."""
    if isinstance(path, str) and path.isidentifier():
        raise InputError(
            f"model._target_ is FILE.CLASS, as mymodels.{path} for a class {path} in mymodels.py, got {path!r}"
        )
    targets.check({"_target_": path})
    module, _, name = path.rpartition(".")
    try:
        found = import_module(module)
    except (ImportError, AttributeError, ValueError) as error:
        place = f"{where}: " if (where := place_of(error)) else ""
        raise InputError(
            f"model._target_ must name a class that can be imported, got {path!r}: {place}{error}"
        ) from error
    if not hasattr(found, name):
        why = without(found, name)
        raise InputError(f"model._target_ must name a class that can be imported, got {path!r}: {why}")
    kind: type = getattr(found, name)
    return kind


def model_builder(config: DictConfig, kind: type, data: Interactions) -> Callable[[], Scorer]:
    """Return a function that makes the model anew, the same each time."""
    facts: dict[str, Callable[[], Any]] = {
        "n_users": lambda: data.n_users,
        "n_items": lambda: data.n_items,
        "generator": lambda: generator(config.seed, "init"),
    }
    require_keywords(kind, [key for key in map(str, config.model) if not key.startswith("_")], FACTS)
    wanted = inspect.signature(kind).parameters
    seed = config.seed if consumes_seed(kind) else 0

    def build_model() -> Scorer:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # a model from outside may draw from torch's global state
            model: Scorer = build(config.model, **{fact: make() for fact, make in facts.items() if fact in wanted})
        return model

    return build_model


def consumes_seed(kind: type) -> bool:
    """Whether a run of this class of models depends on the seed: it learns by gradient, or asks for a generator."""
    return learns(kind) or "generator" in inspect.signature(kind).parameters


def learns(kind: type) -> bool:
    """Whether this class of models learns by gradient, epoch after epoch; others are fitted in one go, if at all."""
    return callable(getattr(kind, "loss", None))


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


def sections(config: DictConfig, model: Scorer) -> dict[str, Any]:
    """Return what the run consumes of a configuration: plain data, unused parts left out."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)  # a DictConfig always gives one; mypy cannot know
    kind = type(model)
    return {
        "dataset": {key: value for key, value in plain["dataset"].items() if key not in WHERE_AND_HOW_READ},
        "protocol": protocol_of(plain["protocol"]),
        "model": plain["model"],
        "train": training_of(plain["train"], model) if learns(kind) else None,
        "seed": plain["seed"] if consumes_seed(kind) else None,
    }


def protocol_of(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a protocol that it consumes; those of the plain ranking go without saying."""
    unused = {"split", "tie_draws"}
    if protocol.get("tie_order") != "random":
        unused.add("tie_seed")
    if protocol["candidates"] == PLAIN.candidates:
        unused |= {"candidates", "candidates_seed"}
    if protocol["ties"] == PLAIN.ties:
        unused.add("ties")
    return {key: value for key, value in protocol.items() if key not in unused}


def training_of(train: Mapping[str, Any], model: Scorer) -> dict[str, Any]:
    """Return the settings of training with those that this model does not consume at a fixed value."""
    unused: dict[str, Any] = {}
    if model.maxlen == 0:
        unused["windows"] = "padded"
    if not getattr(model, "uses_negatives", True):
        unused |= {"negatives": 0, "negatives_from": "all", "negatives_redrawn": True}
    if getattr(model, "every_position", False):
        unused["windows"] = "sequences"
    settings = dict(train) | unused
    if settings["windows"] == "sequences" and not getattr(model, "every_position", False):
        raise InputError(f"train.windows=sequences is for models with every_position, got {type(model).__name__}")
    return settings


def device_name(asked: str) -> str:
    """auto -> cuda if there is a card, else cpu; a device that is not there is an error."""
    here = ["cpu"] + [f"cuda:{n}" for n in range(torch.cuda.device_count())]
    if asked == "auto":
        return "cuda" if len(here) > 1 else "cpu"
    if asked not in here and not (asked == "cuda" and len(here) > 1):
        raise InputError(f"device must be auto or one this machine has ({', '.join(here)}), got {asked!r}")
    return asked
