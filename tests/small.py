"""Small data for tests, written as one list of items a user."""

import numpy as np

from attrec_bench.data.interactions import Interactions


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
