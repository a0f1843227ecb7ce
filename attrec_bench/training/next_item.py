"""The loss of models that say at every position which item comes next, for the states of real positions only.

Shapes: n positions, D width, N negatives a position, I items; item 0 is padding.
"""

from torch import Tensor

from attrec_bench.kernels.cross_entropy import cross_entropy
from attrec_bench.kernels.pairs import pair_scores
from attrec_bench.training.losses import binary_cross_entropy, bpr_max, sampled_softmax

LOSSES = ("bce", "sampled_softmax", "softmax", "bpr_max")


def next_item_loss(
    name: str, states: Tensor, items: Tensor, targets: Tensor, negatives: Tensor, *, score_reg: float = 0
) -> Tensor:
    """States [n, D], items [I+1, D], targets [n], negatives [n, N] -> scalar: the mean over positions.

    bce              of the target, plus the mean over its negatives
    sampled_softmax  cross-entropy of the target among itself and its negatives
    softmax          cross-entropy of the target among all items; no negatives
    bpr_max          of the target and its negatives, with ``score_reg``
    """
    if name == "softmax":
        return cross_entropy(states, items, targets[:, None]) / len(targets)
    positive = pair_scores(states, items, targets[:, None])
    negative = pair_scores(states, items, negatives)
    if name == "sampled_softmax":
        return sampled_softmax(positive, negative).mean()
    if name == "bpr_max":
        return bpr_max(positive, negative, score_reg).mean()
    won, lost = binary_cross_entropy(positive, negative)
    return won.mean() + lost.mean()
