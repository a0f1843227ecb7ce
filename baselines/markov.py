"""Markov counts: what followed the user's last item most often. No learning at all, and hard to beat.

    (1) score   x(i, j) = number of adjacent training pairs (i, j) + 1e-6 * number of training events of j

i is the user's last item. The second term orders the items that never followed i; it cannot outweigh a pair before an
item has a million events.

Shapes: B users, I items, P different pairs; item 0 is padding.
"""

import numpy as np
import torch
from torch import Tensor, nn

from attrec_bench.data.interactions import Interactions

UNSEEN = 1e-6


class Markov(nn.Module):
    """Equation (1). The pairs are kept sorted, those of item i from starts[i] to starts[i+1]: memory for P, not I^2."""

    maxlen = 1
    popularity: Tensor
    starts: Tensor
    followers: Tensor
    counts: Tensor

    def __init__(self, n_items: int) -> None:
        super().__init__()
        self.register_buffer("popularity", torch.zeros(n_items + 1, dtype=torch.float64))
        self.register_buffer("starts", torch.zeros(n_items + 2, dtype=torch.long))
        self.register_buffer("followers", torch.zeros(0, dtype=torch.long))
        self.register_buffer("counts", torch.zeros(0, dtype=torch.float64))

    def fit(self, train: Interactions) -> None:
        """Count events, and pairs of events that are adjacent in one user's history."""
        device, width = self.starts.device, train.n_items + 1
        items = train.items.astype(np.int64)
        adjacent = train.users[1:] == train.users[:-1]
        pairs, counts = np.unique(items[:-1][adjacent] * width + items[1:][adjacent], return_counts=True)
        self.popularity.copy_(torch.from_numpy(np.bincount(items, minlength=width)))
        self.starts.copy_(torch.from_numpy(np.searchsorted(pairs, np.arange(width + 1) * width)))
        self.followers = torch.from_numpy(pairs % width).to(device)
        self.counts = torch.from_numpy(counts.astype(np.float64)).to(device)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, 1] -> [B, I+1] float64, in which counts and the small second term are exact."""
        last = windows[:, -1]
        first, lengths = self.starts[last], self.starts[last + 1] - self.starts[last]
        rows = torch.repeat_interleave(lengths)
        # The n-th pair of a row stands n places after its first: a running number less what stood before the row.
        at = torch.arange(len(rows), device=rows.device) + (first - (lengths.cumsum(0) - lengths))[rows]
        scores = (UNSEEN * self.popularity).repeat(len(windows), 1)
        scores[rows, self.followers[at]] += self.counts[at]
        return scores
