"""Scores of some items a row: a gather and a dot product in one pass, forward and backward.

Shapes: B rows, N items a row, D width, I items; item 0 is padding and scores 0.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from attrec_bench.data.interactions import PAD
from attrec_bench.kernels.compiled import fast_loop

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def pair_scores(query: Tensor, candidates: Tensor, items: Tensor) -> Tensor:
    """Query [B, D], candidates [I+1, D], items [B, N] -> [B, N]: query . candidates[item], differentiable in both."""
    if query.device.type == "cpu" and query.dtype == torch.float32:
        scores: Tensor = PairScores.apply(query, candidates, items)  # type: ignore[no-untyped-call]
        return scores
    return plain_pair_scores(query, candidates, items)


def plain_pair_scores(query: Tensor, candidates: Tensor, items: Tensor) -> Tensor:
    """The same in torch: what the compiled loops must equal."""
    # Multiply and add: a batch of B small matrix products is several times slower on a CPU.
    scores = (F.embedding(items, candidates, padding_idx=PAD) * query[:, None]).sum(-1)
    return scores.masked_fill(items == PAD, 0)


class PairScores(torch.autograd.Function):
    """``pair_scores`` without the [B, N, D] that torch would write, read and write again."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, candidates: Tensor, items: Tensor) -> Tensor:
        """See ``pair_scores``."""
        query, candidates, items = query.contiguous(), candidates.contiguous(), items.contiguous()
        ctx.save_for_backward(query, candidates, items)
        scores = query.new_empty(items.shape)
        gather_dot(query.detach().numpy(), candidates.detach().numpy(), items.numpy(), scores.numpy())
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradient of the scores [B, N] -> of query [B, D] and of candidates [I+1, D]."""
        query, candidates, items = ctx.saved_tensors
        of_query, of_candidates = torch.empty_like(query), torch.zeros_like(candidates)
        scatter(
            given.contiguous().numpy(),
            query.detach().numpy(),
            candidates.detach().numpy(),
            items.numpy(),
            of_query.numpy(),
            of_candidates.numpy(),
        )
        return of_query, of_candidates, None


@fast_loop
def gather_dot(query: Floats, candidates: Floats, items: Ints, scores: Floats) -> None:
    """Fill scores [B, N]."""
    for b in range(items.shape[0]):
        for n in range(items.shape[1]):
            total = np.float32(0)
            if items[b, n] != PAD:
                row = candidates[items[b, n]]
                for k in range(query.shape[1]):
                    total += query[b, k] * row[k]
            scores[b, n] = total


@fast_loop
def scatter(
    given: Floats, query: Floats, candidates: Floats, items: Ints, of_query: Floats, of_candidates: Floats
) -> None:
    """Fill of_query [B, D] and add to of_candidates [I+1, D]."""
    for b in range(items.shape[0]):
        own = of_query[b]
        own[:] = 0
        for n in range(items.shape[1]):
            slope = given[b, n]
            if items[b, n] == PAD or slope == 0:
                continue
            row, of_row = candidates[items[b, n]], of_candidates[items[b, n]]
            for k in range(query.shape[1]):
                own[k] += slope * row[k]
                of_row[k] += slope * query[b, k]
