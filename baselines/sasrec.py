"""SASRec: causal self-attention over the user's last items, trained at every position at once.

Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018; where its text and the authors' code differ,
this is the code (github.com/kang205/SASRec, d0b823a).

    (1) input       x_t = dropout(sqrt(d) E[item_t] + P_t), P learnt for each column of the window
    (2) attention   q = norm(x); a = q + dropout(softmax(q W_Q (x W_K)^T / sqrt(e), no later key)) x W_V, e = d / heads
    (3) network     y = norm(a); x' = y + dropout(dropout(ReLU(y W_1 + b_1)) W_2 + b_2)
    (4) score       norm(x'_t) . E[item], the same table as in (1)

(2) and (3) are a block. The text adds x and a, not their norms, to what a block computes, and drops out (2)'s sum.

Shapes: B users, L window length (``maxlen``), n real positions of all windows together, N negatives a position,
d width, H heads, I items; item 0 is padding.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import require, require_choice, require_number, require_whole
from attrec_bench.kernels.causal import causal_attention
from attrec_bench.kernels.dropout import dropout
from attrec_bench.kernels.rows import Rows, rows_of
from attrec_bench.training.next_item import next_item_loss

LOSSES = ("bce", "sampled_softmax", "softmax")
EPSILON = 1e-8
"""Added to the variance in a norm, as in the authors' code."""
AT_ONCE = 64
"""Windows whose last state is computed at once, so that the passes over their rows find them in the cache."""


class Block(nn.Module):
    """(2) and (3); weights uniform in +-sqrt(6 / 2d), Glorot's bound, biases 0, as TensorFlow's layers start."""

    def __init__(self, d: int, n_heads: int, dropout: float, generator: torch.Generator) -> None:
        super().__init__()
        self.n_heads, self.dropout = n_heads, dropout

        def weight() -> nn.Parameter:
            return nn.Parameter(nn.init.xavier_uniform_(torch.empty(d, d), generator=generator))

        self.query, self.key, self.value, self.inner, self.outer = (weight() for _ in range(5))
        self.query_bias, self.key_bias, self.value_bias, self.inner_bias, self.outer_bias = (
            nn.Parameter(torch.zeros(d)) for _ in range(5)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(d, eps=EPSILON) for _ in range(2))

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """The rows' x [n, d] -> [n, d]."""
        share = self.dropout if self.training else 0.0
        q = self.norms[0](x)
        found = causal_attention(
            self.heads(F.linear(q, self.query, self.query_bias)),
            self.heads(F.linear(x, self.key, self.key_bias)),
            self.heads(F.linear(x, self.value, self.value_bias)),
            rows,
            share,
        )
        y: Tensor = self.norms[1](q + found.transpose(0, 1).reshape(x.shape))
        inner = dropout(F.relu(F.linear(y, self.inner, self.inner_bias)), share, self.training)
        return y + dropout(F.linear(inner, self.outer, self.outer_bias), share, self.training)

    def heads(self, rows: Tensor) -> Tensor:
        """[n, d] -> [H, n, e]."""
        return rows.view(len(rows), self.n_heads, -1).transpose(0, 1)


class SASRec(nn.Module):
    """score(u, i) = norm(x_L) . E_i, x_L the last position's row after all blocks.

    d, maxlen      width, window length L
    n_blocks       blocks of attention and network
    n_heads        heads of the attention; a divisor of d
    dropout        of the input, the attention weights and twice in the network
    loss           bce: the target against sampled negatives, the paper's; sampled_softmax; softmax over all items
    init_std       of E and P; None: Glorot's uniform, as in the authors' code
    """

    every_position = True
    capturable = True

    def __init__(
        self,
        n_items: int,
        generator: torch.Generator,
        *,
        d: int,
        maxlen: int,
        n_blocks: int,
        n_heads: int,
        dropout: float,
        loss: str,
        init_std: float | None,
    ) -> None:
        super().__init__()
        for name, value in {"d": d, "maxlen": maxlen, "n_blocks": n_blocks, "n_heads": n_heads}.items():
            require_whole(name, value, 1)
        require(d % n_heads == 0, f"d must be a multiple of n_heads, here {n_heads}", d)
        require_number("dropout", dropout, "lie in [0, 1)", lambda share: 0 <= share < 1)
        require_choice("loss", loss, LOSSES)
        if init_std is not None:
            require_number("init_std", init_std, "be above 0 or null", lambda std: std > 0)
        self.maxlen, self.T, self.dropout, self.loss_name = maxlen, maxlen, dropout, loss
        self.uses_negatives = loss != "softmax"

        def table(rows: int) -> nn.Parameter:
            values = torch.empty(rows, d)
            if init_std is None:
                return nn.Parameter(nn.init.xavier_uniform_(values, generator=generator))
            return nn.Parameter(nn.init.normal_(values, std=init_std, generator=generator))

        self.E, self.P = table(n_items + 1), table(maxlen)
        self.blocks = nn.ModuleList(Block(d, n_heads, dropout, generator) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(d, eps=EPSILON)
        with torch.no_grad():
            self.E[PAD] = 0

    def rows(self, windows: Tensor) -> Rows:
        """Windows [B, L] -> the positions that are computed."""
        return rows_of(windows, packed=self.E.device.type == "cpu" and self.E.dtype == torch.float32)

    def states(self, windows: Tensor) -> Tensor:
        """(1) to (3): windows [B, L] -> the states of their rows [n, d], window by window.

        Padding takes no part: no real position looks at it.
        """
        rows = self.rows(windows)
        items = F.embedding(windows.flatten()[rows.kept], self.E) * math.sqrt(self.E.shape[1])
        x = dropout(items + F.embedding(rows.kept % rows.L, self.P), self.dropout, self.training)
        for block in self.blocks:
            x = block(x, rows)
        normed: Tensor = self.norm(x)
        return normed

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, L] -> the state of each window's last position [B, d]; of none, zeros."""
        return torch.cat([self.last_states(part) for part in torch.split(windows, AT_ONCE)])

    def last_states(self, windows: Tensor) -> Tensor:
        """See ``query``."""
        states = F.pad(self.states(windows), (0, 0, 1, 0))  # so that an empty first window finds a row as well
        return states[self.rows(windows).ends] * (windows[:, -1:] != PAD)

    def candidates(self) -> Tensor:
        """Return [I+1, d]."""
        return self.E

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """(4): users [B], windows [B, L] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T

    def loss(self, batch: Batch) -> Tensor:
        """Batch -> scalar: the mean over all real positions."""
        kept = self.rows(batch.windows).kept
        negatives = batch.negatives.view(batch.windows.numel(), -1)[kept]
        states = self.states(batch.windows)
        return next_item_loss(self.loss_name, states, self.E, batch.targets.flatten()[kept], negatives)
