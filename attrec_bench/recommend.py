"""A recorded run -> what its model recommends to one user, with the window it looked at."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attrec_bench.configuration import composed
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.errors import InputError
from attrec_bench.evaluation.ranks import queries
from attrec_bench.results import store
from attrec_bench.results.record import Record
from attrec_bench.run import WEIGHTS, Plan, on_device, plan


def recommend(runs: Path, run: str, user: str, k: int) -> str:
    """Runs folder, start of a run's identity, a user's original id -> lines of text.

    Raises InputError for a run or a user that is not there, and when the data are not those of the run.
    """
    folder = store.resolve(runs, run)
    record = store.read(folder)
    planned = plan_of(record)
    model = on_device(planned.build_model(), torch.device("cpu"))
    model.load_state_dict(torch.load(store.checked_file(folder, WEIGHTS), weights_only=True))
    model.eval()
    return text(record, planned, model, user_index(planned.interactions, user), k)


def plan_of(record: Record) -> Plan:
    """Rebuild the plan of a recorded run; other data or other code than the run's own are an error."""
    overrides = shlex.split(record.command)[2:]
    planned = plan(composed(overrides), record.model)
    if planned.interactions.sha256 != record.data["sha256"]:
        raise InputError(
            f"run {record.identity[:16]} was trained on other data (sha256 {record.data['sha256'][:16]}) than "
            f"{record.data['name']} holds now ({planned.interactions.sha256[:16]})"
        )
    return planned


def user_index(data: Interactions, user: str) -> int:
    """Original id -> index."""
    found = np.flatnonzero(data.user_ids == user)
    if not len(found):
        examples = ", ".join(data.user_ids[:5])
        raise InputError(f"user must be one of the {data.n_users} users ({examples}, ...), got {user!r}")
    return int(found[0])


@torch.inference_mode()
def text(record: Record, planned: Plan, model: Any, user: int, k: int) -> str:
    """Return the lines: the window with its attention, then the k best unseen items with their scores."""
    known, data = planned.split.known, planned.interactions
    target = known.take(np.flatnonzero(known.users == user)[-1:])
    asked = queries(known, target, maxlen=model.maxlen, device=torch.device("cpu"))
    scores = model.score(asked.users, asked.windows)[0].clone()
    scores[torch.from_numpy(known.items[known.users == user].astype(np.int64))] = -torch.inf
    scores[PAD] = -torch.inf
    best = scores.topk(min(k, data.n_items))
    lines = [f"{record.model} ({record.identity[:16]}) on {record.data['name']}, user {data.user_ids[user]}"]
    if model.maxlen:
        lines += window_lines(data, model, asked.windows)
    lines.append(f"the {k} best items the user has not met:")
    for place, (score, item) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True), 1):
        if np.isfinite(score):
            lines.append(f"{place:>4}  {score:>10.4f}  {title(data, item)}")
    return "\n".join(lines) + "\n"


def window_lines(data: Interactions, model: Any, windows: torch.Tensor) -> list[str]:
    """Return a line for each item of the window [1, L], the latest last, with the attention it receives."""
    attention = model.received_attention(windows)[0] if hasattr(model, "received_attention") else None
    lines = ["its last items" + (", and the attention each receives:" if attention is not None else ":")]
    for place, item in enumerate(windows[0].tolist()):
        if item != PAD:
            weight = f"{float(attention[place]):>9.1%}  " if attention is not None else " " * 6
            lines.append(f"{weight}{title(data, item)}")
    return lines


def title(data: Interactions, item: int) -> str:
    """Return the item's title where the data have one, and its original id."""
    own = data.item_ids[item]
    return f"item {own}" if data.titles is None or data.titles[item] == own else f"{data.titles[item]} ({own})"
