"""Popularity: every user gets the items that most training events name. The floor of every table."""

import torch
from torch import Tensor, nn

from attrec_bench.data.interactions import Interactions


class Popularity(nn.Module):
    """score(u, i) = number of training events of item i."""

    maxlen = 0
    counts: Tensor

    def __init__(self, n_items: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(n_items + 1))

    def fit(self, train: Interactions) -> None:
        """Count the training events of each item."""
        counts = torch.bincount(torch.from_numpy(train.items.astype("int64")), minlength=len(self.counts))
        self.counts.copy_(counts)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, 0] -> [B, I+1]."""
        return self.counts.expand(len(users), -1)
