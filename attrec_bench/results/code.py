"""The version of the code that a run's figures depend on, as a hash; comments and docstrings do not count."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

MATTERS = (
    *("data", "kernels", "training", "evaluation/ranks.py", "evaluation/candidates.py"),
    "evaluation/metrics.py",
    *("contract.py", "plan.py", "run.py", "attrec_keywords.py", "attrec_start.py"),
)
"""What every run goes through. Tables are left out: they are computed from the stored ranks at any time."""


def code_version(model_file: Path) -> str:
    """File of the model's class -> 16 hex digits: 8 over what every run goes through, 8 over the model's own file."""
    shared = [file for part in MATTERS for file in python_files(PACKAGE / part)]
    return combined(shared) + combined([model_file])


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
