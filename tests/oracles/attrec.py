"""AttRec in float64 NumPy, one sample at a time, from the equations alone: the judge of the torch code.

Sources: Zhang et al. 2018, arXiv 1808.06414 (``PAPER``), the author's own code in the DeepRec project (``AUTHOR``) and
the TensorFlow 2 class this project started from (``tf2(mode)``). Numbers in brackets are the paper's steps:
(1) window, (2) query and key, (3) time signal, (4) attention, (5) mean, (6) distance, (7) loss.

Shapes: B samples, L window length, T targets, N negatives, I items, d width; item 0 is padding.
Params: U [n_users, d], V [I+1, d] long term, X [I+1, d] short term, W [d, d]. Whatever row 0 of V and X
holds, padding counts as a zero vector that is no parameter: it is not penalised and its gradient is 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

PAD = 0

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Params = dict[str, Floats]
Mode = Literal["dist", "inner"]


def interleaved(L: int, d: int) -> Floats:
    """Time signal (3), [L, d]: TE(t, 2i) = sin(t / 10000^(2i/d)), TE(t, 2i+1) = cos(t / 10000^(2i/d))."""
    column = np.arange(d)
    angles = np.outer(np.arange(L), 1 / 10000 ** (2 * (column // 2) / d))
    return np.asarray(np.where(column % 2 == 0, np.sin(angles), np.cos(angles)))


def halves(L: int, d: int) -> Floats:
    """Time signal of the author's code, [L, d]: d/2 sines, then d/2 cosines, timescales from 1 to 1e4; d is even."""
    angles = np.outer(np.arange(L), 1 / np.geomspace(1, 1e4, d // 2))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


@dataclass(frozen=True)
class Variant:
    """One reading of AttRec: where the sources differ."""

    mode: Mode
    signal: Callable[[int, int], Floats]
    diagonal: Literal["before_softmax", "after_softmax", "kept"]  # where it is removed
    padded_rows: bool  # whether the query rows of padding count in the mean
    clip: bool  # whether the compared rows of U, V and X are clipped to norm 1; the window's rows never are
    pairs: Literal["all", "aligned"]
    l2_factor: float


PAPER = Variant("dist", interleaved, "before_softmax", padded_rows=False, clip=False, pairs="all", l2_factor=1.0)
AUTHOR = Variant("dist", halves, "after_softmax", padded_rows=False, clip=False, pairs="aligned", l2_factor=0.5)


def tf2(mode: Mode) -> Variant:
    """Return the TensorFlow 2 class; only ``dist`` clips."""
    return Variant(mode, interleaved, "kept", padded_rows=True, clip=mode == "dist", pairs="aligned", l2_factor=1.0)


class Setting(TypedDict):
    """The keywords of ``loss`` and ``gradients``; the paper's lambda is both l2's, TF2's embed_reg l2_tables alone."""

    variant: Variant
    w: float
    gamma: float
    l2_tables: float
    l2_W: float


@dataclass(frozen=True, eq=False)
class Attention:
    """What one window became; everything that the way back needs."""

    values: Floats  # [L, d] the rows of X, 0 for padding
    inputs: Floats  # [L, d] values + time signal
    projected: Floats  # [L, d] ReLU(inputs W), query and key at once
    softmax: Floats  # [L, L] each query's weights over the keys
    kept: Floats  # [L, L] 0 where the diagonal is zeroed after the softmax, else 1
    share: Floats  # [L] of each row in m; all 0 if nothing counts
    m: Floats  # [d] what the user wants now


def visible_keys(real: Mask, variant: Variant) -> Mask:
    """Real rows [L] -> [L, L], True where query q may look at key k: at real keys, in the paper at others only."""
    visible = np.tile(real, (len(real), 1))
    if variant.diagonal == "before_softmax" and real.sum() > 1:  # the paper is silent: an only item sees itself
        np.fill_diagonal(visible, False)
    return visible


def softmax_rows(logits: Floats, visible: Mask) -> Floats:
    """[L, L] -> [L, L]: each row's visible entries sum to 1, the others are 0; a row that sees nothing is 0."""
    weights = np.zeros_like(logits)
    for q, keys in enumerate(visible):
        if keys.any():
            e = np.exp(logits[q, keys] - logits[q, keys].max())
            weights[q, keys] = e / e.sum()
    return weights


def attend(params: Params, window: Ints, variant: Variant) -> Attention:
    """Equations (1) to (5): window [L] -> m [d] and the steps to it; an empty window gives m = 0."""
    L, d = len(window), len(params["W"])
    real = window != PAD
    values = np.where(real[:, None], params["X"][window], 0.0)
    inputs = values + variant.signal(L, d)
    projected = np.maximum(inputs @ params["W"], 0.0)
    softmax = softmax_rows(projected @ projected.T / np.sqrt(d), visible_keys(real, variant))
    kept = 1.0 - np.eye(L) if variant.diagonal == "after_softmax" else np.ones((L, L))
    counted = real | variant.padded_rows
    share = counted / max(counted.sum(), 1)
    return Attention(values, inputs, projected, softmax, kept, share, m=share @ (softmax * kept) @ values)


def attend_backward(grads: Params, params: Params, window: Ints, a: Attention, dm: Floats) -> None:
    """Add to ``grads`` of X and W what dm = d loss / d m [d] sends back through (5) to (1)."""
    dA = np.outer(a.share, dm)
    dS = dA @ a.values.T * a.kept
    dZ = a.softmax * (dS - (dS * a.softmax).sum(axis=1, keepdims=True))  # d s_k / d z_l = s_k (1[k = l] - s_l)
    # Z = P P^T / sqrt(d): every row of P is a query and a key
    dhidden = (dZ + dZ.T) @ a.projected / np.sqrt(len(dm)) * (a.projected > 0)
    grads["W"] += a.inputs.T @ dhidden
    dX = (a.softmax * a.kept).T @ dA + dhidden @ params["W"].T
    for item, row in zip(window, dX, strict=True):
        grads["X"][item] += row if item != PAD else 0.0


def clip(row: Floats) -> tuple[Floats, Floats]:
    """[d] -> the row, cut to norm 1 if longer, and its Jacobian [d, d]: (1 - n n^T) / |row| at n = row / |row|."""
    norm = np.linalg.norm(row)
    if norm <= 1:
        return row, np.eye(len(row))
    n = row / norm
    return n, (np.eye(len(row)) - np.outer(n, n)) / norm


def score(params: Params, user: int, item: int, m: Floats, *, variant: Variant, w: float) -> tuple[float, Params]:
    """Score of an item, and its slopes [d] in the user's row of U, the item's rows of V and X, and m.

    dist: -y of (6), -(w |u - v|^2 + (1-w) |m - x|^2); inner: w u.v + (1-w) m.x; u, v, x clipped if the variant clips.
    """
    rows = params["U"][user], params["V"][item], params["X"][item]
    (u, Ju), (v, Jv), (x, Jx) = (clip(row) if variant.clip else (row, np.eye(len(row))) for row in rows)
    if variant.mode == "inner":
        value = w * (u @ v) + (1 - w) * (m @ x)
        du, dv, dx, dm = w * v, w * u, (1 - w) * m, (1 - w) * x
    else:
        value = -(w * ((u - v) @ (u - v)) + (1 - w) * ((m - x) @ (m - x)))
        du, dv, dx, dm = 2 * w * (v - u), 2 * w * (u - v), 2 * (1 - w) * (m - x), 2 * (1 - w) * (x - m)
    return float(value), {"U": Ju @ du, "V": Jv @ dv, "X": Jx @ dx, "m": dm}


def scores(params: Params, users: Ints, windows: Ints, *, variant: Variant, w: float) -> Floats:
    """Users [B], windows [B, L] -> [B, I+1]; higher is better, column 0 means nothing."""
    wanted = [attend(params, window, variant).m for window in windows]
    pool, asked = range(len(params["V"])), zip(users, wanted, strict=True)
    return np.array([[score(params, user, i, m, variant=variant, w=w)[0] for i in pool] for user, m in asked])


def pairs(targets: Ints, negatives: Ints, variant: Variant) -> list[tuple[int, int, int]]:
    """Every (sample, target, negative) that is compared; targets [B, T], negatives [B, N], N/T of them for each target.

    A PAD target takes no part, nor do its negatives. ``aligned``: a target meets its own; ``all``: everybody's (7).
    """
    found = []
    for b, row in enumerate(targets):
        real, own = np.flatnonzero(row != PAD), negatives[b].reshape(len(row), -1)
        for t in real:
            rivals = own[t] if variant.pairs == "aligned" else own[real].ravel()
            found += [(b, int(row[t]), int(rival)) for rival in rivals]
    return found


def loss(params: Params, users: Ints, windows: Ints, targets: Ints, negatives: Ints, **by: Unpack[Setting]) -> float:
    """dist: SUM of max(0, gamma - margin) over the pairs (7); inner: MEAN of -log sigmoid(margin), gamma unused.

    Plus l2_factor * (l2_tables (|U|^2 + |V|^2 + |X|^2) + l2_W |W|^2).
    """
    variant = by["variant"]
    s = scores(params, users, windows, variant=variant, w=by["w"])
    margin = np.array([s[b, i] - s[b, j] for b, i, j in pairs(targets, negatives, variant)])
    fit = np.logaddexp(0.0, -margin).mean() if variant.mode == "inner" else np.maximum(0.0, by["gamma"] - margin).sum()
    tables = sum((table**2).sum() for table in (params["U"], params["V"][1:], params["X"][1:]))
    return float(fit + variant.l2_factor * (by["l2_tables"] * tables + by["l2_W"] * (params["W"] ** 2).sum()))


def gradients(
    params: Params, users: Ints, windows: Ints, targets: Ints, negatives: Ints, **by: Unpack[Setting]
) -> Params:
    """Slopes of ``loss`` in U, V, X and W, by the chain rule; shapes as in ``params``, row 0 of V and X is 0."""
    variant = by["variant"]
    grads = {name: 2 * variant.l2_factor * by["l2_tables"] * params[name] for name in ("U", "V", "X")}
    grads["W"] = 2 * variant.l2_factor * by["l2_W"] * params["W"]
    grads["V"][PAD] = grads["X"][PAD] = 0.0
    attention = [attend(params, window, variant) for window in windows]
    dm = np.zeros((len(users), len(params["W"])))
    compared = pairs(targets, negatives, variant)
    for b, i, j in compared:
        s_i, slopes_i = score(params, users[b], i, attention[b].m, variant=variant, w=by["w"])
        s_j, slopes_j = score(params, users[b], j, attention[b].m, variant=variant, w=by["w"])
        margin = s_i - s_j
        g = -1 / (1 + np.exp(margin)) / len(compared) if variant.mode == "inner" else -1.0 * (margin < by["gamma"])
        grads["U"][users[b]] += g * (slopes_i["U"] - slopes_j["U"])
        for name in ("V", "X"):
            grads[name][i] += g * slopes_i[name]
            grads[name][j] -= g * slopes_j[name]
        dm[b] += g * (slopes_i["m"] - slopes_j["m"])
    for b, window in enumerate(windows):
        attend_backward(grads, params, window, attention[b], dm[b])
    return grads


@dataclass(frozen=True, eq=False)
class Case:
    """A small batch with every corner in it; the arrays are those of ``loss``."""

    params: Params
    users: Ints
    windows: Ints
    targets: Ints
    negatives: Ints
    n_users: int = 4
    n_items: int = 11
    d: int = 6
    maxlen: int = 4


def case(seed: int, padding: bool, *, T: int = 3, per_target: int = 1) -> Case:
    """B = 8 samples with repeated users and items; TF2 wants T = 1 and one negative per target.

    Row norms lie on both sides of 1. With ``padding`` the windows hold 1, 2, 3, 4, 1, ... real items on the right and
    the samples 1, 2, .., T, 1, ... real targets on the left; a PAD target keeps its negatives, which must not count.
    """
    n_users, n_items, d, L, B = Case.n_users, Case.n_items, Case.d, Case.maxlen, 8
    rng = np.random.default_rng(seed)
    rows = {"U": n_users, "V": n_items + 1, "X": n_items + 1, "W": d}
    params = {name: rng.normal(0.0, 0.4, (n, d)) * np.resize([[0.5], [1.8]], (n, 1)) for name, n in rows.items()}
    params["V"][PAD] = params["X"][PAD] = 0.0
    items = np.arange(1, n_items + 1)
    windows = rng.choice(items, (B, L))
    targets = np.array([rng.choice(items, T, replace=False) for _ in range(B)])
    negatives = np.array([rng.choice(np.setdiff1d(items, row), T * per_target) for row in targets])
    if padding:
        for b in range(B):
            windows[b, : L - 1 - b % L] = PAD
            targets[b, 1 + b % T :] = PAD
    return Case(params, rng.permutation(B) % n_users, windows, targets, negatives)
