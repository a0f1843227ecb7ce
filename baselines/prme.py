"""PRME: two metric spaces, one for taste and one for transitions.

Feng, Li, Zeng, Cong, Chee, Yuan, "Personalized Ranking Metric Embedding for Next New POI Recommendation", IJCAI 2015.

    (1) taste        D^P(u, j) = |X^P_u - X^P_j|^2
    (2) transition   D^S(l, j) = |X^S_l - X^S_j|^2,  l the user's last item
    (3) distance     D(u, l, j) = alpha D^P(u, j) + (1 - alpha) D^S(l, j); without a last item, D^P alone
    (4) loss         sum over comparisons of -ln sigmoid(D(u, l, j) - D(u, l, i)), i the target; plus L2 of the touched
                     rows

The paper also falls back on D^P alone when the last event lies longer ago than a threshold; a window here has no times,
so the threshold is infinite.

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


class PRME(nn.Module):
    """The score is -D but for |X^P_u|^2 and |X^S_l|^2, which are the same for all items and change no order.

    d           width of each of the two spaces
    alpha       weight of the taste, in [0, 1]
    reg_user    a row moves by -reg * row for each comparison that it takes part in: the user's
    reg_item    and the rows of the target, the negative and the last item
    init_std    of the tables, N(0, init_std^2)
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
        alpha: float,
        reg_user: float,
        reg_item: float,
        init_std: float,
    ) -> None:
        super().__init__()
        require_whole("d", d, 1)
        require_number("alpha", alpha, "lie in [0, 1]", lambda share: 0 <= share <= 1)
        require_number("init_std", init_std, "be above 0", lambda std: std > 0)
        for name, weight in {"user": reg_user, "item": reg_item}.items():
            require_number(f"reg_{name}", weight, "be at least 0", lambda value: value >= 0)
        self.alpha, self.reg_user, self.reg_item = alpha, reg_user, reg_item
        self.users = nn.Parameter(torch.empty(n_users, d).normal_(std=init_std, generator=generator))
        self.taste = nn.Parameter(torch.empty(n_items + 1, d).normal_(std=init_std, generator=generator))
        self.places = nn.Parameter(torch.empty(n_items + 1, d).normal_(std=init_std, generator=generator))
        with torch.no_grad():
            self.places[PAD] = 0

    def loss(self, batch: Batch) -> Tensor:
        """Equation (4): Batch -> scalar."""
        N = batch.negatives.shape[1]
        items = torch.cat([batch.targets, batch.negatives], 1)
        scores = pair_scores(self.query(batch.users, batch.windows), self.candidates(), items)
        touched = N * self.reg_user * norms(self.users, batch.users)
        touched = touched + N * self.reg_item * norms(self.places, batch.windows)
        for table in (self.taste, self.places):
            both = N * norms(table, batch.targets) + norms(table, batch.negatives)
            touched = touched + self.reg_item * both
        return bpr(scores[:, :1], scores[:, 1:]).sum() + touched / 2

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """The user's side of (3): users [B], windows [B, 1] -> [B, 2d + 2]."""
        taste = F.embedding(users, self.users)
        place = F.embedding(windows[:, -1], self.places, padding_idx=PAD)
        known = (windows != PAD).to(place.dtype)
        weight = torch.where(known > 0, self.alpha, 1.0)
        # -|a - b|^2 = 2 a.b - |b|^2 - |a|^2: the items' squares meet the weights, the places' 0 without a last item.
        return torch.cat([2 * weight * taste, 2 * (1 - self.alpha) * place, weight, known], 1)

    def candidates(self) -> Tensor:
        """Return the items' side of (3): [I+1, 2d + 2]."""
        squares = self.taste.square().sum(1, keepdim=True), self.places.square().sum(1, keepdim=True)
        return torch.cat([self.taste, self.places, -squares[0], (self.alpha - 1) * squares[1]], 1)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """(3) for all items: users [B], windows [B, 1] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T
