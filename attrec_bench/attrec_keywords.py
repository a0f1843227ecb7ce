"""What AttRec's keywords may be; what each means stands in the model's own docstring."""

from collections.abc import Mapping
from typing import Any

from attrec_bench.errors import InputError, require, require_bool, require_choice, require_number, require_whole

WITHOUT_ATTENTION = "mean_without_attention"
"""The aggregation that leaves the attention out; its keywords then mean nothing."""

CHOICES = {
    "mode": ("dist", "inner"),
    "loss": ("hinge", "bpr"),
    "reduction": ("sum", "mean"),
    "diagonal": ("before_softmax", "after_softmax", "none"),
    "padding_rows": ("exclude", "include"),
    "time_signal": ("interleaved", "halves", "none"),
    "clip": ("after_step", "lookup", "none"),
    "pairs": ("all", "aligned"),
    "aggregation": ("mean", "sum", "max", "min", WITHOUT_ATTENTION),
    "init": ("normal", "truncated_normal"),
}


def check(given: Mapping[str, Any]) -> None:
    """Raise InputError for the first keyword that is not one of its choices or lies outside its range."""
    for name, choices in CHOICES.items():
        require_choice(name, given[name], choices)
    check_numbers(given)


def check_numbers(given: Mapping[str, Any]) -> None:
    """Raise InputError for a keyword outside its range."""
    for name in ("d", "maxlen", "T"):
        require_whole(name, given[name], 1)
    if given["time_signal"] != "none":
        even = f"d must be even with time_signal={given['time_signal']} (a sine and a cosine each)"
        require(given["d"] % 2 == 0, even, given["d"])
    require_number("w", given["w"], "lie in [0, 1]", lambda w: 0 <= w <= 1)
    require_number("dropout", given["dropout"], "lie in [0, 1)", lambda share: 0 <= share < 1)
    require_number("init_std", given["init_std"], "be above 0", lambda std: std > 0)
    require_bool("share_projection", given["share_projection"])
    for name in ("l2_tables", "l2_projection"):
        require_number(name, given[name], "be at least 0", lambda weight: weight >= 0)
    for name in ("gamma", "projection_bound"):
        if given[name] is not None:
            require_number(name, given[name], "be at least 0 or null", lambda value: value >= 0)
    if (given["loss"] == "hinge") != (given["gamma"] is not None):
        rule = "gamma is the hinge's margin: a number with loss=hinge, null with bpr"
        raise InputError(f"{rule}, got {given['gamma']!r}")
