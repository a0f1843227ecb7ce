from functools import partial
from pathlib import Path
from typing import Any

import pytest

from attrec_bench.data import sources
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.locate import VARIABLE, Counts, Layout, load, locate, own_csv
from attrec_bench.errors import InputError

UDATA = "1\t5\t3\t10\n1\t6\t4\t11\n2\t5\t1\t12\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("attrec_bench.data.locate.user_cache_dir", lambda _: str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "cache" / "set"


def find(path: str | None = None) -> Path:
    return locate(name="set", folder="set", path=path, files=["u.data", "other.csv"], url=None, sha256=None, members=[])


def test_without_a_url_it_says_where_to_put_the_file(cache: Path) -> None:
    with pytest.raises(InputError) as caught:
        find()
    assert str(caught.value) == (
        f"set is not on this machine and has no download: put u.data or other.csv into ${VARIABLE}/set/ or {cache}/, "
        "or give dataset.path=FILE; dataset=planted needs no download"
    )


def test_search_order(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, given = tmp_path / "shared", tmp_path / "given"
    for folder in (cache, shared / "set", given):
        folder.mkdir(parents=True)
    (cache / "u.data").write_text(UDATA)
    monkeypatch.setenv(VARIABLE, str(shared))
    assert find() == cache / "u.data"
    (shared / "set" / "other.csv").write_text("x")
    assert find() == shared / "set" / "other.csv"  # a place comes before a layout
    (shared / "set" / "u.data").write_text(UDATA)
    assert find() == shared / "set" / "u.data"
    (given / "u.data").write_text(UDATA)
    assert find(path=str(given)) == given / "u.data"
    assert find(path=str(given / "u.data")) == given / "u.data"


def test_a_given_path_is_final(cache: Path, tmp_path: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "u.data").write_text(UDATA)
    with pytest.raises(InputError, match=r"dataset\.path must be a file or folder that exists, got '/nowhere'"):
        find(path="/nowhere")
    with pytest.raises(InputError, match=r"dataset\.path=.* is a folder without u\.data or other\.csv"):
        find(path=str(tmp_path))


LAYOUTS = [
    Layout(file="u.data", clock="second", read=partial(sources.udata, titles="u.item")),
    Layout(file="r.dat", clock="day", read=partial(sources.ratings_dat, titles=None)),
]
COUNTS = Counts(users=2, items=2, interactions=3)


UNFILTERED: dict[str, Any] = {"duplicates": "keep", "min_user_events": None, "min_item_events": None, "k_core": None}


def read(
    path: Path, min_rating: float | None = None, counts: Counts | None = COUNTS, **filters: object
) -> Interactions:
    return load(
        name="set", folder="set", path=str(path), layouts=LAYOUTS, url=None, sha256=None, members=[], counts=counts,
        min_rating=min_rating, **UNFILTERED | filters,
    )  # fmt: skip


def test_load_picks_the_reader_by_the_file_name(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text(UDATA)
    (tmp_path / "r.dat").write_text(UDATA.replace("\t", "::"))
    first, second = read(tmp_path / "u.data"), read(tmp_path / "r.dat")
    assert first.sha256 == second.sha256
    assert first.name == "set"
    assert (first.clock, second.clock) == ("second", "day")
    (tmp_path / "x").write_text(UDATA)
    with pytest.raises(InputError, match=r"dataset\.path must name a file called u\.data or r\.dat, got '.*/x'"):
        read(tmp_path / "x")


def test_counts_are_checked_before_ratings_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "u.data"
    path.write_text(UDATA)
    assert len(read(path, min_rating=3)) == 2
    path.write_text(UDATA + "0\t5\t3\t10\n")
    for min_rating in (None, 3.0):
        with pytest.raises(InputError) as caught:
            read(path, min_rating=min_rating)
        assert str(caught.value) == (
            f"{path} is not set as published: expected 2 users, 2 items, 3 interactions, "
            "got 3 users, 2 items, 4 interactions; for data of your own set dataset.counts=null"
        )
    assert len(read(path, counts=None)) == 4


def test_filters_come_after_the_check_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "u.data"
    path.write_text(UDATA)
    left = read(path, min_rating=3, min_item_events=1, k_core=1)
    assert left.removed == {"min_rating=3": 1, "min_item_events=1": 0, "k_core=1": 0}
    left = read(path, min_user_events=2)  # user 2 goes, with what is left of item 5
    assert (left.user_ids.tolist(), left.item_ids.tolist(), left.removed) == (
        ["1"], ["", "5", "6"], {"min_user_events=2": 1},
    )  # fmt: skip
    with pytest.raises(InputError, match="k_core=3 leaves none of the 3 events"):
        read(path, k_core=3)


def test_the_folder_of_a_collection(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "shared" / "collection" / "one"
    place.mkdir(parents=True)
    (place / "u.data").write_text(UDATA)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "shared"))
    keywords: dict[str, Any] = {"path": None, "files": ["u.data"], "url": None, "sha256": None, "members": []}
    assert locate(name="set", folder="collection/one", **keywords) == place / "u.data"
    with pytest.raises(InputError, match=r"put u\.data into \$ATTREC_BENCH_DATA/other/ or .*cache/set/"):
        locate(name="set", folder="other", **keywords)


def test_own_csv(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("user_id,item_id,timestamp\n1,2,3\n")
    names = {"user": "user_id", "item": "item_id", "rating": "rating", "separator": ","}

    def csv(
        path: str | None, time: str | None = "timestamp", clock: str = "day", titles: str | None = None
    ) -> Interactions:
        columns: dict[str, Any] = {**names, "time": time}
        columns |= UNFILTERED
        return own_csv(name="mine", path=path, titles=titles, clock=clock, min_rating=None, **columns)

    assert (csv(str(path)).name, len(csv(str(path))), csv(str(path)).clock) == ("mine", 1, "day")
    assert csv(str(path), time=None).clock == "order", "without times there is only an order"
    with pytest.raises(InputError, match=r"^dataset\.path=FILE must name your own file$"):
        csv(None)
    with pytest.raises(InputError, match=r"dataset\.path must be a file that exists, got '/nowhere'"):
        csv("/nowhere")
    with pytest.raises(InputError, match=r"dataset\.clock must be one of second, millisecond, .*order, got 'hour'"):
        csv(str(path), clock="hour")
