"""RecLearn's own class of AttRec, mode dist with its hinge.

Release 1.1.0 does not sum the short-term squares before the hinge, so its loss has a term a coordinate;
``tensorflow_attrec`` is the same model with the sum.
"""

from typing import Any

from reclearn.models.matching import AttRec  # type: ignore[import-not-found]

from tests.benchmarks.peers.history import History
from tests.benchmarks.peers.keras_fit import run


def build(train: History, d: int, maxlen: int) -> Any:
    """Make the model with the values of its script; it reads a window of any length."""
    return AttRec(train.n_users, train.n_items + 1, d, mode="dist", loss_name="hinge_loss", embed_reg=1e-6, seed=0)


if __name__ == "__main__":
    run(build)
