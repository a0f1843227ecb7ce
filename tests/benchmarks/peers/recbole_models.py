"""RecBole's models, trained and evaluated by its own trainer on its own data set of the same events."""

import argparse
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from recbole.config import Config  # type: ignore[import-not-found]
from recbole.data import create_dataset, data_preparation  # type: ignore[import-not-found]
from recbole.utils import get_model, get_trainer, init_seed  # type: ignore[import-not-found]

from tests.benchmarks.clock import Cost, repeated, tell, timed
from tests.benchmarks.peers.history import History, load

BATCH = 2048
NAME = "events"
WARM_UP = 5
"""Steps."""


def write(history: History, folder: Path) -> None:
    """Write RecBole's atomic file; the place of an event is its time."""
    (folder / NAME).mkdir(exist_ok=True)
    rows = (f"{u}\t{i}\t{time}" for time, (u, i) in enumerate(zip(history.users, history.items, strict=True)))
    header = "user_id:token\titem_id:token\ttimestamp:float"
    (folder / NAME / f"{NAME}.inter").write_text("\n".join([header, *rows]) + "\n")


def settings(folder: Path, loss: str, d: int, maxlen: int) -> dict[str, Any]:
    """What is asked of RecBole where its own values differ from the comparison's."""
    negatives = {"distribution": "uniform", "sample_num": 1, "alpha": 1.0, "dynamic": False, "candidate_num": 0}
    return {
        "data_path": str(folder),
        "checkpoint_dir": str(folder),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": maxlen,
        "embedding_size": d,
        "loss_type": loss,
        "train_neg_sample_args": None if loss == "CE" else negatives,
        "train_batch_size": BATCH,
        "nv": 4,
        "nh": 16,
        "dropout_prob": 0.5,
        "eval_args": {"split": {"LS": "valid_and_test"}, "group_by": "user", "order": "TO", "mode": "full"},
        "metrics": ["Hit", "NDCG", "MRR"],
        "topk": [10, 50],
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
        "nproc": 1,
        "worker": 0,
    }


def measured(config: Config, share: float) -> tuple[Cost, Cost]:
    """Return the costs of an epoch, of which a share is timed, and of the evaluation on the test events.

    The timed steps go on where the warm-up stopped, so the shuffling at the start of the epoch is not among them.
    """
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    train, _, test = data_preparation(config, dataset)
    model = get_model(config["model"])(config, train.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    batches = iter(train)
    trainer._train_epoch(islice(batches, WARM_UP), 0)
    steps = min(round(len(train) * share), len(train) - WARM_UP)
    epoch = timed(lambda: trainer._train_epoch(islice(batches, steps), 1), steps / len(train))
    return epoch, repeated(lambda: trainer.evaluate(test, load_best_model=False), times=3)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--loss", choices=("BPR", "CE"), required=True)
    parser.add_argument("--d", type=int, required=True)
    parser.add_argument("--maxlen", type=int, required=True)
    parser.add_argument("--share", type=float, required=True)
    arguments = parser.parse_args()
    sys.argv = sys.argv[:1]  # RecBole reads the command line by itself
    torch.set_num_threads(1)
    write(load(str(arguments.folder)), arguments.folder)
    asked = settings(arguments.folder, arguments.loss, arguments.d, arguments.maxlen)
    epoch, ranking = measured(Config(arguments.model, NAME, config_dict=asked), arguments.share)
    tell(epoch=epoch, ranking=ranking)


if __name__ == "__main__":
    main()
