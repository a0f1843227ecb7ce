"""Every conf/dataset/*.yaml fits the functions that it names, and what lies on this machine is what was published."""

import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf

from attrec_bench.data.interactions import Interactions
from attrec_bench.data.locate import VARIABLE
from attrec_bench.errors import InputError

FOLDER = Path(__file__).parents[1] / "conf" / "dataset"
FILES = sorted(FOLDER.glob("*.yaml"))
PUBLISHED = {"ml-100k": (943, 1682, 100_000), "ml-1m": (6040, 3706, 1_000_209)}


def config(name: str, **changes: object) -> dict[str, Any]:
    loaded = OmegaConf.to_container(OmegaConf.load(FOLDER / f"{name}.yaml"))
    assert isinstance(loaded, dict)
    return {str(key): value for key, value in loaded.items()} | changes


def build(name: str, **changes: object) -> Interactions:
    data = instantiate(config(name, **changes), _convert_="all")
    assert isinstance(data, Interactions)
    return data


def targets(node: object) -> Iterator[Mapping[str, Any]]:
    """All nodes with a ``_target_``, at any depth."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield node
        for value in node.values():
            yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)


def test_there_is_a_yaml_for_each_published_row() -> None:
    assert {file.stem for file in FILES} >= {*PUBLISHED, "csv", "planted"}


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_keys_are_the_keywords(name: str) -> None:
    top = config(name)
    assert top["name"] == name
    for node in targets(top):
        parameters = inspect.signature(get_object(node["_target_"])).parameters
        assert all(parameter.default is inspect.Parameter.empty for parameter in parameters.values())
        given_later = {"path", "min_rating"} if node.get("_partial_") else set()
        assert {key for key in node if key not in {"_target_", "_partial_"}} | given_later == set(parameters)


@pytest.mark.parametrize("name", [file.stem for file in FILES if config(file.stem).get("counts")])
def test_real_data_have_their_published_counts(name: str) -> None:
    if not (Path(os.environ.get(VARIABLE, "/nonexistent")) / name).is_dir():
        pytest.skip(f"needs ${VARIABLE}/{name}")
    data = build(name)
    assert (data.n_users, data.n_items, len(data)) == PUBLISHED[name]
    assert data.name == name
    assert data.titles is not None
    assert data.titles[1] == "Toy Story (1995)"


def test_planted_has_the_size_of_movielens_100k() -> None:
    data = build("planted")
    assert (data.n_users, data.n_items, len(data)) == PUBLISHED["ml-100k"]
    assert data.truth is not None


def test_own_csv_with_the_usual_columns(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("user_id,item_id,rating,timestamp\na,x,4,1\na,y,2,2\n")
    assert len(build("csv", path=str(path))) == 2
    assert len(build("csv", path=str(path), min_rating=3)) == 1


@pytest.mark.parametrize("name", [file.stem for file in FILES if "path" in config(file.stem)])
def test_a_path_that_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(InstantiationException) as caught:
        build(name, path="/nowhere")
    assert isinstance(caught.value.__cause__, InputError)
    assert str(caught.value.__cause__).startswith("dataset.path must be a ")
    assert str(caught.value.__cause__).endswith("that exists, got '/nowhere'")
