"""Oracle: the true next-item probabilities of planted data. The ceiling of every table on such data."""

import torch
from torch import Tensor, nn

from attrec_bench.data.interactions import Interactions, Truth
from attrec_bench.errors import InputError


class Oracle(nn.Module):
    """score(u, i) = P(next item is i | u, window), known because the data were generated."""

    maxlen = 0
    truth: Truth

    def __init__(self) -> None:
        super().__init__()

    def fit(self, train: Interactions) -> None:
        """Take over the truth, and how many last items it looks at; data without a truth are an error."""
        if train.truth is None:
            raise InputError("model=oracle needs data whose truth is known: dataset=planted")
        self.truth, self.maxlen = train.truth, train.truth.maxlen

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, L] -> [B, I+1]."""
        return torch.from_numpy(self.truth.probabilities(users.cpu().numpy(), windows.cpu().numpy())).to(users.device)
