"""sweeps/MODEL.yaml -> Space: a typed range for each swept key, and the published settings that are tried first.

space:
  model.w: {type: float, low: 0, high: 1}
  model.d: {type: int, low: 16, high: 128, log: true}
  model.pairs: {type: categorical, choices: [all, aligned]}
published:
  - {}                  # the model's own settings, those that `run` uses
  - {model.w: 0.2}      # what an entry leaves out is the model's own
"""

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from attrec_bench.configuration import PACKAGE, keys_of
from attrec_bench.errors import InputError, require, require_choice
from attrec_bench.plan import SHORT_NAMES

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Point = dict[str, Any]
"""Key -> value, for each key of a space."""

FIELDS = {"float": ("low", "high", "log"), "int": ("low", "high", "log", "step"), "categorical": ("choices",)}
"""What a range of each type may say."""

SWEPT = ("model.", "train.")
FIXED = ("model._target_", "train.monitor", "train.epochs", "train.patience", "train.eval_every")
"""What must be the same in all trials for their values to be comparable: the class, the metric, the budget."""

EDGE = 0.01
"""A value this near to an end of its range, as a share of the range, lies on its edge."""


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Range:
    """The values that a key may take: an interval of numbers, or ``choices``."""

    type: str
    low: float = 0
    high: float = 0
    log: bool = False
    step: int = 1
    choices: tuple[Any, ...] = ()

    def distribution(self) -> "BaseDistribution":
        """Return the range as Optuna has it."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.type == "categorical":
            return CategoricalDistribution(self.choices)
        if self.type == "int":
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=self.step)
        return FloatDistribution(self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        if self.type == "categorical":
            return value in self.choices
        if not is_number(value) or not self.low <= value <= self.high:
            return False
        return self.type == "float" or (value == int(value) and (value - self.low) % self.step == 0)

    def edge(self, value: Any) -> str | None:
        """Return "lowest" or "highest" where a number lies on an end of its range; choices have no ends."""
        if self.type == "categorical":
            return None
        low, at, high = (math.log(each) if self.log else each for each in (self.low, value, self.high))
        margin = EDGE * (high - low) if self.type == "float" else 0
        return "lowest" if at <= low + margin else "highest" if at >= high - margin else None

    def words(self) -> str:
        """0.001 to 0.1 (log), or the choices."""
        if self.type == "categorical":
            return ", ".join(map(str, self.choices))
        notes = [note for note, holds in (("log", self.log), (f"step {self.step}", self.step != 1)) if holds]
        return f"{self.low:g} to {self.high:g}" + (f" ({', '.join(notes)})" if notes else "")


@dataclass(frozen=True)
class Space:
    """A search space and where it was read."""

    source: str
    ranges: Mapping[str, Range]
    points: tuple[Point, ...]
    """The published settings, complete and each once."""

    def plain(self) -> dict[str, Any]:
        """Return what makes this space this space, as plain data."""
        ranges = {key: asdict(each) | {"choices": list(each.choices)} for key, each in self.ranges.items()}
        return {"ranges": ranges, "published": list(self.points)}

    def without(self, idle: Iterable[str]) -> "Space":
        """Return the space without some of its keys; points that then agree become one."""
        ranges = {key: each for key, each in self.ranges.items() if key not in set(idle)}
        points = [{key: point[key] for key in ranges} for point in self.points]
        return Space(self.source, ranges, tuple(each for n, each in enumerate(points) if each not in points[:n]))

    def applied(self, config: DictConfig, point: Mapping[str, Any]) -> DictConfig:
        """Return a copy of the configuration with a point's values in it."""
        made = config.copy()
        for key in self.ranges:
            OmegaConf.update(made, key, point[key])
        return made


def spaces_folder() -> Path:
    """Return the folder of the search spaces: inside an installed package, beside it in a checkout."""
    inside = PACKAGE / "sweeps"
    return inside if inside.is_dir() else PACKAGE.parent / "sweeps"


def load(choice: str, config: DictConfig, overridden: Iterable[str]) -> Space:
    """Read the space ``choice`` (a name in sweeps/ or a file) for a composed configuration.

    A key that means nothing in the configuration's mode, as gamma in mode=inner, is left out, which a line says.
    ``overridden`` are the keys that the user has set: a swept one among them is an error. So are unknown keys and
    fields, ranges without room, and published values outside of their range; each is one InputError line.
    """
    file = file_of(choice)
    source = f"sweeps/{file.name}" if file.parent == spaces_folder() else str(file)
    try:
        node = OmegaConf.to_container(OmegaConf.load(file))
    except (OSError, YAMLError, OmegaConfBaseException) as error:
        raise InputError(f"{source} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(node, dict) or not isinstance(node.get("space"), dict) or not node["space"]:
        raise InputError(f"{source} must hold a mapping named space with a range for each swept key")
    for name in node:
        require_choice(f"{source}: a section", name, ("space", "published"))
    check_keys(source, node["space"], config, set(overridden))
    written = {key: range_of(f"{source}: {key}", fields) for key, fields in node["space"].items()}
    ranges = {key: each for key, each in written.items() if not unused(key, config)}
    for key in [each for each in written if each not in ranges]:
        log.info("%s: %s means nothing in mode=%s, so it is not swept", source, key, config.mode.name)
    require(bool(ranges), f"{source}: some swept key must be used in mode={config.mode.name}", list(written))
    entries = node.get("published") or []
    points = [point(f"{source}: published entry {n}", written, entry, config) for n, entry in enumerate(entries, 1)]
    return Space(source, ranges, tuple(each for n, each in enumerate(points) if each not in points[:n]))


def file_of(choice: str) -> Path:
    """A name in our sweeps/ or in that of the current folder, or a path -> the file."""
    if choice.endswith((".yaml", ".yml")):
        require(Path(choice).is_file(), "sweep.space must be a file that exists or a name in sweeps/", choice)
        return Path(choice).resolve()
    own = Path("sweeps") / f"{choice}.yaml"
    names = sorted(file.stem for file in spaces_folder().glob("*.yaml"))
    if choice not in names and own.is_file():
        return own.resolve()
    if choice not in names:
        near = get_close_matches(choice, names, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        have = ", ".join(names)
        raise InputError(f"no search space for {choice!r}{hint}: sweeps/ has {have}; sweep.space=FILE names another")
    return spaces_folder() / f"{choice}.yaml"


def check_keys(source: str, keys: Iterable[str], config: DictConfig, overridden: set[str]) -> None:
    """Every key must be one that this configuration has, that the model uses and that nobody has set."""
    plain = {section: OmegaConf.to_container(config[section], resolve=False) for section in ("model", "train")}
    known = [key for key in keys_of(plain) if key not in FIXED]
    shorts = {f"model.{name}": name for name in SHORT_NAMES}
    for key in keys:
        require(
            key.startswith(SWEPT) and key not in FIXED,
            f"{source}: a swept key belongs to model or train and is none of {', '.join(FIXED)}",
            key,
        )
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError(f"{source}: a swept key must be one that this model has, got {key!r}{hint}")
        if OmegaConf.select(config, key) is None and not unused(key, config):
            raise InputError(f"{source}: {key} is null in this configuration, so the model does not use it")
        given = next((name for name in (key, shorts.get(key)) if name in overridden), None)
        if given:
            raise InputError(f"{given} is swept by {source}, so it cannot be set as well; sweep.space=FILE sweeps less")


def unused(key: str, config: DictConfig) -> bool:
    """Whether a key takes its value from the mode (``gamma: ${mode.gamma}``) and the mode has none for it."""
    parent, _, name = key.rpartition(".")
    return OmegaConf.is_interpolation(OmegaConf.select(config, parent), name) and OmegaConf.select(config, key) is None


def range_of(where: str, fields: Any) -> Range:
    """{type: float, low: 0, high: 1} -> Range; ``where`` begins the error lines."""
    if not isinstance(fields, dict):
        raise InputError(f"{where} must be a mapping such as {{type: float, low: 0, high: 1}}, got {fields!r}")
    kind = str(fields.get("type"))
    require_choice(f"{where}: type", kind, FIELDS)
    for name in fields:
        require_choice(f"{where}: a field of a range of type {kind}", name, ("type", *FIELDS[kind]))
    if kind == "categorical":
        choices = fields.get("choices")
        distinct = isinstance(choices, list) and len({repr(each) for each in choices}) == len(choices) >= 2
        require(distinct, f"{where}: choices must be a list of at least two different values", choices)
        return Range(kind, choices=tuple(choices))  # type: ignore[arg-type]  # a list: required above
    number = is_whole if kind == "int" else is_number
    for name in ("low", "high"):
        require(number(fields.get(name)), f"{where}: {name} must be a number of type {kind}", fields.get(name))
    made = Range(**fields)
    require(made.low < made.high, f"{where}: low must be below high", f"low={made.low}, high={made.high}")
    require(isinstance(made.log, bool), f"{where}: log must be true or false", made.log)
    require(not made.log or made.low > 0, f"{where}: low of a log range must be above 0", made.low)
    require(is_whole(made.step) and made.step >= 1, f"{where}: step must be a whole number of at least 1", made.step)
    require(not made.log or made.step == 1, f"{where}: a log range has no step", made.step)
    return made


def point(where: str, ranges: Mapping[str, Range], entry: Any, config: DictConfig) -> Point:
    """Complete a published entry with the model's own values; each value must lie in its range."""
    if not isinstance(entry, dict):
        raise InputError(f"{where} must be a mapping from swept keys to values, got {entry!r}")
    for key in entry:
        require_choice(f"{where}: a key", key, ranges)
    made = {key: entry.get(key, OmegaConf.select(config, key)) for key in ranges if not unused(key, config)}
    for key, value in made.items():
        require(ranges[key].holds(value), f"{where}: {key} must lie in its range, {ranges[key].words()}", value)
    return {key: float(value) if ranges[key].type == "float" else value for key, value in made.items()}


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, which true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)
