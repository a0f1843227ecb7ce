"""A recorded run of a user's own class: from another folder, and after its file has changed."""

import re
import shutil
from pathlib import Path

import pytest

from attrec_bench.results import store
from tests.test_cli import SMALL, bench
from tests.test_own_model import MODEL

YAML = "_target_: decaymodel.Decay\nd: 4\ndecay: 0.7\nmaxlen: 3\nstd: 0.1\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the class, its YAML and one run of it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "conf" / "model").mkdir(parents=True)
    (folder / "conf" / "model" / "decay.yaml").write_text(YAML)
    (folder / "decaymodel.py").write_text(MODEL)
    done = bench("run", *SMALL, "model=decay", "tracking.uri=off", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def mine(made: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "mine"))


def run_in(folder: Path) -> str:
    (record,) = store.read_all(folder / "runs")
    return record.identity[:10]


def test_a_run_whose_folder_is_another_says_where_to_start(mine: Path, tmp_path: Path) -> None:
    there, ask = tmp_path / "elsewhere", ["recommend", f"run={run_in(mine)}", "user=7", f"runs={mine / 'runs'}"]
    there.mkdir()
    done = bench(*ask, folder=there)
    assert done.returncode == 1
    assert f"was made with conf/model/decay.yaml, which is looked for in the current folder ({there})" in done.stderr
    assert "start the same command in the folder of that conf/ and the class" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    shutil.copytree(mine / "conf", there / "conf")
    done = bench(*ask, "trust=decaymodel.Decay", folder=there)
    assert f"whose decaymodel.py is looked for in the current folder ({there}) and is not there" in done.stderr
    assert "start the same command in the folder where it lies" in done.stderr
    shutil.copy(mine / "decaymodel.py", there)
    assert bench(*ask, folder=there).returncode == 0


def test_a_run_of_a_class_without_yaml_does_too(mine: Path, tmp_path: Path) -> None:
    words = ["model._target_=decaymodel.Decay", "+model.d=3", "+model.decay=1", "runs=other"]
    assert bench("run", *SMALL, "tracking.uri=off", *words, folder=mine).returncode == 0
    (record,) = store.read_all(mine / "other")
    ask = ["recommend", f"run={record.identity[:10]}", "user=7", f"runs={mine / 'other'}"]
    assert "if you trust its code" in bench(*ask, folder=tmp_path).stderr
    done = bench(*ask, "trust=decaymodel.Decay", folder=tmp_path)
    assert "start the same command in the folder where it lies" in done.stderr


def test_a_class_that_has_changed_is_named_with_what_that_means(mine: Path) -> None:
    ask = [f"run={run_in(mine)}", f"runs={mine / 'runs'}"]
    assert "note" not in bench("recommend", *ask, "user=7", folder=mine).stdout
    (mine / "decaymodel.py").write_text(MODEL.replace("@ self.items.T", "@ self.items.T * -1"))
    told = bench("recommend", *ask, "user=7", folder=mine).stdout
    note = "note: decaymodel.py has changed since this run: the recorded run's own model might give another list"
    assert note in told.splitlines()
    assert note in bench("export", *ask, "out=lists.tsv", folder=mine).stdout.splitlines()
    explained = bench("explain", *ask, "metrics=MRR", folder=mine).stdout
    assert re.search(r"decaymodel\.py has changed since this run: [1-9]\d* of 60 ranks are not as recorded", explained)


def test_weights_that_do_not_fit_the_class_any_more_are_one_line(mine: Path) -> None:
    (mine / "decaymodel.py").write_text(MODEL.replace("self.items", "self.table"))
    done = bench("recommend", f"run={run_in(mine)}", "user=7", folder=mine)
    (line,) = done.stderr.splitlines()
    assert "do not fit: decaymodel.py has changed since this run" in line
    assert "items" in line
