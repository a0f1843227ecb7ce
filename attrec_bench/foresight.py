"""Whether a model that learns at every position of a window sees its own targets, which are the later items.

Shapes: L window length, I items.
"""

from dataclasses import replace

import torch
from torch import Tensor

from attrec_bench.contract import Batch, Learner


def foreseeing_position(model: Learner, windows: Tensor, negatives: Tensor, n_items: int) -> int | None:
    """Return a position whose loss depends on a later item of its window, or None.

    windows [3, L] are real items: a window, its targets, and what follows after a position instead; negatives [1, L].

    The loss is all that shows a position. With another target at t alone it changes by what the state at t makes of the
    two, so that this change must be the same whatever the window holds after t. That is so where the loss is a sum or a
    mean over positions and draws no random numbers in evaluation.
    """
    L = windows.shape[1]
    batch = Batch(windows.new_zeros(1), windows[:1], windows[1:2], negatives)
    for t in sorted({0, (L - 1) // 2, L - 2}):
        later = batch.windows.clone()
        later[:, t + 1 :] = windows[2:, t + 1 :]
        (one, size), (other, _) = (
            moved(model, replace(batch, windows=each), t, n_items) for each in (windows[:1], later)
        )
        if abs(one - other) > 1e-3 * max(abs(one), abs(other)) + 1e-5 * size:
            return t
    return None


def moved(model: Learner, batch: Batch, t: int, n_items: int) -> tuple[float, float]:
    """Return by how much the loss changes when the target at position t becomes the next item, and the loss's size."""
    targets = batch.targets.clone()
    targets[:, t] = targets[:, t] % n_items + 1
    with torch.no_grad():
        before, after = (float(model.loss(each)) for each in (batch, replace(batch, targets=targets)))
    return after - before, abs(before)
