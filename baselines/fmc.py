"""FMC: a factorised Markov chain, the part of FPMC that knows no user.

Rendle, Freudenthaler, Schmidt-Thieme, "Factorizing Personalized Markov Chains for Next-Basket Recommendation",
WWW 2010. With B_t-1 the user's last basket, here her last ``maxlen`` items:

    (1) score       x(t, i) = 1 / |B_t-1|  sum over l in B_t-1 of  v_i^{I,L} . v_l^{L,I}
    (2) loss        S-BPR: sum over comparisons of -ln sigmoid(x(t, i) - x(t, j)), plus L2 of the touched rows

Shapes: B users, L window length (``maxlen``), N negatives, d width, I items; item 0 is padding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import require_number, require_whole
from attrec_bench.kernels.pairs import pair_scores
from attrec_bench.kernels.squares import norms
from attrec_bench.training.losses import bpr


class FMC(nn.Module):
    """Equation (1); the user plays no part.

    d, maxlen       width, size of the last basket
    reg_last        a row moves by -reg * row for each comparison that it takes part in: the basket's rows v^{L,I},
    reg_positive    the target's
    reg_negative    and the negative's row v^{I,L}
    init_std        of the tables, N(0, init_std^2)
    """

    T = 1

    capturable = True

    def __init__(
        self,
        n_items: int,
        generator: torch.Generator,
        *,
        d: int,
        maxlen: int,
        reg_last: float,
        reg_positive: float,
        reg_negative: float,
        init_std: float,
    ) -> None:
        super().__init__()
        require_whole("d", d, 1)
        require_whole("maxlen", maxlen, 1)
        require_number("init_std", init_std, "be above 0", lambda std: std > 0)
        for name, weight in {"last": reg_last, "positive": reg_positive, "negative": reg_negative}.items():
            require_number(f"reg_{name}", weight, "be at least 0", lambda value: value >= 0)
        self.maxlen = maxlen
        self.reg_last, self.reg_positive, self.reg_negative = reg_last, reg_positive, reg_negative
        self.last = nn.Parameter(torch.empty(n_items + 1, d).normal_(std=init_std, generator=generator))
        self.items = nn.Parameter(torch.empty(n_items + 1, d).normal_(std=init_std, generator=generator))
        with torch.no_grad():
            self.last[PAD] = 0

    def loss(self, batch: Batch) -> Tensor:
        """Equation (2): Batch -> scalar."""
        N = batch.negatives.shape[1]
        items = torch.cat([batch.targets, batch.negatives], 1)
        scores = pair_scores(self.query(batch.users, batch.windows), self.items, items)
        touched = N * self.reg_last * norms(self.last, batch.windows)
        touched = touched + N * self.reg_positive * norms(self.items, batch.targets)
        touched = touched + self.reg_negative * norms(self.items, batch.negatives)
        return bpr(scores[:, :1], scores[:, 1:]).sum() + touched / 2

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """The mean of v_l^{L,I} over the basket: users [B], windows [B, L] -> [B, d]; 0 for an empty basket."""
        return F.embedding_bag(windows, self.last, mode="mean", padding_idx=PAD)

    def candidates(self) -> Tensor:
        """Return v^{I,L} [I+1, d]."""
        return self.items

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Equation (1) for all items: users [B], windows [B, L] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T
