"""Every YAML composes and fits its target: one home for each value."""

import inspect

import pytest
import yaml
from hydra.utils import get_class
from omegaconf import OmegaConf

from attrec_bench.configuration import composed, conf_folder
from attrec_bench.plan import FACTS, build
from attrec_bench.training.batches import batches
from attrec_bench.training.trainer import fit


def names(group: str) -> list[str]:
    """All choices of a group; model=own names no class until the user does."""
    return sorted(file.stem for file in (conf_folder() / group).glob("*.yaml") if file.stem != "own")


@pytest.mark.parametrize("name", names("model"))
def test_a_models_yaml_lists_its_constructors_keywords_and_no_others(name: str) -> None:
    node = composed([f"model={name}"]).model
    parameters = inspect.signature(get_class(node._target_)).parameters
    assert set(node) - {"_target_"} == set(parameters) - set(FACTS)
    assert all(p.default is inspect.Parameter.empty for p in parameters.values()), "the YAML is the value's one home"


@pytest.mark.parametrize("mode", names("mode"))
@pytest.mark.parametrize("name", names("model"))
def test_every_model_composes_with_every_mode(name: str, mode: str) -> None:
    config = composed([f"model={name}", f"mode={mode}"])
    assert OmegaConf.missing_keys(config.model) == set()
    OmegaConf.to_container(config.model, resolve=True)


@pytest.mark.parametrize("name", names("experiment"))
def test_every_experiment_composes(name: str) -> None:
    OmegaConf.to_container(composed([f"experiment={name}"]), resolve=True)


@pytest.mark.parametrize("name", names("experiment/ablation"))
def test_every_ablation_is_the_recipe_with_something_changed(name: str) -> None:
    config = composed([f"experiment=ablation/{name}"])
    recipe = composed([])
    assert config.train == recipe.train
    assert config.model == recipe.model


def test_the_ablation_of_deviations_lists_every_deviation_and_each_changes_something() -> None:
    listed = yaml.safe_load((conf_folder() / "experiment" / "ablation" / "deviations.yaml").read_text())
    assert sorted(listed["hydra"]["sweeper"]["params"]["deviation"].split(",")) == names("deviation")
    changed = {
        name: OmegaConf.to_container(composed([f"deviation={name}"]), resolve=True) for name in names("deviation")
    }
    paper = changed.pop("none")
    assert all(each != paper for each in changed.values())
    assert paper == OmegaConf.to_container(composed([]), resolve=True)


@pytest.mark.parametrize("name", names("protocol"))
def test_every_protocol_builds_a_split_function(name: str) -> None:
    assert callable(build(composed([f"protocol={name}"]).protocol.split))


@pytest.mark.parametrize("name", names("train"))
def test_training_settings_are_the_keywords_of_trainer_and_batches(name: str) -> None:
    own = set(inspect.signature(fit).parameters) | set(inspect.signature(batches).parameters)
    made = {"model", "data", "validate", "report", "train", "maxlen", "T", "seed", "device", "keeper"}
    assert set(composed([f"train={name}"]).train) == own - made
