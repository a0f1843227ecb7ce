"""The version of the code that a run's figures depend on, as a hash; comments and docstrings do not count."""

import ast
import hashlib
import inspect
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from attrec_bench.outside import files_of

PACKAGE = Path(__file__).resolve().parents[1]

MATTERS = (
    *("data", "kernels", "training", "evaluation/ranks.py", "evaluation/candidates.py"),
    "evaluation/metrics.py",
    *("contract.py", "plan.py", "run.py", "attrec_keywords.py", "attrec_start.py"),
)
"""What every run goes through. Tables are left out: they are computed from the stored ranks at any time."""


def code_version(kind: type) -> str:
    """Class of the model -> 16 hex digits: 8 over what every run goes through, 8 over the model's own code.

    That is the file of the class and those of the classes it inherits from, libraries apart.
    """
    return version_of(dict.fromkeys([Path(inspect.getfile(kind)), *files_of(kind)]))


def version_of(files: Iterable[Path]) -> str:
    """Return the same for a model whose own code lies in these files."""
    shared = [file for part in MATTERS for file in python_files(PACKAGE / part)]
    return combined(shared) + combined(files)


def python_files(place: Path) -> list[Path]:
    """Return the Python files of a folder in the order of their names, or the file itself."""
    return sorted(place.glob("*.py")) if place.is_dir() else [place]


def combined(files: Iterable[Path]) -> str:
    """Files, in this order -> 8 hex digits."""
    return hashlib.sha256("".join(meaning(file) for file in files).encode()).hexdigest()[:8]


@cache
def meaning(file: Path) -> str:
    """Return the hash of a file's syntax tree without docstrings: what it does, not how it is explained."""
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not is_text(line)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def is_text(line: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring of a module, class, function or variable."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
