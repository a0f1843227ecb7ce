"""GRU4Rec: a recurrent network over the user's last items, trained at every position at once.

Hidasi, Karatzoglou, Baltrunas, Tikk, "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016;
losses and the one item table for input and output ("constrained embedding") from Hidasi and Karatzoglou, "Recurrent
Neural Networks with Top-k Gains for Session-based Recommendations", CIKM 2018.

    (1) gates      z = sigmoid(W_z x + U_z h), r = sigmoid(W_r x + U_r h), x = E[item_t], h the state before it
    (2) candidate  c = tanh(W x + r * (U h)); biases beside each product
    (3) state      h' = z * h + (1 - z) * c
    (4) score      (A h'_t) . E[item]; A is the identity where hidden = d

This is torch's unit: the paper's multiplies r * h with U in (2) and has z and 1 - z the other way round in (3). The
sessions of the paper, carried on from batch to batch, are here the users' windows, each begun with h = 0. The authors'
code adds an item bias to (4).

Shapes: B users, L window length (``maxlen``), n real positions of all windows together, N negatives a position,
d width of items, H of states, I items; item 0 is padding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import InputError, require_choice, require_number, require_whole
from attrec_bench.kernels.dropout import dropout
from attrec_bench.kernels.rows import rows_of
from attrec_bench.training.next_item import LOSSES, next_item_loss

AT_ONCE = 128
"""Windows whose last state is computed at once, so that memory does not grow with the number of users."""


class GRU4Rec(nn.Module):
    """score(u, i) = (A h_L) . E_i, h_L the last layer's state after the window's last item.

    d, hidden, maxlen   width of the item table and of the states, window length L
    layers              recurrent layers, one on another
    dropout             of every layer's states where they leave it upwards
    dropout_items       of the rows of E where they enter
    loss                bpr_max (CIKM 2018), sampled_softmax, bce: the target against sampled negatives; softmax: over
                        all items
    score_reg           weight of the negatives' squared scores in bpr_max; None with another loss, which has none
    init_std            of E; None: Glorot's uniform, as in the authors' code
    """

    every_position = True
    capturable = True

    def __init__(
        self,
        n_items: int,
        generator: torch.Generator,
        *,
        d: int,
        hidden: int,
        maxlen: int,
        layers: int,
        dropout: float,
        dropout_items: float,
        loss: str,
        score_reg: float | None,
        init_std: float | None,
    ) -> None:
        super().__init__()
        for name, value in {"d": d, "hidden": hidden, "maxlen": maxlen, "layers": layers}.items():
            require_whole(name, value, 1)
        for name, share in {"dropout": dropout, "dropout_items": dropout_items}.items():
            require_number(name, share, "lie in [0, 1)", lambda share: 0 <= share < 1)
        require_choice("loss", loss, LOSSES)
        check_score_reg(loss, score_reg)
        if init_std is not None:
            require_number("init_std", init_std, "be above 0 or null", lambda std: std > 0)
        self.maxlen, self.T, self.dropout, self.dropout_items = maxlen, maxlen, dropout, dropout_items
        self.loss_name, self.score_reg = loss, score_reg or 0.0
        self.uses_negatives = loss != "softmax"

        def glorot(rows: int, columns: int) -> Tensor:
            return nn.init.xavier_uniform_(torch.empty(rows, columns), generator=generator)

        items = glorot(n_items + 1, d) if init_std is None else torch.empty(n_items + 1, d)
        if init_std is not None:
            nn.init.normal_(items, std=init_std, generator=generator)
        items[PAD] = 0
        self.E = nn.Parameter(items)
        self.A = None if hidden == d else nn.Parameter(glorot(d, hidden))
        self.gates = nn.ModuleList(nn.GRU(d if n == 0 else hidden, hidden, batch_first=True) for n in range(layers))
        for parameter in self.gates.parameters():
            nn.init.uniform_(parameter, -(hidden**-0.5), hidden**-0.5, generator=generator)

    def states(self, windows: Tensor) -> Tensor:
        """(1) to (3): windows [B, L] -> [B, L, d], the states after a window's first item, second item, ...

        Padding moves to the right end, where it comes too late to change a real item's state; what stands there then
        is of no use.
        """
        x = dropout(F.embedding(left_aligned(windows), self.E, padding_idx=PAD), self.dropout_items, self.training)
        for gates in self.gates:
            x = dropout(gates(x)[0], self.dropout, self.training)
        return x if self.A is None else F.linear(x, self.A)

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, L] -> [B, d]: the state after each window's last item."""
        return torch.cat([self.last_states(part) for part in torch.split(windows, AT_ONCE)])

    def last_states(self, windows: Tensor) -> Tensor:
        """See ``query``."""
        last = (windows != PAD).sum(1).clamp(min=1) - 1
        return self.states(windows)[torch.arange(len(windows), device=windows.device), last]

    def candidates(self) -> Tensor:
        """Return [I+1, d]."""
        return self.E

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """(4): users [B], windows [B, L] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T

    def loss(self, batch: Batch) -> Tensor:
        """Batch -> scalar: the mean over all real positions."""
        B, L = batch.windows.shape
        rows = rows_of(batch.windows, packed=self.E.device.type == "cpu" and self.E.dtype == torch.float32)
        targets, negatives = batch.targets.flatten()[rows.kept], batch.negatives.view(B * L, -1)[rows.kept]
        # A position's state stands as many places to the left as its window has padding.
        padding = (batch.windows == PAD).sum(1)
        places = (rows.kept - padding[rows.kept // L]).clamp(min=0)
        states = self.states(batch.windows).flatten(0, 1)[places]
        return next_item_loss(self.loss_name, states, self.E, targets, negatives, score_reg=self.score_reg)


def left_aligned(windows: Tensor) -> Tensor:
    """Windows [B, L] with padding (PAD, false) on the left -> the same with padding on the right."""
    L = windows.shape[1]
    padding = L - (windows != PAD).sum(1, keepdim=True)
    return windows.gather(1, (torch.arange(L, device=windows.device) + padding) % L)


def check_score_reg(loss: str, score_reg: float | None) -> None:
    """Raise InputError unless the regulariser is a number exactly where the loss has one."""
    if (loss == "bpr_max") != (score_reg is not None):
        rule = "score_reg belongs to bpr_max: a number with loss=bpr_max, null with another"
        raise InputError(f"{rule}, got {score_reg!r}")
    if score_reg is not None:
        require_number("score_reg", score_reg, "be at least 0", lambda weight: weight >= 0)
