"""Small data for tests, written as one list of items a user."""

from typing import Any

import numpy as np
import torch

from attrec_bench.data.interactions import Interactions
from attrec_bench.training.batches import Batches, batches


def histories(lists: list[list[int]], n_items: int) -> Interactions:
    """[[items of user 0], ...] in the order of time -> Interactions, a second between events."""
    users = np.repeat(np.arange(len(lists)), [len(items) for items in lists]).astype(np.int32)
    return Interactions(
        users=users,
        items=np.array([item for items in lists for item in items], dtype=np.int32),
        times=np.array([t for items in lists for t in range(len(items))], dtype=np.int64),
        user_ids=np.array([f"u{u}" for u in range(len(lists))]),
        item_ids=np.array(["", *(f"i{i}" for i in range(1, n_items + 1))]),
    )


def random_histories(n_users: int, n_items: int, seed: int, shortest: int = 1, longest: int = 12) -> Interactions:
    """Users with distinct random items each."""
    random = np.random.default_rng(seed)
    lengths = random.integers(shortest, longest + 1, n_users)
    return histories([(random.permutation(n_items)[:n] + 1).tolist() for n in lengths], n_items)


def batches_of(data: Interactions, maxlen: int, T: int, **changed: Any) -> Batches:
    """Training batches on the CPU with settings that suit small data; ``changed`` replaces some of them."""
    settings: dict[str, Any] = {
        "windows": "padded",
        "batch_size": 64,
        "negatives": 1,
        "negatives_from": "unseen",
        "negatives_redrawn": True,
        "drop_last": False,
        "drawn_by": "window",
        "seed": 0,
        "device": torch.device("cpu"),
    }
    return batches(data, maxlen=maxlen, T=T, **settings | changed)
