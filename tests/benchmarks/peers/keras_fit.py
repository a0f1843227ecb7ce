"""An epoch of a Keras model of AttRec as its script trains it: ``fit`` over a table of windows, Adam."""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]

from tests.benchmarks.clock import Cost, tell, timed
from tests.benchmarks.peers.history import HELD_OUT, History, load

BATCH = 2048
WARM_UP = 5
"""Steps, in which the graph is traced."""

Build = Callable[[History, int, int], Any]
"""Training events, width, window length -> a model that adds its own loss."""


def epoch(build: Build, folder: str, d: int, maxlen: int, share: float) -> Cost:
    """Time a share of an epoch over all windows of the training events, one negative each."""
    train = load(folder).before(HELD_OUT)
    random = np.random.default_rng(0)
    users, windows, targets = train.windows(maxlen)
    negatives = random.integers(1, train.n_items + 1, (len(users), 1)).astype(np.int32)
    order = random.permutation(len(users))  # a part of an epoch then holds windows of all users
    arrays = {"user": users, "click_seq": windows, "pos_item": targets, "neg_item": negatives}
    arrays = {name: array[order] for name, array in arrays.items()}
    model = build(train, d, maxlen)
    model.compile(optimizer=tf.keras.optimizers.Adam(1e-3), jit_compile=False)

    def fit(rows: int) -> None:
        some = {name: array[:rows] for name, array in arrays.items()}
        model.fit(some, batch_size=BATCH, epochs=1, verbose=0)

    fit(WARM_UP * BATCH)
    rows = len(users) if share == 1 else int(len(users) * share) // BATCH * BATCH
    return timed(lambda: fit(rows), rows / len(users))


def run(build: Build) -> None:
    """Read the command line, measure at one thread and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--d", type=int, required=True)
    parser.add_argument("--maxlen", type=int, required=True)
    parser.add_argument("--share", type=float, required=True)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tell(epoch=epoch(build, arguments.folder, arguments.d, arguments.maxlen, arguments.share))
