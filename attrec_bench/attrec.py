"""AttRec: long-term metric learning beside short-term self-attention.

Zhang, Tay, Yao, Sun (2018), "Next Item Recommendation with Self-Attention", arXiv 1808.06414.
The numbers (1) to (8) below are the steps of the model in this file:

    (1) window      the user's last L items, rows of X
    (2) projection  Q = ReLU((X_t + TE) W_Q), K = ReLU((X_t + TE) W_K); one shared W by default
    (3) time        TE(t, 2i) = sin(t / 10000^(2i/d)), TE(t, 2i+1) = cos(t / 10000^(2i/d))
    (4) attention   S = softmax(Q K^T / sqrt(d)), diagonal masked; the values are the raw rows of X
    (5) interest    m = mean over the rows of S X
    (6) distance    y(u, i) = w |U_u - V_i|^2 + (1 - w) |m - X_i|^2; the score is -y
    (7) loss        sum over targets i and negatives j of max(0, y(u, i) + gamma - y(u, j)), plus L2
    (8) norms       rows of U, V, X clipped to at most 1

Shapes: B users, L window length (``maxlen``), T targets, N negatives, d width, I items; item 0 is padding.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attrec_bench.attrec_keywords import WITHOUT_ATTENTION, check
from attrec_bench.attrec_start import projection, table, time_encoding
from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.kernels import attention
from attrec_bench.kernels.metric import Measure, metric_scores
from attrec_bench.kernels.occurring import occurring
from attrec_bench.kernels.pairs import plain_pair_scores
from attrec_bench.kernels.squares import sum_of_squares
from attrec_bench.training.losses import bpr, hinge, reduce

MASKED = -1e9
"""A score before the softmax that leaves no weight after it, yet keeps an all-padding window finite."""


class AttRec(nn.Module):
    """AttRec with every deviation of the published codes as a keyword.

    d, maxlen, T         width, window length L, targets a window
    mode                 dist: the paper's distance; inner: w U.V + (1-w) m.X, as the TensorFlow 2 code offers
    loss, reduction      hinge (paper) or bpr; summed (paper) or averaged over the batch's comparisons
    gamma                the hinge's margin; None with loss=bpr, which has none
    w                    weight of the LONG term, in [0, 1]
    diagonal             where an item's attention to itself is removed; after_softmax does not renormalise
    padding_rows         whether padded rows of A take part in the aggregation (padded keys never get attention)
    time_signal          interleaved (3), halves (sines, then cosines; timescales geometric from 1 to 1e4), none
    clip                 row norms of at most 1: after_step (8), at lookup of users and scored items, or none
    pairs                all |T+| x |T-| comparisons, or aligned: each target with negatives of its own
    aggregation          (5): mean, or the alternatives that the paper tried; mean_without_attention: of X_t itself
    dropout              on Q and K, in [0, 1); one draw for both where they are the same matrix
    share_projection     W_Q = W_K
    l2_tables            weight of the sum of squares of U, V, X;  l2_projection  the same for W
    init, init_std       of the tables
    projection_bound     W uniform in [-bound, bound]; None: Xavier (Glorot) uniform

    A window with one real item has no other key; the paper is silent, here the item then attends to itself.
    """

    TE: Tensor

    capturable = True

    def __init__(
        self,
        n_users: int,
        n_items: int,
        generator: torch.Generator,
        *,
        d: int,
        maxlen: int,
        T: int,
        mode: str,
        loss: str,
        reduction: str,
        gamma: float | None,
        w: float,
        diagonal: str,
        padding_rows: str,
        time_signal: str,
        clip: str,
        pairs: str,
        aggregation: str,
        dropout: float,
        share_projection: bool,
        l2_tables: float,
        l2_projection: float,
        init: str,
        init_std: float,
        projection_bound: float | None,
    ) -> None:
        super().__init__()
        check(locals())
        self.maxlen, self.T = maxlen, T
        self.mode, self.loss_name, self.reduction, self.gamma, self.w = mode, loss, reduction, gamma, w
        self.diagonal, self.padding_rows, self.aggregation = diagonal, padding_rows, aggregation
        self.clip, self.pairs, self.dropout = clip, pairs, dropout
        self.l2_tables, self.l2_projection = l2_tables, l2_projection
        self.U = nn.Parameter(table(n_users, d, init, init_std, generator))
        self.V = nn.Parameter(table(n_items + 1, d, init, init_std, generator))
        self.X = nn.Parameter(table(n_items + 1, d, init, init_std, generator))
        self.W_Q = nn.Parameter(projection(d, projection_bound, generator))
        self.W_K = self.W_Q if share_projection else nn.Parameter(projection(d, projection_bound, generator))
        with torch.no_grad():
            self.V[PAD], self.X[PAD] = 0, 0
        self.register_buffer("TE", time_encoding(maxlen, d, time_signal), persistent=False)

    def attention(self, windows: Tensor) -> Tensor:
        """(2)-(4): windows [B, L] -> S [B, L, L]; row l says how much item l looks at each item.

        Without attention each item looks at itself alone: S X = X.
        """
        itself = torch.eye(windows.shape[1], dtype=torch.bool, device=windows.device)
        real = windows != PAD
        if self.aggregation == WITHOUT_ATTENTION:
            return (itself & real[:, None, :]).to(self.X.dtype)
        # relu((X_t + TE) W) = relu(X_t W + TE W): the item table is projected once, not every window.
        queries = F.relu(F.embedding(windows, self.X @ self.W_Q, padding_idx=PAD) + self.TE @ self.W_Q)
        keys = queries = F.dropout(queries, self.dropout, self.training)
        if self.W_K is not self.W_Q:
            keys = F.relu(F.embedding(windows, self.X @ self.W_K, padding_idx=PAD) + self.TE @ self.W_K)
            keys = F.dropout(keys, self.dropout, self.training)
        similar = queries @ keys.transpose(1, 2) / math.sqrt(keys.shape[-1])
        allowed = real[:, None, :]
        if self.diagonal == "before_softmax":
            alone = real.sum(1) == 1
            allowed = allowed & (~itself | alone[:, None, None])
        weights = similar.masked_fill(~allowed, MASKED).softmax(-1)
        return weights.masked_fill(itself, 0) if self.diagonal == "after_softmax" else weights

    def interest(self, windows: Tensor) -> Tensor:
        """(5): windows [B, L] -> m [B, d]."""
        if not compiled(self.X) or self.W_K is not self.W_Q or self.aggregation not in ("mean", "sum"):
            return self.plain_interest(windows)
        form = attention.Form(
            diagonal={"none": attention.NO_MASK, "before_softmax": attention.BEFORE, "after_softmax": attention.AFTER}[
                self.diagonal
            ],
            padding_rows=self.padding_rows == "include",
            mean=self.aggregation == "mean",
            dropout=self.dropout if self.training else 0.0,
        )
        rows, windows = occurring(self.X, windows)
        return attention.interest(rows, rows @ self.W_Q, self.TE @ self.W_Q, windows, form)

    def plain_interest(self, windows: Tensor) -> Tensor:
        """(5) in torch, for every form of the model: what the compiled loops must equal."""
        rows = F.embedding(windows, self.X, padding_idx=PAD)
        weights = self.attention(windows)
        counted = torch.ones_like(windows, dtype=torch.bool) if self.padding_rows == "include" else windows != PAD
        if self.aggregation in ("max", "min"):
            extreme = torch.amax if self.aggregation == "max" else torch.amin
            fill = -math.inf if self.aggregation == "max" else math.inf
            found = extreme((weights @ rows).masked_fill(~counted[:, :, None], fill), 1)
            return torch.where(counted.any(1, keepdim=True), found, 0)
        # The mean of S X over its rows is (the mean of S over its rows) X: a vector and not a matrix a window.
        received = (weights * counted[:, :, None]).sum(1)
        if self.aggregation != "sum":
            received = received / counted.sum(1, keepdim=True).clamp(min=1)
        return (received[:, None, :] @ rows)[:, 0]

    def received_attention(self, windows: Tensor) -> Tensor:
        """Windows [B, L] -> [B, L]: the mean attention that each item of the window receives from the real ones."""
        real = (windows != PAD)[:, :, None]
        return (self.attention(windows) * real).sum(1) / real.sum(1).clamp(min=1)

    def loss(self, batch: Batch) -> Tensor:
        """(7): Batch -> scalar."""
        scores, penalty = self.compared(batch.users, batch.windows, torch.cat([batch.targets, batch.negatives], 1))
        positive, negative = scores[:, : self.T, None], scores[:, self.T :]
        B, T = batch.targets.shape
        counts = (batch.targets != PAD)[:, :, None]
        if self.pairs == "aligned":
            negative = negative.view(B, T, -1)
        else:
            # T- has negatives for the real targets only: those drawn for padding leave it.
            counts = counts & counts.expand(B, T, negative.shape[1] // T).reshape(B, 1, -1)
            negative = negative[:, None, :]
        values = bpr(positive, negative) if self.gamma is None else hinge(positive, negative, self.gamma)
        if self.l2_projection:
            separate = (self.W_Q,) if self.W_K is self.W_Q else (self.W_Q, self.W_K)
            penalty = penalty + self.l2_projection * sum(map(sum_of_squares, separate))
        return reduce(values, counts, self.reduction) + penalty

    def compared(self, users: Tensor, windows: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """(6) for some items: users [B], windows [B, L], items [B, N] -> [B, N], and the L2 term of the tables in (7).

        Padding scores 0.
        """
        tables = (self.U, self.V, self.X)
        if compiled(self.X):
            measure = Measure(w=self.w, dist=self.mode == "dist", cut=self.clip == "lookup")
            return metric_scores(users, self.interest(windows), items, tables, measure, self.l2_tables)
        scores = plain_pair_scores(self.query(users, windows), self.candidates(), items)
        if not self.l2_tables:
            return scores, scores.new_zeros(())
        return scores, self.l2_tables * torch.stack([sum_of_squares(table) for table in tables]).sum()

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """The user's side of (6): users [B], windows [B, L] -> [B, D], D = 2d (inner) or 2d + 2 (dist)."""
        user, interest = self.clipped(F.embedding(users, self.U)), self.interest(windows)
        joined = torch.cat([self.w * user, (1 - self.w) * interest], 1)
        if self.mode == "inner":
            return joined
        # -|a - b|^2 = 2 a.b - |b|^2 - |a|^2: the two squares ride along as columns of one matrix product.
        own = self.weighted_squares(user, interest)
        return torch.cat([2 * joined, torch.ones_like(own), -own], 1)

    def candidates(self) -> Tensor:
        """Return the items' side of (6): [I+1, D]."""
        long, short = self.clipped(self.V), self.clipped(self.X)
        if self.mode == "inner":
            return torch.cat([long, short], 1)
        own = self.weighted_squares(long, short)
        return torch.cat([long, short, -own, torch.ones_like(own)], 1)

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """(6) for all items: users [B], windows [B, L] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T

    def weighted_squares(self, long: Tensor, short: Tensor) -> Tensor:
        """Return w |long|^2 + (1 - w) |short|^2 of each row: [n, d] twice -> [n, 1]."""
        return self.w * long.square().sum(1, keepdim=True) + (1 - self.w) * short.square().sum(1, keepdim=True)

    def clipped(self, rows: Tensor) -> Tensor:
        """Return rows [..., d] with norms of at most 1 if clip=lookup, else as they are."""
        if self.clip != "lookup":
            return rows
        norm = rows.square().sum(-1, keepdim=True)
        # clamp before the root: the root of 0 has no gradient, and a row below 1 needs none.
        return rows / norm.clamp(min=1).sqrt()

    def constrain(self) -> None:
        """(8)."""
        if self.clip == "after_step":
            for rows in (self.U, self.V, self.X):
                rows.div_(rows.square().sum(1, keepdim=True).clamp_(min=1).sqrt_())


def compiled(values: Tensor) -> bool:
    """Return whether there are compiled loops for such a tensor; elsewhere the plain torch form runs."""
    return values.device.type == "cpu" and values.dtype == torch.float32
