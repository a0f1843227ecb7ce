"""Bad and big input on the whole way: from the command line, and one user of a million events up to a training step."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate

from attrec_bench.configuration import composed
from attrec_bench.data import sources
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.sequences import sequences
from attrec_bench.data.splits import leave_one_out
from attrec_bench.training.batches import generator
from tests.small import batches_of


@pytest.mark.parametrize(
    ("verb", "content", "message"),
    [
        (["data", "csv"], "a,b,1\na,c,noon\n", "line 3: time must be a number or an ISO 8601 date, got 'noon'"),
        (
            ["run", "dataset=csv"],
            'a,"b,1\na,c,2\n',
            "line 2: not a csv row: the quote that opens here must be closed, got 'a,\"b,1'",
        ),
    ],
    ids=["data", "run"],
)
def test_the_command_line_says_one_line(tmp_path: Path, verb: list[str], content: str, message: str) -> None:
    path = tmp_path / "my.csv"
    path.write_text(f"who,what,when\n{content}")
    given = [f"dataset.path={path}", "dataset.user=who", "dataset.item=what", "dataset.time=when"]
    done = subprocess.run(
        [sys.executable, "-m", "attrec_bench.cli", *verb, *given],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"attrec-bench: {path}, {message}\n"


MILLION = 10**6
ITEMS = np.random.default_rng(0).integers(0, 5000, MILLION).tolist()


def as_csv(path: Path, items: list[int]) -> Interactions:
    path.write_text("who,what,when\n1,0,0\n" + "".join(f"2,{item},{at}\n" for at, item in enumerate(items)))
    return sources.csv(
        path, user="who", item="what", time="when", rating=None, separator=",", titles=None, min_rating=None
    )


def as_a_line(path: Path, items: list[int]) -> Interactions:
    path.write_text("1 0\n2 " + " ".join(map(str, items)) + "\n")
    return sequences(path, titles=None, min_rating=None)


def one_step(data: Interactions, windows: int) -> None:
    """Split, cut into windows, and take the gradient of one batch; ``windows`` is how many there must be."""
    split = leave_one_out(data, tie_order="file", last_tie="last", tie_seed=0)
    facts = {"n_users": data.n_users, "n_items": data.n_items, "generator": generator(0, "init")}
    model = instantiate(composed(["model=attrec"]).model, **facts, _convert_="all")
    made = batches_of(split.train, maxlen=model.maxlen, T=3, negatives_from="all")  # such a user leaves no item unseen
    batch = next(made.epoch(1))
    model.loss(batch).backward()
    assert len(made.firsts) == windows
    assert batch.windows.shape == (min(64, windows), model.maxlen)
    assert split.test.items[-1] == data.items[-1]


@pytest.mark.parametrize("read", [as_csv, as_a_line])
def test_one_user_of_a_million_events(tmp_path: Path, read: Callable[[Path, list[int]], Interactions]) -> None:
    one_step(read(tmp_path / "short", ITEMS[:5]), windows=2)  # the inner loops are compiled at their first call
    began = time.perf_counter()
    data = read(tmp_path / "long", ITEMS)
    one_step(data, windows=MILLION - 3)  # all but the last two are training, and each of these but the first a target
    assert time.perf_counter() - began < 30, "seconds; 2 to 3 on an idle core"
    assert [int(item) for item in data.item_ids[data.items[data.users == 1]]] == ITEMS
