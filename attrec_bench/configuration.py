"""Where the YAML files lie, how they are composed outside a Hydra job, and what Hydra's errors mean in one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrec_bench import overrides as typed
from attrec_bench import targets
from attrec_bench.errors import InputError
from attrec_bench.outside import place_of
from attrec_bench.targets import PACKAGE, conf_folder

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["PACKAGE", "composed", "conf_folder", "explained", "keys_of", "model_name", "with_tie_draws"]


def searched() -> list[str]:
    """Return the override by which Hydra searches the user's own folder, after ours; none where there is no such."""
    return ["hydra.searchpath=[file://conf]"] if targets.own_folder() is not None else []


def composed(overrides: list[str], name: str = "config", trusted: bool = True) -> "DictConfig":
    """Overrides as on the command line -> the configuration in conf/NAME.yaml, outside a Hydra job.

    ``trusted`` says that the user gave the overrides, so that the classes they name may be made.
    Raises InputError for a key that this configuration lacks, Hydra's own errors for other mistakes.
    """
    from hydra import compose, initialize_config_dir

    if trusted:
        targets.named(overrides)
    with told_of(overrides, name, check=trusted), initialize_config_dir(str(conf_folder()), version_base="1.3"):
        words = [*overrides, *searched()]
        config = compose(name, words)
        if trusted and name in ("config", "sweep"):
            check_places(config, lambda: compose(name, words, return_hydra_config=True).hydra.runtime.choices, name)
        return config


def plain_of(node: "DictConfig") -> dict[str, Any]:
    """A part of a composed configuration -> plain data, what it refers to in place."""
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(node, resolve=True)
    assert isinstance(plain, dict)  # a DictConfig always gives one; mypy cannot know
    return {str(key): value for key, value in plain.items()}


def check_places(config: "DictConfig", choices: typed.Choices, name: str = "config") -> None:
    """Raise InputError where a YAML file of the user's has put keys where nothing reads them."""
    from omegaconf import OmegaConf

    plain: Any = OmegaConf.to_container(config, resolve=False)
    typed.check_places(plain, choices, roots_of(name))


@contextmanager
def told_of(overrides: list[str], name: str = "config", check: bool = True) -> Iterator[None]:
    """Say of an override's mistake, before Hydra sees it or where Hydra finds it, what to type: an InputError."""
    from hydra.errors import HydraException

    if check and name in ("config", "sweep"):
        typed.check(overrides, roots_of(name))
    try:
        yield
    except HydraException as error:
        if key := lacked(error):
            raise InputError(typed.without_plus(key, overrides) or unknown_key(key, overrides, name)) from error
        raise


def roots_of(name: str) -> list[str]:
    """Return the keys at the top of the configuration in conf/NAME.yaml, groups apart."""
    import yaml

    names = dict.fromkeys(("config", name))
    return [key for each in names for key in yaml.safe_load((conf_folder() / f"{each}.yaml").read_text())]


def with_tie_draws(arguments: list[str]) -> list[str]:
    """Spread protocol.tie_draws=3 over runs: -m protocol.tie_order=random protocol.tie_seed=0,1,2.

    Raises InputError where the tie order is given as well, or the number is none.
    """
    key, rest = "protocol.tie_draws=", [each for each in arguments if not each.startswith("protocol.tie_draws=")]
    values = [each.removeprefix(key) for each in arguments if each.startswith(key)]
    if not values or values[-1] == "null":
        return arguments
    if not values[-1].isdecimal() or int(values[-1]) < 1:
        raise InputError(f"protocol.tie_draws must be a whole number of at least 1 or null, got {values[-1]!r}")
    given = [each for each in rest if each.startswith(("protocol.tie_order=", "protocol.tie_seed="))]
    if given:
        raise InputError(f"protocol.tie_draws sets protocol.tie_order and protocol.tie_seed itself, got {given[0]}")
    seeds = ",".join(map(str, range(int(values[-1]))))
    flags = [] if {"-m", "--multirun"} & set(rest) else ["-m"]
    return [*rest, *flags, "protocol.tie_order=random", f"protocol.tie_seed={seeds}"]


def with_own_model(arguments: list[str]) -> list[str]:
    """Put model=own before a model._target_=mymodels.Mine that stands by itself: it has no keywords but its own."""
    given = {each.partition("=")[0] for each in arguments}
    return ["model=own", *arguments] if "model._target_" in given and "model" not in given else arguments


def model_name(config: "DictConfig", choice: str) -> str:
    """Return the model's choice, or the class's own name where the user put another class in its place."""
    import yaml

    for folder in (conf_folder(), Path("conf")):
        file = folder / "model" / f"{choice}.yaml"
        if file.is_file() and yaml.safe_load(file.read_text())["_target_"] == config.model._target_:
            return choice
    return str(config.model._target_).rsplit(".", 1)[-1]


def explained(error: BaseException) -> str | None:
    """Return the one line of a mistake that a user made, in a setting or in her own code; None for a bug of ours."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    chain = list(causes(error))
    for cause in chain:
        if isinstance(cause, InputError | FloatingPointError):
            return str(cause)
    if place := next(filter(None, map(place_of, reversed(chain))), None):
        return " ".join(f"{place}: {type(chain[-1]).__name__}: {chain[-1]}".split())
    if isinstance(error, HydraException | OmegaConfBaseException):
        return hydra_line(error, chain[-1])
    if isinstance(error, OSError):
        return f"cannot use {error.filename}: {error.strerror}" if error.filename else " ".join(str(error).split())
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it was raised from, the deepest last."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def hydra_line(error: BaseException, deepest: BaseException) -> str:
    """Return Hydra's or OmegaConf's message in one line."""
    from hydra.errors import MissingConfigException, OverrideParseException
    from omegaconf.errors import MissingMandatoryValue

    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return typed.missing_choice(str(error.missing_cfg_file), error.options or ())
    if isinstance(error, OverrideParseException):
        return typed.unreadable(str(error.override))
    if isinstance(error, MissingMandatoryValue) and error.full_key == "model._target_":
        return "model=own needs the class: model._target_=FILE.CLASS, as mymodels.Mine for a class Mine in mymodels.py"
    text = str(error)
    if "Ambiguous value" in text:
        given = re.findall(r"'.*?'", text)
        return f"several values need -m, as in attrec-bench run -m, got {''.join(given[:1])}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if deepest is not error:
        lines.append(" ".join(str(deepest).split()))
    return "; ".join(dict.fromkeys(line for line in lines if "HYDRA_FULL_ERROR" not in line))


def lacked(error: BaseException) -> str | None:
    """Return the key that an override names and the configuration lacks; None where that is not the mistake."""
    text = str(error)
    override = re.search(r"Could not override '([^']+)'", text)
    lacks = override and re.search(r"Key '([^']+)' is not in struct", f"{text}\n{list(causes(error))[-1]}")
    return override[1] if override and lacks else None


def unknown_key(key: str, overrides: list[str], name: str) -> str:
    """modle.w -> a line that names the nearest key of the configuration in conf/NAME.yaml, with the choices given."""
    from omegaconf import OmegaConf

    chosen = typed.choices(overrides)
    known = keys_of(OmegaConf.to_container(composed(chosen, name, trusted=False), resolve=False))
    # "user" where "dataset.user" is meant: the same name in its place is nearer than one that looks like it.
    near = [each for each in known if each.endswith(f".{key}")] or get_close_matches(key, known, n=1)
    hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
    own = [each for each in chosen if each.startswith(f"{key.partition('.')[0]}=")]
    verb = " ".join(["run", "--help", *own]) if own or name == "config" else f"{name} --help"
    return f"key must be one of this configuration's, got {key!r}{hint}; attrec-bench {verb} lists them"


def keys_of(node: object, prefix: str = "") -> list[str]:
    """Nested plain data -> every dotted key."""
    if not isinstance(node, dict):
        return []
    below = [key for name, inner in node.items() for key in keys_of(inner, f"{prefix}{name}.")]
    return [f"{prefix}{name}" for name in node] + below
