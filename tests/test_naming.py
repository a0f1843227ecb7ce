"""One model is one row: a record of a class takes the name of the YAML that its model is given later."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from attrec_bench.results import naming, store, tracking
from attrec_bench.results.marks import store_uri
from attrec_bench.results.naming import called
from attrec_bench.results.record import Record
from tests.records import make_record, names, one, start
from tests.test_cli import SMALL, bench

MINE = {"_target_": "decaymodel.Decay", "d": 4}
COMMAND = "attrec-bench run model=own model._target_=decaymodel.Decay +model.d=4 seed=0"


def of_a_class(seed: int = 0, **fields: object) -> Record:
    return replace(make_record("Decay", seed, keywords=MINE, command=COMMAND), **fields)  # type: ignore[arg-type]


def test_a_record_of_a_class_takes_the_name_of_its_yaml_and_keeps_all_else(tmp_path: Path) -> None:
    record = of_a_class()
    folder = store.save(tmp_path, record, lambda place: (place / "weights.pt").write_bytes(b"abc"))
    (folder / "mlflow.json").write_text("{}")
    others = {name: (folder / name).read_bytes() for name in ("ranks.npz", "weights.pt", "mlflow.json")}
    assert called(tmp_path, record, "decay").model == "decay"
    assert store.read(folder) == replace(record, model="decay")
    assert {name: (folder / name).read_bytes() for name in others} == others
    assert store.checked_file(folder, "weights.pt").read_bytes() == b"abc"
    assert names(folder) == ["mlflow.json", "ranks.npz", "record.json", "weights.pt"]
    rows = one([store.read(folder), make_record("decay", 1, keywords=MINE)]).rows
    assert [row.label for row in rows] == ["decay"]


LEFT_ALONE = {
    "asked for by its class again": (of_a_class(), "Decay"),
    "named by a YAML, asked for by its class": (of_a_class(model="decay"), "Decay"),
    "named by a YAML, asked for by another": (of_a_class(model="decay"), "decay2"),
    "named by a YAML that is called as its class": (of_a_class(command="attrec-bench run model=Decay"), "decay"),
}


@pytest.mark.parametrize("case", LEFT_ALONE)
def test_every_other_record_keeps_its_name(tmp_path: Path, case: str) -> None:
    record, name = LEFT_ALONE[case]
    folder = store.save(tmp_path, record)
    before = (folder / "record.json").stat().st_mtime_ns
    assert called(tmp_path, record, name) == record
    assert (folder / "record.json").stat().st_mtime_ns == before


def test_what_replaced_the_record_meanwhile_is_what_counts(tmp_path: Path) -> None:
    found, again = of_a_class(), of_a_class(epochs=2)
    folder = store.save(tmp_path, again)
    assert called(tmp_path, found, "decay") == replace(again, model="decay") == store.read(folder)
    assert called(tmp_path, found, "other").model == "decay"  # another process was faster
    assert store.read(folder).model == "decay"


def test_mlflow_has_the_run_once_under_its_new_name(tmp_path: Path) -> None:
    record = of_a_class()
    folder = store.save(tmp_path, record)
    assert tracking.send(folder)
    called(tmp_path, record, "decay")
    assert tracking.send_pending(tmp_path) == 1
    assert tracking.send_pending(tmp_path) == 0
    assert tracking.fetch(store_uri(tmp_path, None)) == [replace(record, model="decay")]


def test_a_process_that_is_killed_while_it_names_leaves_the_whole_record(tmp_path: Path) -> None:
    record = of_a_class()
    folder = store.save(tmp_path, record)
    code = (
        "from attrec_bench.results import naming\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "naming._rename(Path(sys.argv[2]), 'decay')"
    )
    process = start(code, tmp_path, folder)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert store.read(folder) == record
    assert len(names(folder)) == 3, "half of a file is left, under a private name"
    called(tmp_path, record, "decay")
    store.save(tmp_path, of_a_class(seed=1))  # sweeps up
    assert names(folder) == ["ranks.npz", "record.json"]
    assert store.read(folder).model == "decay"


def test_who_names_a_record_waits_for_who_replaces_it(tmp_path: Path) -> None:
    record = of_a_class()
    store.save(tmp_path, record)
    code = f"lock = store.lock(root, '{record.identity}'); lock.__enter__(); print(flush=True); time.sleep(0.7)"
    process = start(code, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    began = os.times().elapsed
    called(tmp_path, record, "decay")
    assert os.times().elapsed - began > 0.2
    process.communicate()


MODEL = """
import torch
from torch import nn

class Decay(nn.Module):
    maxlen = 2

    def __init__(self, n_items, *, d):
        super().__init__()
        self.register_buffer("items", torch.arange(n_items + 1.0) * d)

    def score(self, users, windows):
        return self.items.expand(len(users), -1)
"""


def test_a_class_that_is_given_a_yaml_stays_one_row(tmp_path: Path) -> None:
    (tmp_path / "decaymodel.py").write_text(MODEL)
    words = ["run", *SMALL, "tracking.uri=off"]
    first = bench(*words, "model._target_=decaymodel.Decay", "+model.d=4", folder=tmp_path)
    assert first.stdout.startswith("Decay "), first.stderr
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "decay.yaml").write_text("_target_: decaymodel.Decay\nd: 4\n")
    found = bench(*words, "model=decay", folder=tmp_path)
    assert found.stdout.startswith("decay "), found.stderr
    assert "(found, until now called Decay, run " in found.stdout
    again = bench(*words, "model._target_=decaymodel.Decay", "+model.d=4", folder=tmp_path)
    assert again.stdout.startswith("decay ")
    assert "(found, run " in again.stdout
    assert [record.model for record in store.read_all(tmp_path / "runs")] == ["decay"]
    assert naming.called(tmp_path / "runs", store.read_all(tmp_path / "runs")[0], "decay2").model == "decay"
