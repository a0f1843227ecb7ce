"""Split -> Batch: windows, their targets and drawn negatives. The only place that samples.

Windows are never materialised: a batch is gathered from one flat array of items, grouped by user.
Shapes: E training events, U users, I items, B windows in a batch, L window length, T targets, N negatives.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attrec_bench.contract import Batch
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.errors import InputError, require_bool, require_choice, require_whole
from attrec_bench.kernels.gathering import seen_before, slices

WINDOWS = ("full", "padded", "sequences")
NEGATIVES = ("unseen", "all_but_targets", "all")
DRAWN_BY = ("window", "user")
CHUNK = 1 << 16
"""Windows for which negatives that are kept are drawn at a time."""
ON_CARD = 1 << 14
"""Windows gathered at a time on a card, where a batch by itself costs more to launch than to gather."""


def derived_seed(seed: int, purpose: str, number: int = 0) -> int:
    """(seed, purpose, number) -> a seed of its own, so that no two uses of randomness share a stream."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, purpose: str, number: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a torch generator for one purpose; nothing in the suite draws from the global state."""
    return torch.Generator(device).manual_seed(derived_seed(seed, purpose, number))


def positions(train: Interactions, *, maxlen: int, T: int, windows: str) -> NDArray[np.int32]:
    """Return [n] int32: for every training window the index of the event right after it.

    One user with the events a b c d e f, L = 2, T = 2 (window | targets, _ is padding)::

        full      a b | c d     b c | d e     c d | e f          (only whole windows; a short user gives one padded one)
        padded    _ a | b c     a b | c d     b c | d e     c d | e f     d e | f _
        sequences _ a | _ b     b c | c d     d e | e f                  (cut from the end; see ``Batch``)

    A model that reads no window (L = 0) has every event as a target.
    """
    require_choice("train.windows", windows, WINDOWS)
    starts, lengths = train.offsets[:-1], np.diff(train.offsets)
    if windows == "sequences":
        return pieces(starts, lengths, maxlen)
    begin = np.full(len(lengths), int(maxlen > 0))
    stop = lengths.copy()
    if windows == "full" and maxlen > 0:
        stop = np.maximum(lengths - T, begin) + 1
        begin = np.maximum(begin, np.minimum(maxlen, stop - 1))
    counts = np.maximum(np.minimum(stop, lengths) - begin, 0)
    # The n-th window of a user starts at ``begin`` plus n: one running number less what stood before the user.
    before = np.cumsum(counts) - counts
    found: NDArray[np.int32] = np.repeat((starts + begin - before).astype(np.int32), counts)
    found += np.arange(len(found), dtype=np.int32)
    return found


def never_targets(train: Interactions, *, maxlen: int, T: int, windows: str) -> float:
    """Return the share of the training events after a user's first that no window has as a target.

    Only ``full`` leaves out any: those that fill a user's first window, and of a user with fewer than L + T events all
    but the last T. A model that reads no window has every event as a target.
    """
    if windows != "full" or maxlen == 0:
        return 0.0
    firsts = positions(train, maxlen=maxlen, T=T, windows=windows)
    ends = train.offsets[train.users[firsts] + 1]
    is_target = np.zeros(len(train), dtype=bool)
    for t in range(T):
        is_target[(firsts + t)[firsts + t < ends]] = True
    later = len(train) - np.count_nonzero(np.diff(train.offsets))
    return 1 - float(np.count_nonzero(is_target)) / later


def pieces(starts: NDArray[np.int64], lengths: NDArray[np.int64], maxlen: int) -> NDArray[np.int32]:
    """Starts and lengths [U] of the users' events -> [n] int32: the last target of each piece of at most maxlen."""
    counts = np.maximum(-(-(lengths - 1) // maxlen), 0)
    nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    found: NDArray[np.int32] = (np.repeat(starts + lengths - 1, counts) - nth * maxlen).astype(np.int32)
    return found


@dataclass(frozen=True, eq=False)
class Unseen:
    """Draws uniformly among the items a user has not met in training, exactly and without rejection.

    The k-th unseen item of a user is k plus the number of seen items before it. ``gaps`` holds, for each seen
    item, how many unseen ones stand before it (offset by user), so that number is one binary search:
    no loop whose length depends on the data, which a GPU would have to wait for.
    """

    gaps: Tensor
    """[S] int64, ascending: user * (I+1) + unseen items before the seen item."""
    starts: Tensor
    """[U+1] int64: where each user's seen items start in ``gaps``."""
    counts: Tensor
    """[U] int64: unseen items of each user."""
    n_items: int

    @classmethod
    def of(cls, train: Interactions, device: torch.device) -> "Unseen":
        """Build the table from training events; a user who has met every item is an error."""
        width = train.n_items + 1
        seen = np.sort(train.users.astype(np.int64) * width + train.items)
        seen = seen[np.append(True, seen[1:] != seen[:-1])]  # each pair once
        users = seen // width
        starts = np.searchsorted(users, np.arange(train.n_users + 1))
        counts = train.n_items - np.diff(starts)
        if len(seen) and counts.min() < 1:
            who = train.user_ids[int(counts.argmin())]
            raise InputError(f"user {who} has met all {train.n_items} items: no unseen negative can be drawn")
        before = seen % width - 1 - (np.arange(len(seen)) - starts[users])
        gaps = torch.from_numpy(users * width + before).to(device)
        return cls(gaps, torch.from_numpy(starts).to(device), torch.from_numpy(counts).to(device), train.n_items)

    def draw(self, users: Tensor, n: int, random: torch.Generator) -> Tensor:
        """Users [B] -> items [B, n]."""
        uniform = torch.rand(len(users), n, dtype=torch.float64, device=users.device, generator=random)
        k = (uniform * self.counts.index_select(0, users)[:, None]).long()
        keys = k + users[:, None] * (self.n_items + 1)
        return k.add_(seen_before(self.gaps, self.starts, keys, users)).add_(1)


def all_but_targets(targets: Tensor, n: int, n_items: int, random: torch.Generator) -> Tensor:
    """Targets [B, T] -> items [B, n], uniform over all items but the row's targets (AttRec paper: T- is I minus T+)."""
    ordered = targets.sort(dim=1).values
    new = ordered != PAD
    new[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    free = n_items - new.sum(1, keepdim=True)
    uniform = torch.rand(len(targets), n, dtype=torch.float64, device=targets.device, generator=random)
    drawn = (uniform * free).long() + 1
    for t in range(targets.shape[1]):
        # Ascending order makes one pass enough: each target at or below the drawn item moves it up by one.
        drawn += (drawn >= ordered[:, t : t + 1]) & new[:, t : t + 1]
    return drawn


@dataclass(frozen=True, eq=False)
class Batches:
    """The training events of a split on their device, cut into batches anew in every epoch."""

    items: Tensor
    """[E] int32, grouped by user, in the order of time."""
    users: Tensor
    """[E] int32."""
    offsets: Tensor
    """[U+1] int64."""
    firsts: Tensor
    """[n] int32: the event right after every window (see ``positions``)."""
    unseen: Unseen | None
    n_items: int
    maxlen: int
    T: int
    sequences: bool
    batch_size: int
    negatives: int
    negatives_from: str
    negatives_redrawn: bool
    drop_last: bool
    drawn_by: str
    seed: int

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.firsts), self.batch_size)
        return whole if self.drop_last and whole else whole + (rest > 0)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of one epoch in a random order; (seed, number) alone decides what is drawn."""
        random = generator(self.seed, "negatives", number, self.items.device)
        order = self.order(number)[: len(self) * self.batch_size]
        for windows in torch.split(order, self.batch_size * self.together):
            several = self.gather(self.firsts.index_select(0, windows).long())
            kept = None if self.kept is None else self.kept.index_select(0, windows).long()
            drawn = self.draw(several.users, several.targets, random) if kept is None else kept
            yield from cut(replace(several, negatives=drawn), self.batch_size)

    def order(self, number: int) -> Tensor:
        """Return [n] int64: the windows of an epoch, each once, or of users drawn with equal chances each time."""
        n, device = len(self.firsts), self.firsts.device
        random = generator(self.seed, "order", number, device)
        if self.drawn_by == "window":
            return torch.randperm(n, generator=random, device=device)
        starts, counts = self.of_users
        user = torch.randint(len(starts), (n,), generator=random, device=device)
        uniform = torch.rand(n, dtype=torch.float64, generator=random, device=device)
        return starts.index_select(0, user) + (uniform * counts.index_select(0, user)).long()

    @cached_property
    def of_users(self) -> tuple[Tensor, Tensor]:
        """Where the windows of each user who has some start, and how many they are: int64 twice."""
        users = self.users.index_select(0, self.firsts.long())
        _, counts = torch.unique_consecutive(users, return_counts=True)
        return counts.cumsum(0) - counts, counts

    @property
    def together(self) -> int:
        """Batches that are gathered at a time; on a CPU one by one, while they lie in the cache."""
        return 1 if self.items.device.type == "cpu" else max(1, ON_CARD // self.batch_size)

    @cached_property
    def kept(self) -> Tensor | None:
        """[n, T * negatives] int32: the negatives that each window keeps in all epochs; None where they are redrawn."""
        if self.negatives_redrawn or not self.negatives:
            return None
        random = generator(self.seed, "negatives", 0, self.items.device)
        parts = (self.firsts[start : start + CHUNK] for start in range(0, len(self.firsts), CHUNK))
        gathered = (self.gather(firsts.long()) for firsts in parts)
        return torch.cat([self.draw(each.users, each.targets, random).int() for each in gathered])

    def gather(self, firsts: Tensor) -> Batch:
        """Events right after the windows [B] -> Batch without negatives."""
        # index_select: twice as fast as indexing with brackets
        users = self.users.index_select(0, firsts).long()
        starts, ends = self.offsets.index_select(0, users), self.offsets.index_select(0, users + 1)
        if self.sequences:
            # The item after each position; a user's first event stands after none, so padding faces padding.
            targets = slices(self.items, firsts, range(1 - self.T, 1), starts + 1, ends)
        else:
            targets = slices(self.items, firsts, range(self.T), starts, ends)
        windows = slices(self.items, firsts, range(-self.maxlen, 0), starts, ends)
        return Batch(users, windows, targets, targets.new_empty(len(targets), 0))

    def draw(self, users: Tensor, targets: Tensor, random: torch.Generator) -> Tensor:
        """Users [B], targets [B, T] -> negatives [B, T * negatives]."""
        n = self.T * self.negatives
        if n == 0:
            return targets.new_empty(len(targets), 0)
        if self.unseen is not None:
            return self.unseen.draw(users, n, random)
        if self.negatives_from == "all_but_targets":
            return all_but_targets(targets, n, self.n_items, random)
        return torch.randint(1, self.n_items + 1, (len(users), n), device=users.device, generator=random)


def cut(batch: Batch, size: int) -> Iterator[Batch]:
    """Batch of B rows -> batches of ``size`` rows, the last with what is left."""
    parts = (torch.split(getattr(batch, field.name), size) for field in fields(batch))
    return (Batch(*part) for part in zip(*parts, strict=True))


def batches(
    train: Interactions,
    *,
    maxlen: int,
    T: int,
    windows: str,
    batch_size: int,
    negatives: int,
    negatives_from: str,
    negatives_redrawn: bool,
    drop_last: bool,
    drawn_by: str,
    seed: int,
    device: torch.device,
) -> Batches:
    """Training events, grouped by user in the order of time -> Batches on ``device``."""
    require_whole("train.batch_size", batch_size, 1)
    require_whole("train.negatives", negatives, 0)
    require_bool("train.drop_last", drop_last)
    require_bool("train.negatives_redrawn", negatives_redrawn)
    require_choice("train.negatives_from", negatives_from, NEGATIVES)
    require_choice("train.drawn_by", drawn_by, DRAWN_BY)
    if windows == "sequences" and not T == maxlen >= 1:
        raise InputError(f"train.windows=sequences needs T = maxlen of at least 1, got T={T} and maxlen={maxlen}")
    firsts = positions(train, maxlen=maxlen, T=T, windows=windows)
    if not len(firsts):
        raise InputError(f"no user has the {1 + (maxlen > 0)} training events that one window needs")
    return Batches(
        items=torch.from_numpy(train.items.copy()).to(device),
        users=torch.from_numpy(train.users.copy()).to(device),
        offsets=torch.from_numpy(train.offsets.copy()).to(device),
        firsts=torch.from_numpy(firsts).to(device),
        unseen=Unseen.of(train, device) if negatives and negatives_from == "unseen" else None,
        n_items=train.n_items,
        maxlen=maxlen,
        T=T,
        sequences=windows == "sequences",
        batch_size=batch_size,
        negatives=negatives,
        negatives_from=negatives_from,
        negatives_redrawn=negatives_redrawn,
        drop_last=drop_last,
        drawn_by=drawn_by,
        seed=seed,
    )
