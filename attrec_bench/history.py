"""History: a run's plan -> the events that a list of recommendations looks back on, and what is to be said of them."""

import numpy as np

from attrec_bench.data.interactions import Interactions
from attrec_bench.data.splits import in_order
from attrec_bench.plan import Plan

HISTORIES = ("known", "all")
"""What a list looks back on: what stands before the test events, as the test did, or these and later ones too."""


def history_of(planned: Plan, history: str) -> Interactions:
    """Return the events, in the protocol's order of time, that a list looks back on: one of ``HISTORIES``."""
    if history == "known":
        return planned.split.known
    protocol = planned.config["protocol"]
    order, seed = protocol.get("tie_order", "file"), protocol.get("tie_seed", 0)
    return in_order(planned.interactions, tie_order=order, tie_seed=seed)


def looking_back(planned: Plan, history: Interactions, user: int | None = None) -> str:
    """Return in words how many events of a user, or of all, a list looks back on and how many are held out."""
    every, before, seen = (
        len(each) if user is None else int(np.sum(each.users == user))
        for each in (planned.interactions, planned.split.known, history)
    )
    late = every - before
    if seen < every:
        told = f"{late:,} from the test on held out; history=all includes {'it' if late == 1 else 'them'}"
        return f"looking back on {seen:,} of {every:,} events ({told})"
    told = f"{late:,} from the test on included" if late else "none held out"
    return f"looking back on all {every:,} events ({told})"


def trained_on(planned: Plan) -> Interactions:
    """Return the events that the run's model has learnt from."""
    return (planned.split.refit() if planned.config["protocol"]["refit"] else planned.split).train


def about_untrained(planned: Plan, history: Interactions) -> list[str]:
    """Return the note that some users of these events came after the training; none where the model knows all."""
    users = np.unique(history.users)
    new = int(np.sum(~np.isin(users, trained_on(planned).users)))
    who = "this user" if len(users) == 1 else f"{new:,} of {len(users):,} users"
    rest = "what it keeps for each user, if anything, is there as it was before the training"
    return [f"note: the model has not learnt from {who}: {rest}"] if new else []
