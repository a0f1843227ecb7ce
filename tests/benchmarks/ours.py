"""attrec-bench's side: ``python -m tests.benchmarks.ours FOLDER OVERRIDE ...`` times an epoch and a full ranking.

Without overrides it writes the events for the peers into the folder.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from attrec_bench.configuration import composed
from attrec_bench.contract import Counter, Learner, Scorer
from attrec_bench.data.splits import Split
from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.plan import Plan, plan
from attrec_bench.training.batches import Batches, batches
from attrec_bench.training.steps import in_its_fastest_form, stepping
from attrec_bench.training.trainer import as_module, train_epoch
from tests.benchmarks.clock import Cost, repeated, tell, timed
from tests.benchmarks.peers.history import FILE

DATA = "dataset=ml-1m"
TRAINER = ("optimizer", "epochs", "patience", "eval_every", "monitor")
"""Settings of training that the batches do not take."""
WARM_UP = 8
"""Steps, in which the loops are compiled or read from the cache."""


def planned(overrides: list[str]) -> Plan:
    """Overrides as on the command line -> the run as the product plans it, on the CPU."""
    config = composed([*overrides, "device=cpu"])
    torch.set_num_threads(1)
    return plan(config, "benchmark")


def data_of(run: Plan, model: Learner, device: torch.device) -> Batches:
    """Return the training events on a device."""
    settings = {key: value for key, value in run.config["train"].items() if key not in TRAINER}
    return batches(run.split.train, maxlen=model.maxlen, T=model.T, seed=run.config["seed"], device=device, **settings)


def epochs(run: Plan, model: Scorer, number: int) -> list[Cost]:
    """Train after a few unmeasured steps -> the cost of each epoch; none for a model that has no epochs."""
    if not isinstance(model, Learner):
        return []
    data = data_of(run, model, run.device)
    optimizer = in_its_fastest_form(run.optimizer, run.device)(as_module(model).parameters())
    step = stepping(model, optimizer, run.device)
    train_epoch(model, replace(data, firsts=data.firsts[: WARM_UP * data.batch_size]), step, 0)
    return [timed(partial(train_epoch, model, data, step, n)) for n in range(1, number + 1)]


def ranking(run: Plan, model: Scorer) -> Cost:
    """Rank every user's test target among all unseen items, repeatedly; the queries are built once, as in a run."""
    asked = queries(run.split.known, run.split.test, maxlen=model.maxlen, device=run.device)
    if isinstance(model, torch.nn.Module):
        model.eval()
    return repeated(lambda: ranks(model, asked), times=5)


def measure(overrides: list[str]) -> None:
    """Tell what an epoch, where the model has epochs, and a ranking cost."""
    run = planned(overrides)
    model = run.build_model()
    if isinstance(model, Counter):
        model.fit(run.split.train)
    trained = epochs(run, model, 1)
    tell(**({"epoch": trained[0]} if trained else {}), ranking=ranking(run, model))


def export(split: Split, folder: Path) -> None:
    """Write all events in the protocol's order; each user's last one is the test's."""
    users = np.concatenate([split.known.users, split.test.users])
    items = np.concatenate([split.known.items, split.test.items])
    order = np.argsort(users, kind="stable")
    n_users, n_items = np.array(split.known.n_users), np.array(split.known.n_items)
    np.savez(folder / FILE, users=users[order], items=items[order], n_users=n_users, n_items=n_items)


if __name__ == "__main__":
    if sys.argv[2:]:
        measure([DATA, *sys.argv[2:]])
    else:
        export(planned([DATA]).split, Path(sys.argv[1]))
