"""TransRec: users are translations in the space of items.

He, Kang, McAuley, "Translation-based Recommendation", RecSys 2017 (arXiv 1707.02410).

    (1) translation   T_u = t + t_u, a global vector and a user's own
    (2) score         x(u, i, j) = beta_j - |gamma_i + T_u - gamma_j|^2,  i the user's last item
    (3) constraint    |gamma_i| <= 1
    (4) loss          S-BPR: sum over comparisons of -ln sigmoid(x(u, i, j) - x(u, i, j')), plus L2 of the touched rows

The paper leaves the distance open, L1 or L2; the square of L2 is a dot product.

Shapes: B users, N negatives, d width, I items; item 0 is padding.
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


class TransRec(nn.Module):
    """The score is (2) but for |gamma_i + T_u|^2, which is the same for all items and changes no order.

    d           width
    reg_user    a row moves by -reg * row for each comparison that it takes part in: the user's translation t_u,
    reg_item    the rows gamma of the target, the negative and the last item,
    reg_bias    and both biases
    init_std    of the tables; t and the biases start at 0

    Without a last item the translation starts at the origin.
    """

    maxlen = 1
    T = 1

    capturable = True

    def __init__(
        self,
        n_users: int,
        n_items: int,
        generator: torch.Generator,
        *,
        d: int,
        reg_user: float,
        reg_item: float,
        reg_bias: float,
        init_std: float,
    ) -> None:
        super().__init__()
        require_whole("d", d, 1)
        require_number("init_std", init_std, "be above 0", lambda std: std > 0)
        for name, weight in {"user": reg_user, "item": reg_item, "bias": reg_bias}.items():
            require_number(f"reg_{name}", weight, "be at least 0", lambda value: value >= 0)
        self.reg_user, self.reg_item, self.reg_bias = reg_user, reg_item, reg_bias
        self.users = nn.Parameter(torch.empty(n_users, d).normal_(std=init_std, generator=generator))
        self.everyone = nn.Parameter(torch.zeros(1, d))
        self.items = nn.Parameter(torch.empty(n_items + 1, d).normal_(std=init_std, generator=generator))
        self.bias = nn.Parameter(torch.zeros(n_items + 1, 1))
        with torch.no_grad():
            self.items[PAD] = 0
            self.constrain()

    def loss(self, batch: Batch) -> Tensor:
        """Equation (4): Batch -> scalar."""
        N = batch.negatives.shape[1]
        items = torch.cat([batch.targets, batch.negatives], 1)
        scores = pair_scores(self.query(batch.users, batch.windows), self.candidates(), items)
        touched = N * self.reg_user * norms(self.users, batch.users)
        both = N * norms(self.items, torch.cat([batch.windows, batch.targets], 1)) + norms(self.items, batch.negatives)
        touched = touched + self.reg_item * both
        touched = touched + self.reg_bias * (N * norms(self.bias, batch.targets) + norms(self.bias, batch.negatives))
        return bpr(scores[:, :1], scores[:, 1:]).sum() + touched / 2

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """gamma_i + T_u, doubled, and a 1: users [B], windows [B, 1] -> [B, d + 1]."""
        here = F.embedding(windows[:, -1], self.items, padding_idx=PAD)
        there = here + self.everyone + F.embedding(users, self.users)
        return torch.cat([2 * there, torch.ones_like(there[:, :1])], 1)

    def candidates(self) -> Tensor:
        """gamma_j, and beta_j - |gamma_j|^2: [I+1, d + 1]."""
        # -|a - b|^2 = 2 a.b - |b|^2 - |a|^2: the item's square rides along with its bias.
        return torch.cat([self.items, self.bias - self.items.square().sum(1, keepdim=True)], 1)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """(2) for all items: users [B], windows [B, 1] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T

    def constrain(self) -> None:
        """(3)."""
        self.items.div_(self.items.square().sum(1, keepdim=True).clamp_(min=1).sqrt_())
