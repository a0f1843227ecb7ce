"""Record + weights -> whether its ranks and metrics are what the weights give, scored once more on this machine.

Another machine, or a card, adds the same numbers in another order: where two scores are equal but for that, either
item may stand first. A recorded rank is wrong only where no such rounding explains it.
Shapes: n targets, B rows, L window length, I items.
"""

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attrec_bench.contract import Counter, Learner
from attrec_bench.data.interactions import PAD, Interactions, Ints
from attrec_bench.errors import InputError, require
from attrec_bench.evaluation.metrics import Ranks, means
from attrec_bench.plan import Plan
from attrec_bench.results.record import Record
from attrec_bench.run import scored
from attrec_bench.training.trainer import Progress

ROUNDING = 1e-5
"""What a score may change by on another machine, in parts of its row's largest."""


def check_metrics(record: Record) -> None:
    """Raise InputError where a test metric is not what the ranks give, or one that every run has is missing."""
    if (wrong := mismatch(record, "test", record.ranks, record.ranks, record.users)) is not None:
        raise InputError(wrong)


def check_ranks(record: Record, planned: Plan, model: Any) -> str:
    """Raise InputError where the weights, scored anew, give another rank, rounding apart. Say what was checked."""
    give = partial(scored, planned, history=planned.split.known, targets=planned.split.test, purpose="test")
    users, ranks = give(model, progress=Progress())
    require(np.array_equal(users, record.users), "the bundle's test users must be the split's", len(record.users))
    if (equal := int((ranks == record.ranks).sum())) == len(ranks):
        return "scored again with its weights: every rank is the recorded one"
    best, worst = (give(each, progress=Progress())[1] for each in leaning(model, planned.split.test))
    wrong = np.flatnonzero((record.ranks < best) | (record.ranks > worst))
    if len(wrong):
        who = planned.interactions.user_ids[users[wrong[0]]]
        raise InputError(
            f"{len(wrong)} of {len(users)} ranks differ when scored again; the first, of user {who}, must be "
            f"{ranks[wrong[0]]:g}, got {record.ranks[wrong[0]]:g}"
        )
    return (
        f"scored again with its weights: {equal} of {len(ranks)} ranks are the recorded ones, and the others are but "
        f"for the rounding of scores (trained on {record.hardware['device']})"
    )


def check_valid(record: Record, planned: Plan, model: Any) -> str:
    """Raise InputError where a validation metric is not what the weights, scored anew, give. Say what was checked.

    A model that learnt by gradient from the validation events too is not the one that was validated; one that counts is
    made anew from the training events.
    """
    if record.config["protocol"].get("refit"):
        if isinstance(model, Learner):
            return "not checked: its validation metrics, which are of the model before it learnt from these events too"
        model = planned.build_model()
        if isinstance(model, Counter):
            model.fit(planned.split.train)
    give = partial(scored, planned, history=planned.split.before, targets=planned.split.valid, purpose="valid")
    users, ranks = give(model, progress=Progress())
    checked = f"scored again: its {len(record.metrics['valid'])} validation metrics are the recorded ones"
    if (wrong := mismatch(record, "valid", ranks, ranks, users)) is None:
        return checked
    best, worst = (give(each, progress=Progress())[1] for each in leaning(model, planned.split.valid))
    if mismatch(record, "valid", best, worst, users) is not None:
        raise InputError(wrong)
    return f"{checked} but for the rounding of scores"


def mismatch(record: Record, part: str, best: Ranks, worst: Ranks, users: Ints) -> str | None:
    """Return in words the first metric of a part that is missing or not between what these ranks [n] give, or None."""
    own = record.metrics.get(part, {})
    source = "from its ranks" if part == "test" else "on validation, scored again"
    low, high = ({**means(ranks, users=users), **means(ranks, own, users)} for ranks in (worst, best))
    for name, value in low.items():
        told = own.get(name)
        if not isinstance(told, float | int) or not (value <= told <= high[name] or near(told, value, high[name])):
            return f"{name} of run {record.identity[:16]} must be {value:.6f}, {source}, got {told}"
    return None


def near(told: float, *values: float) -> bool:
    """Whether a recorded number is one of these as they were written down."""
    return any(math.isclose(told, value, rel_tol=1e-9, abs_tol=1e-12) for value in values)


def leaning(model: Any, targets: Interactions) -> tuple[Any, Any]:
    """Return the model as rounding may favour each user's targets, and as it may work against them.

    One that counts is returned as it is: its scores tie by right, and no tie may be told as another rank.
    """
    if not isinstance(model, Learner):
        return model, model
    return Leaning(model, targets, ROUNDING), Leaning(model, targets, -ROUNDING)


class Leaning:
    """A model whose scores of its users' targets are higher by a part of their row's largest score."""

    def __init__(self, model: Any, targets: Interactions, part: float) -> None:
        self.model, self.targets, self.part = model, targets, part
        self.maxlen = model.maxlen

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, L] -> [B, I+1]."""
        scores: Tensor = self.model.score(users, windows).clone()
        lean = scores[:, PAD + 1 :].abs().amax(1) * self.part
        for row, user in enumerate(users.tolist()):
            mine = self.targets.items[self.targets.offsets[user] : self.targets.offsets[user + 1]]
            scores[row, torch.from_numpy(np.unique(mine).astype(np.int64))] += lean[row]
        return scores
