"""Model + history + targets -> the expected rank of every target. The one place that masks and breaks ties.

Shapes: n targets, C rows scored at once, L window length, I items, S seen items in a chunk.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attrec_bench.contract import Factored, Scorer
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.training.batches import slices

CACHE = 1 << 19
"""Scores kept at once, so that counting finds them in the cache: 2 MiB of float32."""


@dataclass(frozen=True, eq=False)
class Queries:
    """What has to be ranked, on its device; built once, used in every epoch.

    users [n], windows [n, L], targets [n]; row r of a chunk has the seen items ``seen[bounds[r]:bounds[r+1]]``,
    PAD among them, the target itself never (a repeated item can still be found).
    """

    users: Tensor
    windows: Tensor
    targets: Tensor
    seen: Tensor
    seen_rows: Tensor
    bounds: NDArray[np.int64]
    n_items: int

    def __len__(self) -> int:
        """n."""
        return len(self.users)


def queries(history: Interactions, targets: Interactions, *, maxlen: int, device: torch.device) -> Queries:
    """History (grouped by user, in the order of time) and the target events -> Queries."""
    users, wanted = targets.users.astype(np.int64), targets.items.astype(np.int64)
    rows, seen = seen_items(history, users, wanted)
    ends = torch.from_numpy(history.offsets[users + 1])
    items = torch.from_numpy(np.append(history.items, PAD).astype(np.int64))
    windows = slices(items, ends, range(-maxlen, 0), torch.from_numpy(history.offsets[users]), ends)
    return Queries(
        users=torch.from_numpy(users).to(device),
        windows=windows.to(device),
        targets=torch.from_numpy(wanted).to(device),
        seen=torch.from_numpy(seen).to(device),
        seen_rows=torch.from_numpy(rows).to(device),
        bounds=np.searchsorted(rows, np.arange(len(users) + 1)).astype(np.int64),
        n_items=history.n_items,
    )


def seen_items(
    history: Interactions, users: NDArray[np.int64], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Query users [n] and targets [n] -> (rows [S], items [S]): what each row may not be compared with."""
    lengths = history.offsets[users + 1] - history.offsets[users]
    rows = np.repeat(np.arange(len(users)), lengths)
    starts = np.repeat(history.offsets[users] - np.append(0, np.cumsum(lengths)[:-1]), lengths)
    items = history.items[starts + np.arange(len(rows))]
    width = history.n_items + 1
    padding = np.arange(len(users)) * width + PAD
    keys = np.unique(np.concatenate([padding, rows * width + items]))
    keys = np.setdiff1d(keys, np.arange(len(users)) * width + wanted, assume_unique=True)
    return keys // width, keys % width


def scorer(model: Scorer) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the model's ``score``; a factored model's item side is computed once and not once a chunk."""
    if not isinstance(model, Factored):
        return model.score
    candidates = model.candidates().T.contiguous()
    return lambda users, windows: model.query(users, windows) @ candidates


def chunks(asked: Queries) -> Iterator[tuple[slice, Tensor, Tensor, Tensor, Tensor]]:
    """Yield (rows of the chunk, users [C], windows [C, L], seen rows within the chunk [S], seen items [S]).

    Every chunk has the same number of rows (the last one starts earlier and repeats some): a matrix product of
    another shape may round differently, and no rank may depend on where a user stands.
    """
    size = max(16, CACHE // (asked.n_items + 1))
    size = min(1 << (size.bit_length() - 1), 512)
    for start in range(0, len(asked), size):
        stop = min(start + size, len(asked))
        part = slice(max(0, stop - size), stop)
        seen = slice(int(asked.bounds[part.start]), int(asked.bounds[part.stop]))
        yield part, asked.users[part], asked.windows[part], asked.seen_rows[seen] - part.start, asked.seen[seen]


@torch.inference_mode()
def ranks(model: Scorer, asked: Queries, *, name: str = "the model") -> NDArray[np.float64]:
    """Return [n] float64: 1 + unseen items that score higher + half of those that score the same.

    Raises FloatingPointError naming the model if a score is NaN or infinite.
    """
    score = scorer(model)
    result = torch.empty(len(asked), dtype=torch.float64, device=asked.users.device)
    finite = torch.ones((), dtype=torch.bool, device=asked.users.device)
    for part, users, windows, rows, seen in chunks(asked):
        scores = score(users, windows)
        finite &= scores[:, PAD + 1 :].sum().isfinite()
        result[part] = expected_ranks(scores, asked.targets[part], rows, seen)
    if not bool(finite):
        raise FloatingPointError(f"{name} gave a score that is NaN or infinite")
    return result.cpu().numpy()


def expected_ranks(scores: Tensor, targets: Tensor, rows: Tensor, seen: Tensor) -> Tensor:
    """Scores [C, I+1], targets [C], seen pairs (rows [S], items [S]) -> expected rank [C].

    All columns are counted and what was seen is taken off again: much cheaper than masking a dense matrix.
    """
    own = scores.gather(1, targets[:, None])
    double = 2 * (scores > own).sum(1) + (scores == own).sum(1)
    seen_scores, seen_own = scores[rows, seen], own[rows, 0]
    off = 2 * (seen_scores > seen_own).long() + (seen_scores == seen_own).long()
    double.index_add_(0, rows, off, alpha=-1)
    return (double + 1).double() / 2
