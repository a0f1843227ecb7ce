"""A mistake in what is typed is told with what to type instead."""

from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from attrec_bench.configuration import composed, explained, keys_of, unknown_key, with_own_model
from attrec_bench.errors import InputError
from attrec_bench.overrides import choices, unreadable
from attrec_bench.results import store
from tests.test_cli import SMALL, bench

MISTAKES = {
    "a group that is added": (["+experiment=bprmf"], "experiment is set without +: experiment=bprmf, got"),
    "a group that is forced": (["++model=bprmf"], "model is set without +: model=bprmf, got '++model=bprmf'"),
    "a key added beside the others": (["+modelx.w=1"], "got '+modelx.w=1' (did you mean '+model.w=1'?)"),
    "a recipe that is not there": (["experiment=bprfm"], "got 'bprfm' (did you mean 'bprmf'?)"),
    "one such among several": (["experiment=bprmf,ablation/ww"], "got 'ablation/ww' (did you mean 'ablation/w'?)"),
    "a keyword without +": (
        ["model._target_=mymodels.Mine", "model.d=16"],
        "each keyword of the class is added: write +model.d=16, got 'model.d=16'",
    ),
    "a key of the data set named": (
        ["dataset=csv", "dataset.kcore=5"],
        "got 'dataset.kcore' (did you mean 'dataset.k_core'?); attrec-bench run --help dataset=csv lists them",
    ),
    "a key of another data set": (["dataset=csv", "dataset.reach=5"], "attrec-bench run --help dataset=csv lists them"),
    "a semicolon": (["dataset.separator=;"], "\"dataset.separator=';'\", got dataset.separator=;"),
    "a value in half a quote": (["dataset.path='a"], "\"KEY='VALUE'\", got dataset.path='a"),
    "no recipe": (["experiment=null"], "experiment is left out with ~experiment, got 'experiment=null'"),
    "no value": (["w"], "an override is KEY=VALUE, got 'w'"),
}


@pytest.mark.parametrize("case", MISTAKES)
@pytest.mark.parametrize("name", ["config", "sweep"])
def test_a_mistake_says_what_to_type(case: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words, told = MISTAKES[case]
    with pytest.raises((InputError, HydraException)) as caught:
        composed(with_own_model(words), name)
    line = explained(caught.value)
    assert line is not None
    assert told in line
    assert "\n" not in line


def test_no_hint_is_what_was_typed() -> None:
    """Of a key that only another choice has: the planted data's own reach, for a file of one's own."""
    line = unknown_key("dataset.reach", ["dataset=csv"], "config")
    assert "did you mean 'dataset.reach'" not in line


SOUND = [
    ["+model.extra=1"],
    ["++model.d=3", "+train.optimizer.eps=0.1"],
    ["~experiment"],
    ["experiment=ablation/w"],
    ["experiment=bprmf", "model=bprmf"],
    ["~deviation"],
    ["dataset=csv", "dataset.separator=';'"],
    ["+hydra.extra=1"],
]


@pytest.mark.parametrize("words", SOUND, ids=" ".join)
def test_what_is_no_mistake_is_composed(words: list[str]) -> None:
    composed(words)


def test_a_recipe_of_ones_own_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 77\n")
    monkeypatch.chdir(tmp_path)
    assert composed(["experiment=mine"]).seed == 77


MISPLACED = {
    "a recipe without its first line": (
        {"experiment/mine.yaml": "train: {epochs: 3}\n"},
        ["experiment=mine"],
        "the first line of conf/experiment/mine.yaml must be '# @package _global_', got another: what it sets (train)",
    ),
    "one taken by itself": (
        {"model/mine.yaml": "_target_: baselines.popularity.Popularity\n", "experiment/mine.yaml": "seed: 3\n"},
        ["model=mine"],
        "the first line of conf/experiment/mine.yaml must be",
    ),
    "one of two": (
        {"experiment/one.yaml": "# @package _global_\nseed: 3\n", "experiment/two.yaml": "train: {epochs: 3}\n"},
        ["experiment=[one,two]"],
        "the first line of conf/experiment/two.yaml must be",
    ),
    "one in a folder": (
        {"experiment/deep/mine.yaml": "# a recipe\nseed: 3\n"},
        ["experiment=deep/mine"],
        "the first line of conf/experiment/deep/mine.yaml must be",
    ),
    "a deviation": (
        {"deviation/mine.yaml": "model: {pairs: aligned}\n"},
        ["deviation=mine"],
        "the first line of conf/deviation/mine.yaml must be '# @package _global_', got another: what it sets (model)",
    ),
    "a key misspelt at the top": (
        {"experiment/mine.yaml": "# @package _global_\ntrian: {epochs: 3}\n"},
        ["experiment=mine"],
        "conf/experiment/mine.yaml sets a key that nothing reads, got 'trian' (did you mean 'train'?)",
    ),
}


def own_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "conf" / name).write_text(text)


@pytest.mark.parametrize("case", MISPLACED)
@pytest.mark.parametrize("name", ["config", "sweep"])
def test_keys_that_nothing_reads_are_told_of(
    case: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, words, told = MISPLACED[case]
    own_files(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        composed(words, name)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_a_recipe_without_its_first_line_trains_nothing(tmp_path: Path, verb: str) -> None:
    own_files(tmp_path, {"experiment/mine.yaml": "train: {epochs: 3}\n"})
    done = bench(verb, "model=bprmf", "experiment=mine", *SMALL, "tracking.uri=off", folder=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("attrec-bench: the first line of conf/experiment/mine.yaml must be '# @package _global_'")
    assert store.read_all(tmp_path / "runs") == []


def test_a_key_of_ones_own_that_a_value_is_made_of_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# @package _global_\nwidth: 4\ntrain: {epochs: '${width}'}\n"
    own_files(tmp_path, {"experiment/mine.yaml": text, "deviation/nothing.yaml": "# empty\n"})
    monkeypatch.chdir(tmp_path)
    assert composed(["experiment=mine", "deviation=nothing"]).train.epochs == 4


def test_the_choices_among_overrides_are_the_last_of_each_group_and_of_several_values_the_first() -> None:
    words = ["-m", "dataset=csv", "w=1", "dataset=inter,pairs", "model=[a", "dataset.path=x", "+mode=inner", "~train"]
    assert choices(words) == ["dataset=inter", "mode=inner"]


def test_the_quoted_form_that_is_offered_is_read_as_meant() -> None:
    for value in (";", "a b;c", "#", "a=b;"):
        offered = unreadable(f"dataset.separator={value}").split('"')[1]
        assert composed(["dataset=csv", offered]).dataset.separator == value


def test_keys_of_nested_data() -> None:
    plain = OmegaConf.to_container(OmegaConf.create({"a": {"b": 1, "c": {"d": 2}}, "e": 3}))
    assert keys_of(plain) == ["a", "e", "a.b", "a.c", "a.c.d"]
