"""Model + history + targets -> the expected rank of every target. The one place that masks and breaks ties.

Shapes: n targets, C rows scored at once, L window length, I items, S seen items in a chunk.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attrec_bench.contract import Factored, Scorer
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.evaluation.metrics import Ranks
from attrec_bench.kernels.counting import expected_ranks
from attrec_bench.kernels.gathering import slices
from attrec_bench.promises import require_scores

CACHE = 1 << 19
"""Scores kept at once, so that counting finds them in the cache: 2 MiB of float32."""

BLOCK = 4096
"""Users whose side of a factored model is computed at once."""


@dataclass(frozen=True, eq=False)
class Queries:
    """What has to be ranked, on its device; built once, used in every epoch.

    users [n], windows [n, L], targets [n] int64; row r has the seen items ``seen[bounds[r]:bounds[r+1]]`` (int32),
    the target itself never among them (a repeated item can still be found).
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
    items = torch.from_numpy(np.append(history.items, np.int32(PAD)))
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
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Query users [n] and targets [n] -> (rows [S], items [S]): what each row may not be compared with."""
    lengths = history.offsets[users + 1] - history.offsets[users]
    rows = np.repeat(np.arange(len(users), dtype=np.int32), lengths)
    starts = history.offsets[users] - np.append(0, np.cumsum(lengths)[:-1])
    items = history.items[np.arange(len(rows)) + np.repeat(starts, lengths)]
    width = history.n_items + 1
    keys = (rows.astype(np.int64) * width + items)[items != wanted[rows]]
    keys.sort()
    keys = keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys  # each pair once
    return (keys // width).astype(np.int32), (keys % width).astype(np.int32)


def parts(n: int, size: int) -> Iterator[slice]:
    """Yield slices that cover 0..n-1, all of the same size: the last one starts earlier and repeats some rows.

    A matrix product of another shape may round differently, and no rank may depend on where a user stands.
    """
    size = min(size, n)
    for start in range(0, n, max(size, 1)):
        stop = min(start + size, n)
        yield slice(stop - size, stop)


def chunk_size(n_items: int) -> int:
    """Return how many rows of scores are kept at once: a power of two from 16 to 512."""
    fitting = max(16, CACHE // (n_items + 1))
    return min(1 << (fitting.bit_length() - 1), 512)


def block_size(n: int, size: int) -> int:
    """Return how many of n rows make a block: whole chunks, and blocks so even that hardly a row is done twice."""
    blocks = -(-n // BLOCK)
    return -(-n // (blocks * size)) * size if n > size else n


def scored(model: Scorer, asked: Queries) -> Iterator[tuple[slice, Tensor]]:
    """Yield (rows, their scores [C, I+1]), chunk by chunk; the next chunk may overwrite the scores of the last.

    A factored model's item side is computed once, and its user side for many chunks at a time.
    """
    size = chunk_size(asked.n_items)
    if not isinstance(model, Factored):
        for rows in parts(len(asked), size):
            yield rows, model.score(asked.users[rows], asked.windows[rows])
        return
    candidates = model.candidates().T.contiguous()
    kept = candidates.new_empty(min(size, len(asked)), candidates.shape[1])  # one piece of memory that stays cached
    for block in parts(len(asked), block_size(len(asked), size)):
        known = model.query(asked.users[block], asked.windows[block])
        for part in parts(len(known), size):
            yield slice(block.start + part.start, block.start + part.stop), torch.mm(known[part], candidates, out=kept)


def look(model: Scorer, asked: Queries) -> None:
    """Look at the scores of three rows: InputError where they are not such as the contract asks for."""
    if len(asked):
        few = torch.tensor(sorted({0, len(asked) // 2, len(asked) - 1}), device=asked.users.device)
        require_scores(model, asked.users[few], asked.windows[few], asked.n_items)


@torch.inference_mode()
def ranks(model: Scorer, asked: Queries, *, name: str = "the model", looked: bool = False) -> Ranks:
    """Return [n] float64: 1 + unseen items that score higher + half of those that score the same.

    Raises FloatingPointError naming the model if a score is NaN or infinite; InputError as in ``look``,
    unless this model has been looked at.
    """
    if not looked:
        look(model, asked)
    device = asked.users.device
    result = torch.empty(len(asked), dtype=torch.float64, device=device)
    finite = torch.ones((), dtype=torch.bool, device=device)
    for rows, scores in scored(model, asked):
        seen = slice(int(asked.bounds[rows.start]), int(asked.bounds[rows.stop]))
        result[rows], fine = expected_ranks(
            scores, asked.targets[rows], asked.seen_rows[seen] - rows.start, asked.seen[seen]
        )
        finite &= fine
    if not bool(finite):
        raise FloatingPointError(f"{name} gave a score that is NaN or infinite")
    return result.cpu().numpy()
