"""The search spaces: those in sweeps/ are of equal generosity, and a mistake in one is one clear line."""

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import DictConfig

from attrec_bench.configuration import composed, conf_folder
from attrec_bench.errors import InputError
from attrec_bench.plan import class_of, learns, plan
from attrec_bench.results.record import flatten
from attrec_bench.sweeping.space import Range, Space, load, spaces_folder
from attrec_bench.sweeping.sweep import sweep_of

NAMES = sorted(file.stem for file in spaces_folder().glob("*.yaml"))
SMALL = ["dataset.n_users=60", "dataset.n_items=80", "dataset.n_interactions=1800"]


def config_of(name: str) -> DictConfig:
    return composed([*SMALL, f"model={name}"], "sweep")


def written(folder: Path, ranges: dict[str, Any], published: Any = None) -> str:
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump({"space": ranges, "published": published or []}))
    return str(file)


@pytest.mark.parametrize("name", NAMES)
def test_a_space_loads_and_tries_the_models_own_settings_first(name: str) -> None:
    config = config_of(name)
    space = load(name, config, [])
    applied = plan(space.applied(config, space.points[0]), name).config
    assert flatten(applied) == flatten(plan(config, name).config)


def test_a_key_that_means_nothing_in_the_mode_is_left_out_and_a_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    config = composed([*SMALL, "model=attrec", "mode=inner"], "sweep")
    here, there = load("attrec", config, []), load("attrec", config_of("attrec"), [])
    assert caplog.messages == ["sweeps/attrec.yaml: model.gamma means nothing in mode=inner, so it is not swept"]
    assert set(here.ranges) == set(there.ranges) - {"model.gamma"}
    assert here.points == tuple({k: v for k, v in each.items() if k != "model.gamma"} for each in there.points)
    assert plan(here.applied(config, here.points[1]), "attrec").config["model"]["gamma"] is None


def test_a_key_of_training_that_the_model_does_not_consume_is_left_out_and_a_line_says_so(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    words = [*SMALL, f"runs={tmp_path}", "tracking.uri=off", "model=sasrec"]
    there = sweep_of(words).space
    assert caplog.messages == []
    here = sweep_of([*words, "experiment=sasrec_softmax", "model.maxlen=20"]).space
    told = "sweeps/sasrec.yaml: train.negatives means nothing to model=sasrec as it is set, so it is not swept"
    assert caplog.messages == [told]
    assert set(here.ranges) == set(there.ranges) - {"train.negatives"}
    assert all("train.negatives" not in point for point in here.points)
    negatives = {"train.negatives": {"type": "int", "low": 1, "high": 8}}
    with pytest.raises(InputError, match=r"some swept key must be used by model=sasrec, got \['train\.negatives'\]"):
        sweep_of([*words, "model.loss=softmax", f"sweep.space={written(tmp_path, negatives)}"])
    loss = {"model.loss": {"type": "categorical", "choices": ["bce", "softmax"]}}
    either = sweep_of([*words, f"sweep.space={written(tmp_path, loss | negatives)}"]).space
    assert set(either.ranges) == {"model.loss", "train.negatives"}, "of two losses one draws negatives"


def test_a_space_of_which_nothing_is_left_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path, {"model.gamma": {"type": "float", "low": 0.1, "high": 1}})
    with pytest.raises(InputError, match=r"some swept key must be used in mode=inner, got \['model\.gamma'\]"):
        load(file, composed([*SMALL, "model=attrec", "mode=inner"], "sweep"), [])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", ["low", "high"])
def test_both_ends_of_all_ranges_make_a_model(name: str, end: str) -> None:
    config = config_of(name)
    space = load(name, config, [])
    for key, each in space.ranges.items():
        value = each.choices[0 if end == "low" else -1] if each.choices else getattr(each, end)
        plan(space.applied(config, space.points[0] | {key: value}), name)


def test_all_models_are_searched_with_equal_generosity() -> None:
    """Models that learn: seven keys each, of one range. Those that are fitted in one go: all that they have."""
    configs = {name: config_of(name) for name in NAMES}
    learning = {name: learns(class_of(config.model._target_)) for name, config in configs.items()}
    assert sum(learning.values()) >= 3
    for kind in (True, False):
        spaces = {name: load(name, configs[name], []) for name in NAMES if learning[name] is kind}
        for name, space in spaces.items():
            own = {f"model.{key}" for key in configs[name].model} - {"model._target_"}
            assert len(space.ranges) == 7 if kind else set(space.ranges) == own
        for key in {key for space in spaces.values() for key in space.ranges}:
            assert len({each.ranges[key] for each in spaces.values() if key in each.ranges}) == 1, f"{key} differs"


def test_every_model_can_be_swept_but_those_with_nothing_to_tune() -> None:
    """A model that is another one's class with other values shares its space: sweep.space=attrec model=attrec_tf2."""
    models = {file.stem: config_of(file.stem).model for file in (conf_folder() / "model").glob("*.yaml")}
    tunable = {name for name, model in models.items() if set(model) != {"_target_"} and name != "own"}
    classes = {models[name]._target_ for name in NAMES}
    assert {models[name]._target_ for name in tunable} == classes
    assert {"ease", "itemknn"} <= set(NAMES)


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a key that the model lacks": (
        {"model.reg_user": {"type": "float", "low": 0, "high": 1}},
        "a swept key must be one that this model has, got 'model.reg_user'",
    ),
    "a key with a typo": (
        {"model.dropuot": {"type": "float", "low": 0, "high": 1}},
        "got 'model.dropuot' (did you mean 'model.dropout'?)",
    ),
    "a range upside down": (
        {"model.w": {"type": "float", "low": 1, "high": 0}},
        "model.w: low must be below high, got 'low=1, high=0'",
    ),
    "a type with a typo": (
        {"model.w": {"type": "flaot", "low": 0, "high": 1}},
        "must be one of float, int, categorical, got 'flaot' (did you mean 'float'?)",
    ),
    "a field with a typo": (
        {"model.w": {"type": "float", "low": 0, "hihg": 1}},
        "got 'hihg' (did you mean 'high'?)",
    ),
    "no upper end": (
        {"model.w": {"type": "float", "low": 0}},
        "model.w: high must be a number of type float, got None",
    ),
    "a number that is no whole one": (
        {"model.d": {"type": "int", "low": 2.5, "high": 8}},
        "model.d: low must be a number of type int, got 2.5",
    ),
    "a logarithm of zero": (
        {"model.w": {"type": "float", "low": 0, "high": 1, "log": True}},
        "low of a log range must be above 0, got 0",
    ),
    "one choice": ({"model.pairs": {"type": "categorical", "choices": ["all"]}}, "at least two different values"),
    "no range": ({"model.w": 0.5}, "model.w must be a mapping such as"),
    "no key at all": ({}, "must hold a mapping named space"),
    "the seed": ({"seed": {"type": "int", "low": 0, "high": 9}}, "belongs to model or train"),
    "the metric": (
        {"train.monitor": {"type": "categorical", "choices": ["MRR", "HR@10"]}},
        "is none of model._target_, train.monitor",
    ),
    "a key that is null": (
        {"model.projection_bound": {"type": "float", "low": 0, "high": 1}},
        "model.projection_bound is null in this configuration",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_a_space_is_one_clear_line(case: str, tmp_path: Path) -> None:
    ranges, told = MISTAKES[case]
    with pytest.raises(InputError) as caught:
        load(written(tmp_path, ranges), config_of("attrec"), [])
    assert told in str(caught.value)
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_published_value_outside_of_its_range_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path, {"model.w": {"type": "float", "low": 0, "high": 1}}, [{"model.w": 1.5}])
    with pytest.raises(InputError, match=r"published entry 1: model\.w must lie in its range, 0 to 1, got 1\.5"):
        load(file, config_of("attrec"), [])


def test_a_swept_key_cannot_be_set_as_well_not_even_by_its_short_name() -> None:
    for key in ("model.w", "w"):
        with pytest.raises(InputError, match=rf"^{key} is swept by sweeps/attrec\.yaml"):
            load("attrec", config_of("attrec"), [key])


def test_a_space_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(
        InputError, match=r"no search space for 'atrec' \(did you mean 'attrec'\?\): sweeps/ has attrec,"
    ):
        load("atrec", config_of("attrec"), [])


def test_a_file_that_is_no_yaml_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("space: {model.w: [")
    with pytest.raises(InputError, match=r"bad\.yaml cannot be read"):
        load(str(tmp_path / "bad.yaml"), config_of("attrec"), [])


def test_ranges_know_what_they_hold_and_where_their_edges_are() -> None:
    real = Range("float", 0.01, 1, log=True)
    assert [real.holds(value) for value in (0.01, 0.5, 1, 2, True, "0.5", float("nan"))] == [True] * 3 + [False] * 4
    # in logs the range is 4.605 wide, and one hundredth of it above 0.01 ends at 0.01 * e ** 0.04605 = 0.01047
    assert [real.edge(value) for value in (0.0104, 0.0105, 0.5, 0.96)] == ["lowest", None, None, "highest"]
    whole = Range("int", 2, 10, step=4)
    assert [value for value in range(12) if whole.holds(value)] == [2, 6, 10]
    assert [whole.edge(value) for value in (2, 6, 10)] == ["lowest", None, "highest"]
    choice = Range("categorical", choices=("all", "aligned"))
    assert [choice.holds(value) for value in ("all", "some")] == [True, False]
    assert choice.edge("all") is None


def test_values_land_in_the_configuration_and_leave_the_original_alone() -> None:
    config = config_of("attrec")
    space = Space("mine", {"model.w": Range("float", 0, 1), "train.optimizer.lr": Range("float", 0.001, 1)}, ())
    made = space.applied(config, {"model.w": 0.75, "train.optimizer.lr": 0.5})
    assert (made.model.w, made.train.optimizer.lr) == (0.75, 0.5)
    assert config.model.w != 0.75
