"""EASE: a linear model that rebuilds a user's items from her other items, in closed form.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019 (arXiv 1905.03375).
X [U, I] is 1 where a user has met an item:

    (1) objective   min over B of |X - X B|_F^2 + reg |B|_F^2  with diag(B) = 0
    (2) solution    P = (X^T X + reg I)^-1,  B_ij = -P_ij / P_jj,  B_jj = 0
    (3) score       x(u, j) = sum over the user's items i of B_ij

Shapes: B users, L window length (``maxlen``), I items; item 0 is padding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.errors import InputError, require_number, require_whole
from attrec_bench.kernels.meetings import Meetings, distinct

MOST_ITEMS = 20_000
"""All matrices here are dense: at this size 1.6 GB each, three at a time, and minutes of one core."""


class EASE(nn.Module):
    """Equations (1) to (3).

    reg       weight of the L2 norm of B
    maxlen    the user's items are those of her last ``maxlen`` events, each once
    """

    B: Tensor

    def __init__(self, n_items: int, *, reg: float, maxlen: int) -> None:
        super().__init__()
        require_number("reg", reg, "be above 0", lambda value: value > 0)
        require_whole("maxlen", maxlen, 1)
        if n_items > MOST_ITEMS:
            raise InputError(
                f"model=ease inverts a dense items x items matrix: at most {MOST_ITEMS} items, got {n_items}"
            )
        self.reg, self.maxlen = reg, maxlen
        self.register_buffer("B", torch.zeros(0))  # made in fit: a configuration is checked without its memory

    def fit(self, train: Interactions) -> None:
        """(2)."""
        gram = torch.from_numpy(Meetings.of(train).together(range(1, train.n_items + 1)))[:, 1:]
        gram.diagonal().add_(self.reg)
        precision = torch.cholesky_inverse(torch.linalg.cholesky(gram))
        weights = precision.div_(-precision.diagonal().clone()).fill_diagonal_(0)
        self.B = F.pad(weights, (1, 0, 1, 0)).to(self.B.device)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """(3): users [B], windows [B, L] -> [B, I+1]."""
        return F.embedding_bag(distinct(windows), self.B, mode="sum", padding_idx=PAD)
