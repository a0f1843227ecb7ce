"""Every conf/dataset/*.yaml fits the functions that it names, and what lies on this machine is what was published."""

import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf

from attrec_bench.data import sources
from attrec_bench.data.interactions import CLOCKS, Interactions
from attrec_bench.data.locate import VARIABLE
from attrec_bench.data.splits import Split, leave_one_out
from attrec_bench.errors import InputError

FOLDER = Path(__file__).parents[1] / "conf" / "dataset"
FILES = sorted(FOLDER.glob("*.yaml"))
PUBLISHED = {
    "ml-100k": (943, 1682, 100_000),
    "ml-1m": (6040, 3706, 1_000_209),
    "ml-latest-small": (610, 9724, 100_836),
    "lastfm": (1892, 12_523, 186_479),
    "amazon-apps": (87_271, 13_209, 752_937),
    "amazon-beauty": (22_363, 12_101, 198_502),
    "amazon-digital-music": (5541, 3568, 64_706),
    "amazon-health": (38_609, 18_534, 346_355),
    "amazon-instant-video": (5130, 1685, 37_126),
    "amazon-musical-instruments": (1429, 900, 10_261),
    "amazon-sports": (35_598, 18_357, 296_337),
    "amazon-tools": (16_638, 10_217, 134_476),
    "amazon-toys": (19_412, 11_924, 167_597),
    "amazon-video-games": (24_303, 10_672, 231_780),
    "seqrec-beauty": (22_332, 12_086, 198_215),
    "seqrec-clothing": (39_230, 22_948, 277_534),
    "seqrec-health": (38_329, 18_427, 343_831),
    "seqrec-toys": (19_124, 11_758, 165_247),
}
OWN = {"csv", "inter", "pairs", "sequences"}
"""Layouts of a user's own file."""


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
    assert {file.stem for file in FILES} == {*PUBLISHED, *OWN, "planted"}


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_keys_are_the_keywords(name: str) -> None:
    top = config(name)
    assert top["name"] == name
    for node in targets(top):
        parameters = inspect.signature(get_object(node["_target_"])).parameters
        assert all(parameter.default is inspect.Parameter.empty for parameter in parameters.values())
        given_later = {"path", "min_rating"} if node.get("_partial_") else set()
        assert {key for key in node if key not in {"_target_", "_partial_"}} | given_later == set(parameters)


@pytest.mark.parametrize("name", [file.stem for file in FILES if file.stem not in OWN | {"planted"}])
def test_layouts_have_a_clock_and_one_file_name_each(name: str) -> None:
    layouts = config(name)["layouts"]
    assert {layout["clock"] for layout in layouts} <= set(CLOCKS)
    assert len({layout["file"] for layout in layouts}) == len(layouts)
    assert all(set(layout) == {"file", "clock", "read"} for layout in layouts)


@pytest.mark.parametrize("name", PUBLISHED)
def test_real_data_have_their_published_counts(name: str) -> None:
    data = build(name, path=str(present(name)))
    assert (data.n_users, data.n_items, len(data)) == PUBLISHED[name]
    assert data.name == name
    if name.startswith("ml-"):
        assert data.titles is not None
        assert data.titles[1] == "Toy Story (1995)"


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name.startswith(("amazon-", "seqrec-"))])
def test_a_five_core_has_nothing_below_five(name: str) -> None:
    data = build(name, path=str(present(name)))
    assert min(np.bincount(data.users).min(), np.bincount(data.items)[1:].min()) >= 5
    assert len(build(name, path=str(present(name)), k_core=5)) == len(data)


def test_the_preparation_of_movielens_1m_that_papers_use() -> None:
    data = build("ml-1m", path=str(present("ml-1m")), min_item_events=5)
    assert (data.n_users, data.n_items, len(data)) == (6040, 3416, 999_611)
    assert data.removed == {"min_item_events=5": 598}


def test_two_layouts_of_beauty_tell_the_same_order() -> None:
    folder = present("amazon-beauty")
    files = [folder / "interactions.csv.gz", folder / "Beauty.s3rec.txt.gz"]
    if not all(file.is_file() for file in files):
        pytest.skip(f"needs ${VARIABLE}/amazon-2014-5core/beauty with both layouts")
    days, order = (build("amazon-beauty", path=str(file)) for file in files)
    assert (days.clock, order.clock) == ("relative day", "order")
    first, second = (split(data).known for data in (days, order))
    for name in ("users", "items"):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_half_of_movielens_1m_in_its_own_layout() -> None:
    file = present("ml-1m") / "ratings.first487650.dat.gz"
    if not file.is_file():
        pytest.skip(f"needs ${VARIABLE}/ml-1m/{file.name}")
    half = sources.ratings_dat(file, titles=None, min_rating=None)
    assert (half.n_users, len(half)) == (2999, 487_650)
    whole = build("ml-1m", path=str(file.with_name("interactions.csv.gz")))
    assert half.user_ids[half.users].tolist() == whole.user_ids[whole.users[:487_650]].tolist()
    assert half.item_ids[half.items].tolist() == whole.item_ids[whole.items[:487_650]].tolist()


def split(data: Interactions) -> Split:
    return leave_one_out(data, tie_order="file", last_tie="last", tie_seed=0)


def present(name: str) -> Path:
    """The folder of a data set on this machine; without one the test is skipped."""
    settings = config(name)
    folder = Path(os.environ.get(VARIABLE, "/nonexistent")) / str(settings["folder"])
    files = [layout["file"] for layout in settings["layouts"]]
    if not any((folder / file).is_file() for file in files):
        pytest.skip(f"needs {' or '.join(files)} in ${VARIABLE}/{settings['folder']}")
    return folder


def test_planted_has_the_size_of_movielens_100k() -> None:
    data = build("planted")
    assert (data.n_users, data.n_items, len(data)) == PUBLISHED["ml-100k"]
    assert data.truth is not None


def test_own_csv_with_the_usual_columns(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("user_id,item_id,rating,timestamp\na,x,4,1\na,y,2,2\n")
    assert len(build("csv", path=str(path))) == 2
    assert len(build("csv", path=str(path), min_rating=3)) == 1
    assert build("csv", path=str(path), k_core=1).removed == {"k_core=1": 0}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("inter", "user_id:token\titem_id:token\ttimestamp:float\na\tx\t5\na\ty\t6\n"),
        ("pairs", "a x\na y\n"),
        ("sequences", "a x y\n"),
    ],
)
def test_own_files_in_other_layouts(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "mine"
    path.write_text(text)
    data = build(name, path=str(path))
    assert data.item_ids[data.items].tolist() == ["x", "y"]
    assert data.clock == ("second" if name == "inter" else "order")


@pytest.mark.parametrize("name", [file.stem for file in FILES if "path" in config(file.stem)])
def test_a_path_that_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(InstantiationException) as caught:
        build(name, path="/nowhere")
    assert isinstance(caught.value.__cause__, InputError)
    assert str(caught.value.__cause__).startswith("dataset.path must be a ")
    assert str(caught.value.__cause__).endswith("that exists, got '/nowhere'")
