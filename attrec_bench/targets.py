"""Targets: which classes and functions a configuration may name for construction, so that no YAML brings its own code.

Allowed is what the suite's own YAML files name, a class of attrec_bench or baselines, an optimiser of torch.optim, what
the user has named on the command line of this process, and what the YAML files of a conf/ in the current folder name. A
record, a bundle or a search space from somebody else may name anything; it is then refused before it is imported.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from inspect import isclass
from pathlib import Path
from typing import Any

from attrec_bench.errors import InputError

OWN = ("attrec_bench", "baselines", "torch.optim")
PACKAGE = Path(__file__).resolve().parent
_NAMED: set[str] = set()


def conf_folder() -> Path:
    """Return the folder of the YAML files: inside an installed package, beside it in a checkout."""
    inside = PACKAGE / "conf"
    return inside if inside.is_dir() else PACKAGE.parent / "conf"


def own_folder() -> Path | None:
    """Return conf/ of the current folder, where the user's choices lie (conf/model/mine.yaml), unless it is ours."""
    folder = Path("conf").resolve()
    return folder if folder.is_dir() and folder != conf_folder() else None


def named(overrides: Iterable[str]) -> None:
    """Note what the user's own overrides name: model._target_=mypkg.Foo allows mypkg.Foo in this process."""
    for override in overrides:
        if "_target_" in override:
            _NAMED.update(re.findall(r"[A-Za-z_]\w*(?:\.\w+)+", override))


def check(node: Any) -> None:
    """Raise InputError where plain data, at any depth, name a target that is not allowed."""
    for target in _targets(node):
        if not (isinstance(target, str) and (target in _allowed() or _own_class(target))):
            raise InputError(
                f"_target_ must be one of this suite's or named on the command line, got {target!r}; "
                f"if you trust its code, add model._target_={target} (recommend, explain, verify: trust={target})"
            )


def _targets(node: Any) -> Iterator[Any]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "_target_":
                yield value
            yield from _targets(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _targets(value)


def _allowed() -> set[str]:
    own = own_folder()
    return _NAMED | _in(conf_folder()) | (_in(own) if own is not None else frozenset())


@cache
def _in(folder: Path) -> frozenset[str]:
    """Every target in a folder's YAML files."""
    files = folder.rglob("*.yaml")
    return frozenset(name for file in files for name in re.findall(r"_target_: ([\w.]+)", file.read_text()))


def _own_class(target: str) -> bool:
    """Whether the target is a class that is defined below OWN. A function is not enough: some write files.

    The module's own name is compared: attrec_bench.cli.os.system begins like ours.
    """
    module, _, name = target.rpartition(".")
    if not any(module == own or module.startswith(f"{own}.") for own in OWN):
        return False
    try:
        kind = getattr(import_module(module), name, None)
    except ImportError:
        return False
    return isclass(kind) and any(f"{kind.__module__}.".startswith(f"{own}.") for own in OWN)
