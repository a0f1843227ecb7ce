"""No configuration brings its own code: a target that is neither the suite's nor the user's is refused unimported."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from attrec_bench import targets
from attrec_bench.configuration import composed
from attrec_bench.errors import InputError
from attrec_bench.plan import build, plan
from attrec_bench.recommend import plan_of
from attrec_bench.results.record import consumed, identity
from attrec_bench.run import run
from attrec_bench.sweeping.worker import search
from tests.sweeps import small, trials_of
from tests.test_run import SMALL

REFUSED = [
    "os.system",
    "subprocess.Popen",
    "attrec_bench.cli.os.system",  # begins like ours
    "attrec_bench.cli.os",
    "attrec_bench.verbs.write",  # ours, but a function that writes files
    "torch.optim.adam.torch.load",
    "torch.load",
    "baselines_of_mine.Foo",
    "torch.optim.Foo",
    "",
    7,
]


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_NAMED", set())


@pytest.mark.parametrize("target", REFUSED)
def test_a_target_that_is_not_ours_is_refused(target: object) -> None:
    for node in ({"_target_": target}, {"a": [{"b": {"_target_": target}}]}):
        with pytest.raises(InputError, match=r"_target_ must be one of this suite's or named on the command line, got"):
            targets.check(node)
        with pytest.raises(InputError, match="_target_ must be"):
            build(OmegaConf.create(node))


def test_what_the_suite_ships_and_torchs_optimisers_are_allowed() -> None:
    ours = ["attrec_bench.attrec.AttRec", "baselines.bprmf.BPRMF", "attrec_bench.data.locate.load"]
    for target in (*ours, "torch.optim.RMSprop", "torch.optim.adam.Adam"):
        targets.check({"_target_": target})


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that leaves a trace when it is imported."""
    (tmp_path / "evil.py").write_text(
        f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
        "from baselines.popularity import Popularity as Own\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("evil", None)
    return tmp_path / "ran"


def test_what_the_user_names_is_allowed_and_what_a_yaml_names_is_not(evil: Path) -> None:
    config = composed([*SMALL, "model=popularity"])
    config.model._target_ = "evil.Own"  # as somebody's YAML would
    with pytest.raises(InputError, match=r"if you trust its code, add model\._target_=evil\.Own"):
        plan(config, "own")
    assert not evil.exists()
    plan(composed([*SMALL, "model=popularity", "model._target_=evil.Own"]), "own")
    assert evil.exists()


def test_a_keyword_that_only_a_half_given_call_leaves_out_is_ones_own_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optimiser's ``params`` come later; a function of one's own may take something else by that name."""
    (tmp_path / "halves.py").write_text("def made(params, interactions=0):\n    return params + interactions\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(targets, "_NAMED", {"halves.made"})
    node = {"_target_": "halves.made", "params": 2, "interactions": 5}
    assert build(OmegaConf.create(node)) == 7
    with pytest.raises(InputError, match="made takes no keyword, got 'params'"):
        build(OmegaConf.create(node | {"_partial_": True}))


def test_somebodys_record_runs_no_code_unless_its_class_is_trusted(tmp_path: Path, evil: Path) -> None:
    words = [*SMALL, "model=popularity", f"runs={tmp_path / 'runs'}"]
    record, _ = run(composed(words), "popularity", " ".join(["attrec-bench", "run", *words]))
    config = {**record.config, "model": {"_target_": "evil.Own"}}
    foreign = replace(
        record,
        config=config,
        identity=identity(consumed(config, record.data["sha256"], record.code)),
        command=f"{record.command} model._target_=evil.Own hydra.searchpath=[pkg://evil]",
    )
    with pytest.raises(InputError, match=r"trust=evil\.Own"):
        plan_of(foreign, None)
    assert not evil.exists()
    targets.named(["_target_=evil.Own"])
    assert plan_of(foreign, None).name == "popularity"
    assert evil.exists()


def test_somebodys_search_space_runs_no_code(tmp_path: Path, evil: Path) -> None:
    space = {"train.optimizer._target_": {"type": "categorical", "choices": ["evil.Own", "evil.Other"]}}
    sweep = small(tmp_path, "n_trials=1", "sweep.max_failed=0", space=space, published=[])
    search(sweep)
    assert "_target_ must be" in trials_of(sweep)[0].user_attrs["reason"]
    assert not evil.exists()


def test_yaml_files_are_read_without_tags() -> None:
    with pytest.raises(yaml.YAMLError):
        OmegaConf.create("a: !!python/object/apply:os.getcwd []")
