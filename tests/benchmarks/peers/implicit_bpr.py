"""implicit's BPR: an epoch of its compiled loop, and ``recommend`` for every user."""

import argparse
import statistics
import time

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking  # type: ignore[import-not-found]
from scipy.sparse import csr_matrix

from tests.benchmarks.clock import Cost, repeated, tell
from tests.benchmarks.peers.history import HELD_OUT, History, load

EPOCHS = 5
K = 50
"""Length of the lists: enough for HR@50; the rank of a target that is not in them stays unknown."""


def matrix(history: History) -> csr_matrix:
    """[U, I] of ones."""
    shape = (history.n_users, history.n_items)
    return csr_matrix((np.ones(len(history.users), np.float32), (history.users, history.items - 1)), shape)


def clocks() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--d", type=int, required=True)
    arguments = parser.parse_args()
    events = load(arguments.folder)
    model = BayesianPersonalizedRanking(factors=arguments.d, iterations=1 + EPOCHS, num_threads=1, random_state=0)
    ends: list[tuple[float, float]] = []
    model.fit(matrix(events.before(HELD_OUT)), show_progress=False, callback=lambda *_: ends.append(clocks()))
    cpu, wall = np.diff(ends, axis=0).T
    users, known = np.arange(events.n_users), matrix(events.before(1))
    ranking = repeated(lambda: model.recommend(users, known, N=K, filter_already_liked_items=True), times=5)
    tell(epoch=Cost(statistics.median(cpu), statistics.median(wall)), ranking=ranking)


if __name__ == "__main__":
    main()
