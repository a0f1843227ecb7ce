"""KEY=VALUE as a user types it: what Hydra would take and ignore, or refuse in words that do not help."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from attrec_bench import targets
from attrec_bench.errors import InputError
from attrec_bench.targets import conf_folder

NAME = re.compile(r"[\w./-]+")
"""A choice as it is; anything else is Hydra's to understand."""

WHOLE = ("experiment", "deviation")
"""Groups whose files set keys of the whole configuration, which takes their first line."""
FIRST_LINE = "# @package _global_"

Choices = Callable[[], Mapping[str, Any]]
"""Gives the choice of each group; it takes a second composition, which only a mistake is worth."""


def check(overrides: Iterable[str], roots: Iterable[str]) -> None:
    """Raise InputError for an override that adds a group, adds a key that nobody reads or names a recipe that is not.

    ``roots`` are the keys that a configuration has at its top.
    """
    for override, key, value in settings(overrides):
        added, root = override.startswith("+"), re.split(r"[./@:]", key)[0]
        if added and key in groups():
            raise InputError(f"{key} is set without +: {key}={value}, got {override!r}")
        if added and root not in {*roots, *groups(), "hydra"}:
            near = get_close_matches(root, [*roots, *groups()], n=1)
            hint = f" (did you mean {f'+{near[0]}{key[len(root) :]}={value}'!r}?)" if near else ""
            raise InputError(f"a key is added below one of this configuration's, got {override!r}{hint}")
        if key in groups() and value == "null":
            raise InputError(f"{key} is left out with ~{key}, got {override!r}")
        if key == "experiment":
            for each in value.split(","):
                if NAME.fullmatch(each) and each not in recipes():
                    raise InputError(missing_choice(f"experiment/{each}", recipes()))


def check_places(config: Mapping[str, Any], choices: Choices, roots: Iterable[str]) -> None:
    """Raise InputError where a YAML file has put keys at a place of the configuration that nothing reads.

    ``config`` is composed and not resolved, ``choices`` gives Hydra's, ``roots`` are as in ``check``. A key of her
    own at the top is sound where another value is made of it: ``width: 8`` for ``model.d: ${width}``.
    """
    for group in WHOLE:
        if config.get(group):
            files = " or ".join(without_first_line(group, choices().get(group)))
            raise InputError(
                f"the first line of {files} must be '{FIRST_LINE}', got another: what it sets "
                f"({', '.join(config[group])}) would be read by nothing"
            )
    known = [*roots, *(group for group in groups() if group not in WHOLE)]
    for key in config:
        if key not in (*known, *WHOLE) and not re.search(rf"\$\{{{re.escape(key)}\b", str(config)):
            near = get_close_matches(key, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError(f"{' or '.join(files_with(key))} sets a key that nothing reads, got {key!r}{hint}")


def without_first_line(group: str, choice: str | None) -> list[str]:
    """Return the file of a group's choice, or where Hydra names none, as for a list, each of the group's own without
    the line.
    """
    if choice is not None:
        return [f"conf/{group}/{choice}.yaml"]
    files = sorted(Path("conf", group).rglob("*.yaml"))
    return [str(file) for file in files if FIRST_LINE not in file.read_text()]


def files_with(key: str) -> list[str]:
    """Return the user's files that set this key at their top."""
    files = sorted(Path("conf").rglob("*.yaml"))
    return [str(file) for file in files if re.search(rf"^{re.escape(key)}:", file.read_text(), re.M)] or ["conf/"]


def settings(overrides: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (override, key, value) of each KEY=VALUE, ++KEY=VALUE and +KEY=VALUE; flags and deletions are left out."""
    for override in overrides:
        head, equals, value = override.partition("=")
        if equals and not head.startswith(("-", "~")):
            yield override, head.lstrip("+"), value


@cache
def groups() -> frozenset[str]:
    """Return the names of the groups of choices: dataset, model, ..."""
    return frozenset(each.name for each in conf_folder().iterdir() if each.is_dir())


def recipes() -> list[str]:
    """Return the choices of ``experiment``, ours and the user's own."""
    own = targets.own_folder()
    folders = [folder / "experiment" for folder in (conf_folder(), own) if folder is not None]
    return sorted({str(file.relative_to(each).with_suffix("")) for each in folders for file in each.rglob("*.yaml")})


def choices(overrides: Iterable[str]) -> list[str]:
    """Return the choices of groups among the overrides, of several values the first: ["dataset=csv", ...]."""
    given = {key: value.split(",")[0] for _, key, value in settings(overrides) if key in groups()}
    return [f"{key}={value}" for key, value in given.items() if NAME.fullmatch(value)]


def missing_choice(file: str, options: Sequence[str]) -> str:
    """model/atrec, [...] -> model must be one of ..., got 'atrec' (did you mean 'attrec'?)."""
    group, _, value = file.partition("/") if file.startswith("experiment/") else file.rpartition("/")
    near = get_close_matches(value, options, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{group or 'config'} must be one of {', '.join(options)}, got {value!r}{hint}"


def without_plus(key: str, overrides: Iterable[str]) -> str | None:
    """Return the line for a keyword of a class on the command line that is set as if the class had a YAML; or None."""
    given = list(settings(overrides))
    value = next((value for _, each, value in given if each == key), None)
    if not key.startswith("model.") or value is None or "model._target_" not in [each for _, each, _ in given]:
        return None
    return (
        f"model._target_ has no YAML, so each keyword of the class is added: write +{key}={value}, got '{key}={value}'"
    )


def unreadable(override: str) -> str:
    """Return the line for an override that Hydra's grammar does not hold."""
    key, equals, value = override.partition("=")
    if not equals:
        return f"an override is KEY=VALUE, got {override!r}"
    quoted = "KEY='VALUE'" if {"'", '"'} & set(value) else f"{key}='{value}'"
    return f'a value with special characters is quoted, for the shell and for Hydra: "{quoted}", got {override}'
