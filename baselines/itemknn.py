"""ItemKNN: items met by the same users are neighbours, and a user gets the neighbours of what she has met.

Deshpande and Karypis, "Item-Based Top-N Recommendation Algorithms", ACM TOIS 2004; with a shrunk cosine:

    (1) similarity   s(i, j) = n_ij / (sqrt(n_i n_j) + shrink),  n_i users of item i, n_ij users of both; s(i, i) = 0
    (2) neighbours   of each item i the k items with the highest s(i, j); s(i, j) = 0 for all others
    (3) score        x(u, j) = sum over the user's items i of s(i, j)

Shapes: B users, L window length (``maxlen``), k neighbours, I items; item 0 is padding.
"""

import numpy as np
import torch
from torch import Tensor, nn

from attrec_bench.data.interactions import Interactions
from attrec_bench.errors import require_number, require_whole
from attrec_bench.kernels.meetings import Meetings, distinct

BLOCK = 256
"""Items whose similarities to all others are kept at once."""


class ItemKNN(nn.Module):
    """Equations (1) to (3); memory for k neighbours an item.

    k         neighbours of an item
    shrink    draws similarities that few users support towards 0
    maxlen    the user's items are those of her last ``maxlen`` events, each once
    """

    neighbours: Tensor
    similarities: Tensor

    def __init__(self, n_items: int, *, k: int, shrink: float, maxlen: int) -> None:
        super().__init__()
        require_whole("k", k, 1)
        require_number("shrink", shrink, "be at least 0", lambda value: value >= 0)
        require_whole("maxlen", maxlen, 1)
        self.k, self.shrink, self.maxlen = min(k, n_items), shrink, maxlen
        self.register_buffer("neighbours", torch.zeros(n_items + 1, self.k, dtype=torch.long))
        self.register_buffer("similarities", torch.zeros(n_items + 1, self.k))

    def fit(self, train: Interactions) -> None:
        """(1) and (2), a block of items at a time."""
        meetings = Meetings.of(train)
        roots = np.sqrt(meetings.counts).astype(np.float32)
        for start in range(1, len(roots), BLOCK):
            block = range(start, min(start + BLOCK, len(roots)))
            shared = meetings.together(block)
            shared[np.arange(len(block)), block] = 0
            # An item that nobody has met shares no user either: 0 over the smallest number is 0.
            shared /= np.maximum(roots[block][:, None] * roots + np.float32(self.shrink), np.finfo(np.float32).tiny)
            best = torch.from_numpy(shared).topk(self.k)
            self.similarities[block.start : block.stop] = best.values.to(self.similarities.device)
            self.neighbours[block.start : block.stop] = best.indices.to(self.neighbours.device)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """(3): users [B], windows [B, L] -> [B, I+1]."""
        items = distinct(windows)
        scores = self.similarities.new_zeros(len(windows), len(self.similarities))
        return scores.scatter_add_(1, self.neighbours[items].flatten(1), self.similarities[items].flatten(1))
