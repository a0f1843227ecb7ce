"""The windows of a few test users with the attention that each item received, by a recorded model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from attrec_bench.data.interactions import PAD
from attrec_bench.errors import InputError
from attrec_bench.evaluation.candidates import lists
from attrec_bench.plan import class_of
from attrec_bench.recommend import CPU, plan_of, restored, title
from attrec_bench.report.bars import bars
from attrec_bench.report.part import Material, Part, element, paragraph
from attrec_bench.results import store
from attrec_bench.results.record import SHORT, Record
from attrec_bench.results.tables import MODEL
from attrec_bench.run import WEIGHTS

NAME, TITLE = "attention", "Attention of example users"
SHARES = (0.05, 0.35, 0.65, 0.95)
"""Whom to show: the users whose target's rank is at these shares of all ranks, so that nobody picks the nice ones."""


@dataclass(frozen=True)
class Window:
    """One user's window: (title, share of the attention) of its items, the latest last; the target and its rank."""

    user: str
    items: tuple[tuple[str, float], ...]
    target: str
    rank: float


def attention(material: Material) -> Part:
    """Return a table of bars for each example user, by the best row whose model has attention, its first run."""
    rows = [row for row in material.table.rows if row.kind == MODEL and _attends(row.records[0])]
    if not rows:
        return Part(NAME, TITLE, missing="it needs a model that tells its attention, as model=attrec")
    row = max(rows, key=lambda each: (each.cells[0].mean, each.label))
    try:
        found = windows(row.records[0], material)
    except (InputError, OSError) as error:
        return Part(NAME, TITLE, missing=f"it needs the trained model of {row.label} and its data: {error}")
    shares = ", ".join(f"{share:.0%}" for share in SHARES)
    words = (
        f"{row.label}, seed {row.records[0].config['seed']} (run {row.records[0].identity[:SHORT]}). The users are "
        f"those whose test target has the rank at {shares} of all ranks, from well foreseen to badly. A bar is the "
        "mean attention that an item of the window receives from the others; the latest item stands last."
    )
    tables = "\n".join(map(_table, found))
    return Part(NAME, TITLE, f'{paragraph(words)}\n<div class="pair">\n{tables}\n</div>')


def _attends(record: Record) -> bool:
    try:
        return hasattr(class_of(record.config["model"]["_target_"]), "received_attention")
    except InputError:  # a user's own class that is not here
        return False


@torch.inference_mode()
def windows(record: Record, material: Material) -> list[Window]:
    """Return the windows of the example users. InputError where the data or the weights are not those of the run."""
    folder = store.folder_of(material.runs, record.identity)
    if not (folder / WEIGHTS).is_file():
        raise InputError(f"{folder} holds no {WEIGHTS}")
    planned = plan_of(record, material.path)
    model, data, split = restored(folder, record, planned), planned.interactions, planned.split
    asked = lists(split.known, split.test, planned.ranking, maxlen=model.maxlen, device=CPU, purpose="test")
    shown = _examples(record.ranks)
    looked = asked.asked.windows[asked.rows[shown]]
    received = model.received_attention(looked).tolist()
    return [
        Window(
            user=str(data.user_ids[asked.users[place]]),
            items=tuple((title(data, item), share) for item, share in zip(items, shares, strict=True) if item != PAD),
            target=title(data, int(asked.items[place])),
            rank=float(record.ranks[place]),
        )
        for place, items, shares in zip(shown, looked.tolist(), received, strict=True)
    ]


def _examples(ranks: Sequence[float] | np.ndarray) -> list[int]:
    """Places of the targets whose ranks are at SHARES of all, each once."""
    order = np.argsort(ranks, kind="stable")
    return list(dict.fromkeys(int(order[int(share * (len(order) - 1))]) for share in SHARES))


def _table(window: Window) -> str:
    caption = f"User {window.user}"
    return (
        f"<div>{bars(caption, ('last items', 'attention'), window.items)}\n"
        f"{element('p', f'Next was {window.target}: rank {window.rank:g}.')}</div>"
    )
