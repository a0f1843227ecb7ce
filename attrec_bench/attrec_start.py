"""What an AttRec begins with: its time signal, and its tables and projection before training."""

import torch
from torch import Tensor, nn


def time_encoding(maxlen: int, d: int, kind: str) -> Tensor:
    """(3): TE [L, d] float32; t is the column of the window, 0 the oldest."""
    if kind == "none":
        return torch.zeros(maxlen, d)
    half = torch.arange(d // 2, dtype=torch.float64)
    timescales = 10000 ** (2 * half / d if kind == "interleaved" else half / max(d // 2 - 1, 1))
    angles = torch.arange(maxlen, dtype=torch.float64)[:, None] / timescales
    parts = torch.stack([angles.sin(), angles.cos()], -1 if kind == "interleaved" else 1)
    return parts.reshape(maxlen, d).float()


def table(rows: int, d: int, init: str, std: float, generator: torch.Generator) -> Tensor:
    """Return [rows, d]: an embedding table; truncated at two standard deviations if so named."""
    values = torch.empty(rows, d)
    if init == "normal":
        return nn.init.normal_(values, std=std, generator=generator)
    return nn.init.trunc_normal_(values, std=std, a=-2 * std, b=2 * std, generator=generator)


def projection(d: int, bound: float | None, generator: torch.Generator) -> Tensor:
    """Return W [d, d]."""
    if bound is None:
        return nn.init.xavier_uniform_(torch.empty(d, d), generator=generator)
    return nn.init.uniform_(torch.empty(d, d), -bound, bound, generator=generator)
