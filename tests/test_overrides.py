"""A mistake in what is typed is told with what to type instead."""

from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from attrec_bench.configuration import composed, explained, keys_of, unknown_key, with_own_model
from attrec_bench.errors import InputError
from attrec_bench.overrides import choices, unreadable

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
