"""Model + history + targets + the protocol's list -> the rank of every target.

What is ranked is a choice, and so is what a tie counts for. The plain choice (all unseen items, expected ranks, one
target a user) is ranks.py's, which is fast; this module knows the others: several targets a user, sampled candidates,
optimistic and pessimistic ties.

Shapes: n targets, R rows (a user each), C rows scored at once, I items, N drawn candidates, M most targets of a row.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attrec_bench.contract import Scorer
from attrec_bench.data.interactions import PAD, Interactions, Ints
from attrec_bench.errors import InputError, require_bool, require_choice, require_whole
from attrec_bench.evaluation.metrics import Ranks
from attrec_bench.evaluation.ranks import Queries, look, queries, ranks, scored
from attrec_bench.kernels.standing import standings
from attrec_bench.training.batches import derived_seed

TIES = ("expected", "optimistic", "pessimistic")
DRAWN_AT_ONCE = 1 << 22
"""Random keys kept at once: 32 MiB."""


def sampled(candidates: str) -> tuple[str, int] | None:
    """``popularity-100`` -> ("popularity", 100); ``full`` -> None; anything else is an InputError."""
    if candidates == "full":
        return None
    match = re.fullmatch(r"(uniform|popularity)-([1-9]\d*)", str(candidates))
    if match is None:
        raise InputError(f"protocol.candidates must be full, uniform-N or popularity-N, got {candidates!r}")
    return match[1], int(match[2])


@dataclass(frozen=True)
class Ranking:
    """What a target is ranked among, and what a tie counts for.

    candidates  full: every item the user has not seen; uniform-N, popularity-N: N of them drawn for each user
    seed        of the draw
    ties        expected: the middle of the items that score the same; optimistic: before them; pessimistic: after them
    masked      False: seen items are candidates too
    """

    candidates: str
    seed: int
    ties: str
    masked: bool = True

    def __post_init__(self) -> None:
        """Check at birth; InputError names the key of the protocol."""
        sampled(self.candidates)
        require_whole("protocol.candidates_seed", self.seed, 0)
        require_choice("protocol.ties", self.ties, TIES)
        require_bool("masked", self.masked)


PLAIN = Ranking(candidates="full", seed=0, ties="expected")


@dataclass(frozen=True, eq=False)
class Lists:
    """What has to be ranked; built once, used in every epoch.

    users [n] and items [n] are the targets, ascending by user; an item that is twice among a user's targets is one.
    ``asked`` has one row a user; target m belongs to row ``rows[m]``. ``drawn`` [R, N + M] holds the candidates of each
    row and its targets, padded with PAD; None where every unseen item is a candidate.
    """

    users: Ints
    items: Ints
    rows: Tensor
    asked: Queries
    drawn: Tensor | None
    ranking: Ranking

    @property
    def plain(self) -> bool:
        """Whether ranks.py can do it."""
        return self.drawn is None and self.ranking.ties == "expected" and len(self.asked) == len(self.users)


def lists(
    history: Interactions, targets: Interactions, ranking: Ranking, *, maxlen: int, device: torch.device, purpose: str
) -> Lists:
    """History (grouped by user, in the order of time), target events (grouped by user) -> Lists on ``device``.

    A user's targets do not stand in each other's windows: all are asked for after the same history. ``purpose``
    ("valid", "test") keeps the candidates of one part apart from those of another.
    """
    distinct = targets.take(first_of_each(targets.users, targets.items))
    starts = np.flatnonzero(np.append(True, distinct.users[1:] != distinct.users[:-1])[: len(distinct)])
    rows = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(distinct))))
    asked = queries(history, distinct.take(starts), maxlen=maxlen, device=device)
    if len(starts) < len(distinct) or not ranking.masked:
        asked = with_seen(asked, history, distinct, rows, masked=ranking.masked)
    drawn = candidates(history, distinct, starts, ranking, purpose)
    return Lists(
        users=distinct.users,
        items=distinct.items,
        rows=torch.from_numpy(rows).to(device),
        asked=asked,
        drawn=None if drawn is None else torch.from_numpy(drawn).to(device),
        ranking=ranking,
    )


def first_of_each(users: Ints, items: Ints) -> NDArray[np.intp]:
    """Return the places of the first event of each (user, item), in their order."""
    keys = users.astype(np.int64) * (int(items.max(initial=0)) + 1) + items
    return np.sort(np.unique(keys, return_index=True)[1])


def with_seen(
    asked: Queries, history: Interactions, targets: Interactions, rows: NDArray[np.intp], *, masked: bool
) -> Queries:
    """Return the queries with what a row has seen less all its targets, which can still be found; or with nothing."""
    width = history.n_items + 1
    row_of = np.full(history.n_users, -1)
    row_of[targets.users] = rows
    mine = row_of[history.users]
    keys = np.unique((mine * width + history.items)[(mine >= 0) & masked])
    keys = np.setdiff1d(keys, rows * width + targets.items, assume_unique=True)
    device = asked.users.device
    return replace(
        asked,
        seen=torch.from_numpy((keys % width).astype(np.int32)).to(device),
        seen_rows=torch.from_numpy((keys // width).astype(np.int32)).to(device),
        bounds=np.searchsorted(keys // width, np.arange(len(asked) + 1)).astype(np.int64),
    )


def candidates(
    history: Interactions, targets: Interactions, starts: NDArray[np.intp], ranking: Ranking, purpose: str
) -> NDArray[np.int64] | None:
    """Return [R, N + M]: N items drawn for each user among those that are neither seen nor targets, then the targets.

    Without replacement, uniformly or in proportion to the events of the history: the N smallest of I exponential
    variables with these rates. InputError names a user who has too few items to draw from.
    """
    choice = sampled(ranking.candidates)
    if choice is None:
        return None
    kind, n = choice
    rates = np.ones(history.n_items + 1)
    if kind == "popularity":
        rates = np.bincount(history.items, minlength=history.n_items + 1).astype(np.float64)
    rates[PAD] = 0
    random = np.random.default_rng(derived_seed(ranking.seed, f"candidates of {purpose}"))
    ends = np.append(starts, len(targets))[1:]
    most = int((ends - starts).max(initial=0))
    drawn = np.zeros((len(starts), n + most), dtype=np.int64)
    step = max(1, DRAWN_AT_ONCE // len(rates))
    for first in range(0, len(starts), step):
        keys = random.exponential(size=(min(step, len(starts) - first), len(rates)))
        with np.errstate(divide="ignore", invalid="ignore"):
            keys /= rates
        for r, row in enumerate(keys, start=first):
            user, wanted = targets.users[starts[r]], targets.items[starts[r] : ends[r]]
            if ranking.masked:
                row[history.items[history.offsets[user] : history.offsets[user + 1]]] = np.inf
            row[wanted] = np.inf
            if (there := int(np.isfinite(row).sum())) < n:
                name = history.user_ids[user]
                raise InputError(f"protocol.candidates={ranking.candidates} must leave user {name} {n}, got {there}")
            drawn[r, :n] = np.argpartition(row, n - 1)[:n]
            drawn[r, n : n + len(wanted)] = wanted
    return drawn


def ranks_in(model: Scorer, asked: Lists, *, name: str = "the model", looked: bool = False) -> Ranks:
    """Return [n] float64, at least 1: the rank of each target in its user's list, in which the other targets stand too.

    Raises FloatingPointError naming the model if a score is NaN or infinite, InputError as in ``look`` of ranks.py
    unless this model has been looked at.
    """
    if asked.plain:
        return ranks(model, asked.asked, name=name, looked=looked)
    above, equal = counted(model, asked, name, looked=looked)
    return places(asked.users, above, equal, asked.ranking.ties)


@torch.inference_mode()
def counted(model: Scorer, asked: Lists, name: str, *, looked: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many items of its list score higher than each target [n], and how many others the same [n]."""
    if not looked:
        look(model, asked.asked)
    device = asked.rows.device
    above, equal = (torch.zeros(len(asked.users), dtype=torch.int64, device=device) for _ in range(2))
    bounds = np.searchsorted(asked.rows.cpu().numpy(), np.arange(len(asked.asked) + 1))
    items = torch.from_numpy(asked.items.astype(np.int64)).to(device)
    for rows, scores in scored(model, asked.asked):
        if not bool(scores[:, 1:].isfinite().all()):
            raise FloatingPointError(f"{name} gave a score that is NaN or infinite")
        mine = slice(int(bounds[rows.start]), int(bounds[rows.stop]))
        own, wanted = asked.rows[mine] - rows.start, items[mine]
        if asked.drawn is None:
            seen = slice(int(asked.asked.bounds[rows.start]), int(asked.asked.bounds[rows.stop]))
            seen_rows = asked.asked.seen_rows[seen] - rows.start
            above[mine], equal[mine] = standings(scores, own, wanted, seen_rows, asked.asked.seen[seen])
        else:
            listed = asked.drawn[rows]
            among = scores.gather(1, listed).masked_fill(listed == PAD, -torch.inf)[own]
            score = scores[own, wanted][:, None]
            above[mine], equal[mine] = (among > score).sum(1), (among == score).sum(1) - 1
    return above.cpu().numpy(), equal.cpu().numpy()


def places(users: Ints, above: NDArray[np.int64], equal: NDArray[np.int64], ties: str) -> Ranks:
    """Users [n] ascending, counts [n] -> ranks [n].

    Of e + 1 items that score the same, s are targets of the same user. The j-th of these stands, in a random order, at
    the expected place j (e + 2) / (s + 1); at best at j and at worst at e + 1 - s + j. One target alone: the middle.
    Targets of one user score the same where the same number stands above them.
    """
    order = np.lexsort((above, users))
    new = np.append(True, (np.diff(users[order]) != 0) | (np.diff(above[order]) != 0))[: len(users)]
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, len(users)))
    j, s, e = np.arange(len(users)) - np.repeat(starts, sizes) + 1, np.repeat(sizes, sizes), equal[order]
    among = {"expected": j * (e + 2) / (s + 1), "optimistic": j, "pessimistic": e + 1 - s + j}[ties]
    result = np.empty(len(users))
    result[order] = above[order] + among
    return result
