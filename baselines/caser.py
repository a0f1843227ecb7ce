"""Caser: convolutions over the window as an image.

Tang and Wang, "Personalized Top-N Sequential Recommendation via Convolutional Sequence Embedding", WSDM 2018.
As in the authors' code (github.com/graytowne/caser_pytorch) but for two things: the vertical filters have no bias, as
in the paper, and the biases of all horizontal filters start within 1 / sqrt(d), theirs within 1 / sqrt(h d).
``output=tied`` is the form of RecBole (recbole/model/sequential_recommender/caser.py), whose results are often quoted.
Shapes: B users, L window length (``maxlen``), T targets, N negatives, d width, I items; item 0 is padding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD
from attrec_bench.errors import require_choice, require_number, require_whole
from attrec_bench.kernels.cross_entropy import cross_entropy
from attrec_bench.kernels.dropout import dropout
from attrec_bench.kernels.over_time import over_time
from attrec_bench.kernels.pairs import pair_scores
from attrec_bench.training.losses import binary_cross_entropy, reduce


class Caser(nn.Module):
    """score(u, i) = W'_i . [z, P_u] + b'_i (eq. 10), z the fully connected layer over both convolutions (eq. 9).

    d, maxlen, T   width, window length L, targets a window
    n_v            vertical filters (L x 1): weighted sums of the window's rows (eq. 7)
    n_h            horizontal filters (h x d) for each height h = 1..L: ReLU, then max over time (eq. 4 to 6)
    dropout        on the concatenated features
    loss           bce: targets against sampled negatives (eq. 12); softmax: cross-entropy over all items
    output         separate: W' and b' as published; tied: ReLU(F [z, P_u] + c) . Q_i, a second layer and no tables
    """

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
        n_v: int,
        n_h: int,
        dropout: float,
        loss: str,
        output: str,
    ) -> None:
        super().__init__()
        for name, value in {"d": d, "maxlen": maxlen, "T": T, "n_v": n_v, "n_h": n_h}.items():
            require_whole(name, value, 1)
        require_number("dropout", dropout, "lie in [0, 1)", lambda share: 0 <= share < 1)
        require_choice("loss", loss, ("bce", "softmax"))
        require_choice("output", output, ("separate", "tied"))
        self.maxlen, self.T, self.n_h, self.dropout, self.loss_name = maxlen, T, n_h, dropout, loss
        self.uses_negatives, self.output = loss == "bce", output

        def normal(*shape: int, std: float) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).normal_(std=std, generator=generator))

        def uniform(*shape: int, fan_in: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator))

        self.P = normal(n_users, d, std=1 / d)
        self.Q = normal(n_items + 1, d, std=1 / d)
        self.vertical = uniform(n_v, maxlen, fan_in=maxlen)
        self.horizontal = nn.ParameterList(uniform(n_h, h * d, fan_in=h * d) for h in range(1, maxlen + 1))
        self.horizontal_bias = uniform(maxlen, n_h, fan_in=d)
        features = n_v * d + n_h * maxlen
        self.full = uniform(d, features, fan_in=features)
        self.full_bias = uniform(d, fan_in=features)
        if output == "separate":
            self.W = normal(n_items + 1, 2 * d, std=1 / (2 * d))
            self.b = nn.Parameter(torch.zeros(n_items + 1, 1))
        else:
            self.second = uniform(d, 2 * d, fan_in=2 * d)
            self.second_bias = uniform(d, fan_in=2 * d)
        with torch.no_grad():
            self.Q[PAD] = 0

    def features(self, windows: Tensor) -> Tensor:
        """Eq. 4 to 8: windows [B, L] -> [B, n_v d + n_h L]."""
        image = F.embedding(windows, self.Q, padding_idx=PAD)
        vertical = (self.vertical @ image).flatten(1)
        horizontal = over_time(image, list(self.horizontal), self.horizontal_bias)
        return torch.cat([vertical, horizontal], 1)

    def state(self, users: Tensor, windows: Tensor) -> Tensor:
        """Eq. 9: users [B], windows [B, L] -> [z, P_u] [B, 2d], or through the second layer [B, d]."""
        kept = dropout(self.features(windows), self.dropout, self.training)
        z = F.relu(F.linear(kept, self.full, self.full_bias))
        joined = torch.cat([z, F.embedding(users, self.P)], 1)
        return joined if self.output == "separate" else F.relu(F.linear(joined, self.second, self.second_bias))

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, L] -> [B, D], D = 2d + 1 (separate) or d (tied)."""
        state = self.state(users, windows)
        return torch.cat([state, state.new_ones(len(state), 1)], 1) if self.output == "separate" else state

    def candidates(self) -> Tensor:
        """Return [I+1, D]."""
        return torch.cat([self.W, self.b], 1) if self.output == "separate" else self.Q

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, L] -> [B, I+1]."""
        return self.query(users, windows) @ self.candidates().T

    def loss(self, batch: Batch) -> Tensor:
        """Batch -> scalar: the mean over targets plus the mean over negatives (bce), or over targets (softmax)."""
        real = batch.targets != PAD
        if self.loss_name == "softmax":
            state = self.state(batch.users, batch.windows)
            items, bias = (self.W, self.b[:, 0]) if self.output == "separate" else (self.Q, None)
            return cross_entropy(state, items, batch.targets, bias) / real.sum().clamp(min=1)
        query = self.query(batch.users, batch.windows)
        scores = pair_scores(query, self.candidates(), torch.cat([batch.targets, batch.negatives], 1))
        positive, negative = binary_cross_entropy(scores[:, : self.T], scores[:, self.T :])
        return reduce(positive, real, "mean") + negative.mean()
