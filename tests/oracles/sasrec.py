"""SASRec's states in float64, one window and one number after another, from the equations in baselines/sasrec.py.

It reads the model's parameters and shares no code with it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def states(model: Any, window: list[int]) -> Floats:
    """Window without padding, right-aligned in the model's columns -> [length, d], dropout left out."""
    parameters = {key: value.detach().double().numpy() for key, value in model.state_dict().items()}
    d = parameters["E"].shape[1]
    columns = range(model.maxlen - len(window), model.maxlen)
    x = [np.sqrt(d) * parameters["E"][i] + parameters["P"][c] for i, c in zip(window, columns, strict=True)]
    for number in range(len(model.blocks)):
        own = {key.split(".", 2)[2]: p for key, p in parameters.items() if key.startswith(f"blocks.{number}.")}
        x = block(own, x, model.blocks[number].n_heads)
    return np.array([norm(row, parameters["norm.weight"], parameters["norm.bias"]) for row in x])


def block(p: dict[str, Floats], x: list[Floats], heads: int) -> list[Floats]:
    """(2) and (3) for the rows of one window."""
    e = len(x[0]) // heads
    q = [norm(row, p["norms.0.weight"], p["norms.0.bias"]) for row in x]
    asked = [p["query"] @ row + p["query_bias"] for row in q]
    keys = [p["key"] @ row + p["key_bias"] for row in x]
    values = [p["value"] @ row + p["value_bias"] for row in x]
    after = []
    for t in range(len(x)):
        found = []
        for part in (slice(h * e, (h + 1) * e) for h in range(heads)):
            weights = np.exp([asked[t][part] @ keys[j][part] / np.sqrt(e) for j in range(t + 1)])
            found.append(sum(w * values[j][part] for j, w in enumerate(weights / weights.sum())))
        y = norm(q[t] + np.concatenate(found), p["norms.1.weight"], p["norms.1.bias"])
        inner = np.maximum(p["inner"] @ y + p["inner_bias"], 0)
        after.append(y + p["outer"] @ inner + p["outer_bias"])
    return after


def norm(row: Floats, weight: Floats, bias: Floats) -> Floats:
    """Layer normalisation with the authors' 1e-8."""
    normed: Floats = (row - row.mean()) / np.sqrt(((row - row.mean()) ** 2).mean() + 1e-8) * weight + bias
    return normed
