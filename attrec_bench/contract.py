"""What a model promises to the trainer and to the evaluation; nothing else is asked of it.

Shapes: B users, L window length (``maxlen``), T targets, N negatives, I items; item 0 is padding.
Facts that only the data know are handed to the constructor by keyword if it names them:
``n_users``, ``n_items`` and ``generator`` (a torch.Generator for its random numbers).
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from attrec_bench.data.interactions import Interactions


@dataclass(frozen=True, eq=False)
class Batch:
    """B windows with what came next and what did not.

    users     [B]     int64
    windows   [B, L]  int64, the last L items before the targets, PAD on the left
    targets   [B, T]  int64, the next T items; PAD where the user's events end
    negatives [B, N]  int64, N = T * negatives per target; aligned: negatives.view(B, T, -1)[:, t] belongs to target t

    A model that learns at every position of a window at once has T = L: its targets are the items after each position,
    and every training event but a user's first is a target once. A user with the events a b c d e f and L = 4 gives
    two windows (_ is PAD; a target is PAD where the window is)::

        windows   _ _ _ a      targets   _ _ _ b
                  b c d e                c d e f
    """

    users: Tensor
    windows: Tensor
    targets: Tensor
    negatives: Tensor


@runtime_checkable
class Scorer(Protocol):
    """Anything that can be evaluated."""

    maxlen: int
    """L: how many last items it reads; 0 when it reads none."""

    def score(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, L] (padded on the left) -> scores [B, I+1]; higher is better, column 0 is ignored."""


@runtime_checkable
class Factored(Scorer, Protocol):
    """A scorer whose score is a dot product, which lets the evaluation prepare the item side once.

    ``score(users, windows) == query(users, windows) @ candidates().T``
    """

    def query(self, users: Tensor, windows: Tensor) -> Tensor:
        """Users [B], windows [B, L] -> [B, D]."""

    def candidates(self) -> Tensor:
        """Return [I+1, D]."""


@runtime_checkable
class Learner(Scorer, Protocol):
    """A scorer that learns by gradient: an nn.Module. One whose loss reads no negatives says uses_negatives = False.

    One that learns at every position of a window says every_position = True and has T = maxlen (see ``Batch``).
    One whose loss does the same with any batch of a size, and keeps and draws nothing in Python, may say
    capturable = True: on a card its step is then recorded once, as a CUDA graph, which is several times faster.
    A learner may also be a Counter: it is then handed the training events once before it learns.
    """

    T: int
    """How many next items are targets of one window."""

    def loss(self, batch: Batch) -> Tensor:
        """Batch -> scalar to be minimised."""


@runtime_checkable
class Counter(Scorer, Protocol):
    """A scorer that reads the training events once and needs no gradient."""

    def fit(self, train: Interactions) -> None:
        """Learn from the training events, grouped by user and in the order of time."""


@runtime_checkable
class Constrained(Protocol):
    """A learner whose parameters must obey a constraint, such as row norms of at most 1."""

    def constrain(self) -> None:
        """Bring the parameters back into their set; called without gradient after every step."""
