"""HRM: the last items are pooled into a transaction, the transaction and the user into what she wants next.

Wang, Guo, Lan, Xu, Wan, Cheng, "Learning Hierarchical Representation Model for Next Basket Recommendation", SIGIR 2015.

    (1) transaction   v_T = pool over the last ``maxlen`` items l of v_l
    (2) hybrid        v = pool of v_u and v_T
    (3) score         x(u, T, i) = v . v_i, with the same item vectors as in (1); P(i | u, T) is their softmax
    (4) loss          by negative sampling: sum of -ln sigmoid(x of targets) and of -ln sigmoid(-x of negatives)

pool is the mean or the maximum in each dimension; maximum in both layers is the paper's most nonlinear form.

Shapes: B users, L window length (``maxlen``), N negatives, d width, I items; item 0 is padding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import require_choice, require_number, require_whole
from attrec_bench.kernels.cross_entropy import cross_entropy
from attrec_bench.kernels.dropout import dropout
from attrec_bench.kernels.pairs import pair_scores
from attrec_bench.training.losses import binary_cross_entropy

POOLS = ("mean", "max")


class HRM(nn.Module):
    """Equations (1) to (4); its L2 is the optimiser's weight_decay.

    d, maxlen     width, how many last items make the transaction
    pool_items    (1): mean or max;  pool_user (2): mean or max
    dropout       on the hybrid vector, in [0, 1)
    loss          bce: (4);  softmax: cross-entropy of (3) over all items
    init_std      of the tables, N(0, init_std^2)

    A user without a last item is her own hybrid.
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
        pool_items: str,
        pool_user: str,
        dropout: float,
        loss: str,
        init_std: float,
    ) -> None:
        super().__init__()
        require_whole("d", d, 1)
        require_whole("maxlen", maxlen, 1)
        require_choice("pool_items", pool_items, POOLS)
        require_choice("pool_user", pool_user, POOLS)
        require_number("dropout", dropout, "lie in [0, 1)", lambda share: 0 <= share < 1)
        require_choice("loss", loss, ("bce", "softmax"))
        require_number("init_std", init_std, "be above 0", lambda std: std > 0)
        self.maxlen, self.pool_items, self.pool_user = maxlen, pool_items, pool_user
        self.dropout, self.loss_name = dropout, loss
        self.uses_negatives = loss == "bce"
        self.users = nn.Parameter(torch.empty(n_users, d).normal_(std=init_std, generator=generator))
        self.items = nn.Parameter(torch.empty(n_items + 1, d).normal_(std=init_std, generator=generator))
        with torch.no_grad():
            self.items[PAD] = 0

    def loss(self, batch: Batch) -> Tensor:
        """(4), or the cross-entropy of (3): Batch -> scalar, a sum over the batch."""
        query = self.query(batch.users, batch.windows)
        if self.loss_name == "softmax":
            return cross_entropy(query, self.items, batch.targets)
        scores = pair_scores(query, self.items, torch.cat([batch.targets, batch.negatives], 1))
        positive, negative = binary_cross_entropy(scores[:, :1], scores[:, 1:])
        return positive.sum() + negative.sum()

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """(1) and (2): users [B], windows [B, L] -> v [B, d]."""
        transaction = F.embedding_bag(windows, self.items, mode=self.pool_items, padding_idx=PAD)
        user = F.embedding(users, self.users)
        hybrid = (user + transaction) / 2 if self.pool_user == "mean" else torch.maximum(user, transaction)
        known = (windows != PAD).any(1, keepdim=True)
        return dropout(torch.where(known, hybrid, user), self.dropout, self.training)

    def candidates(self) -> Tensor:
        """Return v_i [I+1, d]."""
        return self.items

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """(3) for all items: users [B], windows [B, L] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T
