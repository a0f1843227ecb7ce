"""The loss of models that say at every position which item comes next.

Shapes: n positions, D width, N negatives a position, I items; item 0 is padding.
"""

from torch import Tensor

from attrec_bench.data.interactions import PAD
from attrec_bench.kernels.cross_entropy import cross_entropy
from attrec_bench.kernels.pairs import pair_scores
from attrec_bench.training.losses import binary_cross_entropy, bpr_max, reduce, sampled_softmax

LOSSES = ("bce", "sampled_softmax", "softmax", "bpr_max")


def next_item_loss(
    name: str, states: Tensor, items: Tensor, targets: Tensor, negatives: Tensor, *, score_reg: float = 0
) -> Tensor:
    """States [n, D], items [I+1, D], targets [n], negatives [n, N] -> scalar: the mean over targets but padding.

    bce              of the target, plus the mean over its negatives
    sampled_softmax  cross-entropy of the target among itself and its negatives
    softmax          cross-entropy of the target among all items; no negatives
    bpr_max          of the target and its negatives, with ``score_reg``
    """
    real = targets != PAD
    if name == "softmax":
        return cross_entropy(states, items, targets[:, None]) / real.sum().clamp(min=1)
    positive = pair_scores(states, items, targets[:, None])
    negative = pair_scores(states, items, negatives)
    if name == "sampled_softmax":
        return reduce(sampled_softmax(positive, negative), real, "mean")
    if name == "bpr_max":
        return reduce(bpr_max(positive, negative, score_reg), real, "mean")
    won, lost = binary_cross_entropy(positive, negative)
    return reduce(won, real[:, None], "mean") + reduce(lost, real[:, None], "mean")
