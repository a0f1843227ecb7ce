"""Dropout in one pass on a CPU, where torch's spends most of its time drawing numbers."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from attrec_bench.kernels.compiled import fast_loop, inlined

Floats = NDArray[np.float32]


def dropout(values: Tensor, share: float, training: bool) -> Tensor:
    """Values of any shape -> in training, ``share`` of them set to 0 and the others divided by 1 - share.

    The seed is drawn from torch's global generator, as torch's own dropout draws from it.
    """
    if not training or share == 0:
        return values
    if values.device.type != "cpu" or values.dtype != torch.float32:
        return F.dropout(values, share)
    kept: Tensor = Dropout.apply(values, share, drawn_seed())  # type: ignore[no-untyped-call]
    return kept


def drawn_seed() -> int:
    """Return a seed from torch's global generator, so that seeding torch decides what is dropped."""
    return int(torch.randint(1 << 31, ()))


class Dropout(torch.autograd.Function):
    """See ``dropout``; which entries are kept is worked out again on the way back and never stored."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, share: float, seed: int) -> Tensor:
        """See ``dropout``."""
        ctx.share, ctx.seed = share, seed
        return dropped(values, share, seed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, None, None]:
        """Drop the same entries of the gradient."""
        return dropped(given, ctx.share, ctx.seed), None, None


def dropped(values: Tensor, share: float, seed: int) -> Tensor:
    """Values -> values with the entries that the seed names set to 0 and the others scaled."""
    values = values.contiguous()
    out = torch.empty_like(values)
    drop(values.detach().numpy().reshape(-1), out.numpy().reshape(-1), share, seed)
    return out


@inlined
def hashed(number: np.uint32) -> np.uint32:
    """Return 32 bits that look random: two rounds of multiply and xor-shift (the finaliser of MurmurHash3)."""
    h = np.uint32((number ^ (number >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@fast_loop
def drop(values: Floats, out: Floats, share: float, seed: int) -> None:
    """Fill out [n]."""
    threshold, scale = np.uint32(share * 4294967296.0), np.float32(1 / (1 - share))
    start = hashed(np.uint32(seed))
    for k in range(len(values)):
        out[k] = values[k] * scale if hashed(np.uint32(start + np.uint32(k))) >= threshold else np.float32(0)
