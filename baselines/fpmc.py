"""FPMC: matrix factorisation and a factorised Markov chain, added.

Rendle, Freudenthaler, Schmidt-Thieme, "Factorizing Personalized Markov Chains for Next-Basket Recommendation",
WWW 2010. With B_t-1 the user's last basket, here her last ``maxlen`` items:

    (1) score       x(u, t, i) = v_u^{U,I} . v_i^{I,U}  +  1 / |B_t-1|  sum over l in B_t-1 of  v_i^{I,L} . v_l^{L,I}
    (2) loss        S-BPR: sum over comparisons of -ln sigmoid(x(u, t, i) - x(u, t, j)), plus L2 of the touched rows

The third pair of the paper's factorisation, user with last item, is the same for all i and changes no order.

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


class FPMC(nn.Module):
    """Equation (1); v_i^{I,U} and v_i^{I,L} lie side by side in one table, so that the score is one dot product.

    d, maxlen       width of each of the four factors, size of the last basket
    reg_user        a row moves by -reg * row for each comparison that it takes part in: the user's,
    reg_last        the basket's,
    reg_positive    the target's
    reg_negative    and the negative's
    init_std        of the tables, N(0, init_std^2)
    """

    T = 1

    capturable = True

    def __init__(
        self,
        n_users: int,
        n_items: int,
        generator: torch.Generator,
        *,
        d: int,
        maxlen: int,
        reg_user: float,
        reg_last: float,
        reg_positive: float,
        reg_negative: float,
        init_std: float,
    ) -> None:
        super().__init__()
        require_whole("d", d, 1)
        require_whole("maxlen", maxlen, 1)
        require_number("init_std", init_std, "be above 0", lambda std: std > 0)
        regularisers = {"user": reg_user, "last": reg_last, "positive": reg_positive, "negative": reg_negative}
        for name, weight in regularisers.items():
            require_number(f"reg_{name}", weight, "be at least 0", lambda value: value >= 0)
        self.maxlen = maxlen
        self.reg_user, self.reg_last = reg_user, reg_last
        self.reg_positive, self.reg_negative = reg_positive, reg_negative
        self.users = nn.Parameter(torch.empty(n_users, d).normal_(std=init_std, generator=generator))
        self.last = nn.Parameter(torch.empty(n_items + 1, d).normal_(std=init_std, generator=generator))
        self.items = nn.Parameter(torch.empty(n_items + 1, 2 * d).normal_(std=init_std, generator=generator))
        with torch.no_grad():
            self.last[PAD] = 0

    def loss(self, batch: Batch) -> Tensor:
        """Equation (2): Batch -> scalar."""
        N = batch.negatives.shape[1]
        items = torch.cat([batch.targets, batch.negatives], 1)
        scores = pair_scores(self.query(batch.users, batch.windows), self.items, items)
        touched = N * self.reg_user * norms(self.users, batch.users)
        touched = touched + N * self.reg_last * norms(self.last, batch.windows)
        touched = touched + N * self.reg_positive * norms(self.items, batch.targets)
        touched = touched + self.reg_negative * norms(self.items, batch.negatives)
        return bpr(scores[:, :1], scores[:, 1:]).sum() + touched / 2

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """v_u^{U,I} and the mean of v_l^{L,I} over the basket: users [B], windows [B, L] -> [B, 2d]."""
        basket = F.embedding_bag(windows, self.last, mode="mean", padding_idx=PAD)
        return torch.cat([F.embedding(users, self.users), basket], 1)

    def candidates(self) -> Tensor:
        """Return v^{I,U} and v^{I,L}: [I+1, 2d]."""
        return self.items

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Equation (1) for all items: users [B], windows [B, L] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T
