"""BPR-MF: matrix factorisation with item biases, learnt from pairs.

Rendle, Freudenthaler, Gantner, Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009.
Shapes: B users, N negatives, d width, I items; item 0 is padding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attrec_bench.contract import Batch
from attrec_bench.errors import require_bool, require_number, require_whole
from attrec_bench.kernels.comparisons import Regularisers, comparisons_loss
from attrec_bench.kernels.pairs import plain_pair_scores
from attrec_bench.kernels.squares import norms
from attrec_bench.training.losses import bpr


class BPRMF(nn.Module):
    """score(u, i) = p_u . q_i + b_i; without ``item_bias`` b stays 0.

    The regularisers are those of LearnBPR's step (fig. 4): it moves a row by -reg * row for each comparison that the
    row takes part in, so half the squared norm is added here. The user, the target and the negative have their own, as
    in Rendle's MyMediaLite; ``reg_bias`` is that of both biases.
    """

    maxlen = 0
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
        reg_positive: float,
        reg_negative: float,
        reg_bias: float,
        item_bias: bool,
        init_std: float,
    ) -> None:
        super().__init__()
        require_whole("d", d, 1)
        require_number("init_std", init_std, "be above 0", lambda std: std > 0)
        regularisers = {"user": reg_user, "positive": reg_positive, "negative": reg_negative, "bias": reg_bias}
        for name, weight in regularisers.items():
            require_number(f"reg_{name}", weight, "be at least 0", lambda value: value >= 0)
        require_bool("item_bias", item_bias)
        if not item_bias:
            require_number("reg_bias, without item_bias,", reg_bias, "be 0", lambda value: value == 0)
        self.weights = Regularisers(reg_user, reg_positive, reg_negative, reg_bias)
        self.users = nn.Parameter(torch.empty(n_users, d).normal_(std=init_std, generator=generator))
        self.items = nn.Parameter(torch.empty(n_items + 1, d).normal_(std=init_std, generator=generator))
        bias = torch.zeros(n_items + 1, 1)
        if item_bias:
            self.bias = nn.Parameter(bias)
        else:
            self.register_buffer("bias", bias)

    def loss(self, batch: Batch) -> Tensor:
        """Sum over comparisons of -ln sigmoid(score(u, i) - score(u, j)) and of the touched rows' regularisers."""
        if self.users.device.type == "cpu" and self.users.dtype == torch.float32:
            indices = (batch.users, batch.targets[:, 0], batch.negatives)
            return comparisons_loss(indices, (self.users, self.items, self.bias), self.weights)
        return self.plain_loss(batch)

    def plain_loss(self, batch: Batch) -> Tensor:
        """The same in torch: what the compiled loop must equal."""
        items, N = torch.cat([batch.targets, batch.negatives], 1), batch.negatives.shape[1]
        scores = plain_pair_scores(self.query(batch.users, batch.windows), self.candidates(), items)
        touched = N * self.weights.user * norms(self.users, batch.users)
        touched = touched + N * self.weights.positive * norms(self.items, batch.targets)
        touched = touched + self.weights.negative * norms(self.items, batch.negatives)
        touched = touched + self.weights.bias * (
            N * norms(self.bias, batch.targets) + norms(self.bias, batch.negatives)
        )
        return bpr(scores[:, :1], scores[:, 1:]).sum() + touched / 2

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, 0] -> [B, d+1]."""
        rows = F.embedding(users, self.users)
        return torch.cat([rows, torch.ones_like(rows[:, :1])], 1)

    def candidates(self) -> Tensor:
        """Return [I+1, d+1]."""
        return torch.cat([self.items, self.bias], 1)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, 0] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T
