"""A user's mistakes in a sweep: one line each, and nothing is started."""

import json
from pathlib import Path

import pytest

from attrec_bench.configuration import explained
from attrec_bench.errors import InputError
from attrec_bench.sweeping import driver
from attrec_bench.sweeping.team import Team
from tests.sweeps import SPACE, overrides, small


@pytest.mark.parametrize(
    ("more", "high", "told"),
    [
        (
            [],
            0.25,
            "study mine-bprmf was made with another space (ranges.train.optimizer.lr.high: 0.5 there, 0.25 here)",
        ),
        (["sweep.seeds=3"], 0.5, "with another sweep (seeds: 1 there, 3 here); sweep.name=NAME starts another"),
        (["train.batch_size=99"], 0.5, "with another configuration (train.batch_size: 256 there, 99 here)"),
        (["dataset.seed=7"], 0.5, "with another data ("),
    ],
)
def test_a_study_of_the_same_name_for_another_search_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], high: float, told: str
) -> None:
    monkeypatch.setattr(Team, "start", no_start)
    small(tmp_path, "sweep.name=mine").study()
    journal = tmp_path / "runs" / ".sweeps" / "studies.journal"
    before = journal.read_bytes()
    other = SPACE | {"train.optimizer.lr": SPACE["train.optimizer.lr"] | {"high": high}}
    with pytest.raises(InputError) as caught:
        driver.sweep(overrides(tmp_path, "sweep.name=mine", *more, space=other))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [json.loads(line)["op_code"] for line in journal.read_bytes()[len(before) :].splitlines()] == [0], (
        "an attempt to make a study of that name, which has no effect, and nothing else"
    )


def no_start(_: Team) -> None:
    raise AssertionError("workers were started")


MISTAKES = {
    "no trials": (["n_trials=0"], "n_trials must be a whole number of at least 1, got 0"),
    "half a worker": (["workers=0.5"], "workers must be a whole number of at least 1, got 0.5"),
    "a seed": (["seed=3"], "seed is no key of a sweep"),
    "another kind of storage": (["storage=mysql://x"], "storage must be a file or postgresql://..., got 'mysql://x'"),
    "a metric that is not there": (["train.monitor=HR@7"], "train.monitor must be one of HR@1,"),
    "a model without a space": (["model=caser_recbole", "sweep.space=null"], "no search space for 'caser_recbole'"),
    "a model with nothing to tune": (
        ["model=popularity", "sweep.space=null"],
        "model=popularity has nothing to tune, neither a keyword nor a training",
    ),
    "one such among others": (
        ["model=ease,markov", "sweep.space=null"],
        "model=markov has nothing to tune, neither a keyword nor a training",
    ),
    "one model twice": (["model=bprmf,bprmf"], "model must name each model once"),
    "no heartbeat": (["sweep.heartbeat=0"], "sweep.heartbeat must be a number of seconds above 0, got 0"),
    "a word for true": (["sweep.prune=no"], "sweep.prune must be true or false, got 'no'"),
    "a key with a typo": (
        ["n_trails=40"],
        "got 'n_trails' (did you mean 'n_trials'?); attrec-bench sweep --help lists them",
    ),
    "a key of the sweep's own with a typo": (["sweep.pruen=true"], "'sweep.pruen' (did you mean 'sweep.prune'?)"),
    "a model with a typo": (["model=bprfm"], "got 'bprfm' (did you mean 'bprmf'?)"),
    "a launcher with a typo": (["hydra/launcher=basci"], "got 'basci' (did you mean 'basic'?)"),
    "a key that the launcher lacks": (["hydra.launcher.partition=gpu"], "Key 'partition' not in 'BasicLauncherConf'"),
    "an address that is none": (["tracking.uri=foo"], "tracking.uri must begin with one of http://"),
    "a space with a typo": (["sweep.space=bprfm"], "no search space for 'bprfm' (did you mean 'bprmf'?)"),
    "too many final seeds": (["final_seeds=1001"], "final_seeds must be at most 1000, got 1001"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_started(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Team, "start", no_start)
    more, told = MISTAKES[case]
    with pytest.raises(Exception) as caught:  # noqa: PT011  # Hydra's own errors become one line where they are told
        driver.sweep(overrides(tmp_path, *more))
    line = explained(caught.value)
    assert line is not None
    assert told in line
    assert "\n" not in line
    assert not (tmp_path / "runs").exists(), "no study was made"


SPACES = {
    "a typo": ({"model.dd": SPACE["model.d"]}, "got 'model.dd' (did you mean 'model.d'?)"),
    "a range upside down": (
        {"model.d": {"type": "int", "low": 9, "high": 3}},
        "model.d: low must be below high, got 'low=9, high=3'",
    ),
    "a parameter that the model lacks": (
        {"model.w": {"type": "float", "low": 0, "high": 1}},
        "a swept key must be one that this model has, got 'model.w'",
    ),
}


@pytest.mark.parametrize("case", SPACES)
def test_a_mistake_in_a_space_starts_nothing(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Team, "start", no_start)
    space, told = SPACES[case]
    with pytest.raises(InputError) as caught:
        driver.sweep(overrides(tmp_path, space=space))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists(), "no study was made"
