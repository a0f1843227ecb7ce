"""Random: a random order of the items for every user. What chance gives."""

import torch
from torch import Tensor, nn

BITS = 31


class Random(nn.Module):
    """score(u, i) = a hash of (key, u, i), so that neither the batch nor the order of users changes a score."""

    maxlen = 0
    key: Tensor

    def __init__(self, n_items: int, generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("key", torch.randint(1 << BITS, (), generator=generator))
        self.n_items = n_items

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, 0] -> [B, I+1], uniform in [0, 1)."""
        items = torch.arange(self.n_items + 1, device=users.device)
        mixed = mix(mix(users + self.key)[:, None] + items)
        return mixed.double() / (1 << BITS)


def mix(values: Tensor) -> Tensor:
    """Whole numbers -> whole numbers in [0, 2^31) that look random.

    Multiply and xor-shift rounds in the manner of C. Wellons' lowbias32, cut to 31 bits so that int64 never overflows.
    """
    values = values & ((1 << BITS) - 1)
    for factor in (0x2C1B3C6D, 0x297A2D39):
        values = ((values ^ (values >> 15)) * factor) & ((1 << BITS) - 1)
    return values ^ (values >> 15)
