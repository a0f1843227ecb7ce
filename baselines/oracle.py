"""Oracle: the true next-item probabilities of planted data. The ceiling of every table on such data."""

import torch
from torch import Tensor, nn

from attrec_bench.data.interactions import Interactions, Truth
from attrec_bench.errors import InputError


class Oracle(nn.Module):
    """score(u, i) = P(next item is i | u, window), known because the data were generated."""

    truth: Truth

    def __init__(self, n_items: int, *, maxlen: int) -> None:
        super().__init__()
        self.maxlen, self.n_items = maxlen, n_items

    def fit(self, train: Interactions) -> None:
        """Take over the truth; data without one are an error."""
        if train.truth is None:
            raise InputError("model=oracle needs data whose truth is known: dataset=planted")
        self.truth = train.truth

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, L] -> [B, I+1]."""
        return torch.from_numpy(self.truth.probabilities(users.cpu().numpy(), windows.cpu().numpy())).to(users.device)
