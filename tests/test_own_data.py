"""A newcomer's own file, through the functions behind the verbs: what is refused says in one line what to do."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from attrec_bench.configuration import composed, explained
from attrec_bench.data_report import data_report
from attrec_bench.errors import InputError
from attrec_bench.recommend import recommend
from attrec_bench.results.record import Record
from attrec_bench.run import run
from tests.test_cli import bench


def refused(*arguments: str) -> str:
    """The one line with which `attrec-bench data` refuses."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Hydra wraps what a reader raises; the line is what counts
        data_report(list(arguments))
    said = explained(caught.value)
    assert said is not None
    assert "\n" not in said
    return said


def recorded(folder: Path, *words: str) -> Record:
    """Run popularity on data that the words name."""
    words = (*words, "model=popularity", f"runs={folder / 'runs'}", "tracking.uri=off")
    return run(composed(list(words)), "popularity", " ".join(["attrec-bench", "run", *words]))[0]


def fact(told: str, name: str) -> str:
    """What a description says of this fact."""
    (line,) = [line for line in told.splitlines() if line.startswith(f"{name}  ")]
    return line.removeprefix(name).strip()


def test_an_order_without_times_is_not_cut_in_time(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("".join(f"{user} a b c d e\n" for user in range(9)))
    given = [f"dataset.path={file}", "dataset.name=mine", "protocol=global_time"]
    rule = "protocol=global_time needs times, and mine gives only the order of a user's events"
    assert refused("audit", "sequences", *given) == rule
    with pytest.raises(ValueError, match=rule):
        recorded(tmp_path, "dataset=sequences", *given)


# Titles ---------------------------------------------------------------------------------------------------------------

FIVE = [("ann", "a", 1), ("ann", "b", 2), ("ann", "c", 3), ("bob", "d", 4), ("bob", "e", 5), ("bob", "a", 6)]
TEXTS = {
    "csv": "user_id,item_id,timestamp\n" + "".join(f"{u},{i},{t}\n" for u, i, t in FIVE),
    "inter": "user_id:token\titem_id:token\ttimestamp:float\n" + "".join(f"{u}\t{i}\t{t}\n" for u, i, t in FIVE),
    "pairs": "".join(f"{u} {i}\n" for u, i, _ in FIVE),
    "sequences": "ann a b c\nbob d e a\n",
}


def test_a_yaml_that_names_no_layout_is_told_how_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "shop.yaml").write_text("name: shop\npath: a.csv\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"got none beside name, path; .* begins with .*: defaults: \[csv\]"):
        data_report(["shop"])


@pytest.mark.parametrize("layout", TEXTS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_titles_of_every_layout_under_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, separator: str
) -> None:
    data, names = tmp_path / "data" / "mine", tmp_path / "names.csv"
    data.parent.mkdir()
    data.write_text(TEXTS[layout])
    names.write_text(f'article{separator}name\na{separator}"Anvil, small; old"\nb{separator}Bell\nz{separator}Zither\n')
    words = [layout, f"dataset.path={data}"]
    assert "titles" not in data_report(words)
    assert fact(data_report([*words, f"dataset.titles={names}"]), "titles") == "2 of 5 items"
    monkeypatch.chdir(tmp_path)
    assert fact(data_report([*words, "dataset.titles=names.csv"]), "titles") == "2 of 5 items", "from here"
    names.rename(data.parent / "names.csv")
    assert fact(data_report([*words, "dataset.titles=names.csv"]), "titles") == "2 of 5 items", "beside the data"
    if layout != "csv":
        assert fact(data_report([*words, "dataset.read.titles=names.csv"]), "titles") == "2 of 5 items"


@pytest.mark.parametrize("layout", TEXTS)
def test_titles_that_are_not_there_or_of_other_items_are_refused(tmp_path: Path, layout: str) -> None:
    (tmp_path / "mine").write_text(TEXTS[layout])
    words = [layout, f"dataset.path={tmp_path / 'mine'}"]
    said = refused(*words, "dataset.titles=nmaes.csv")
    assert said.startswith("dataset.titles must be a file that exists, got 'nmaes.csv'; looked for ")
    assert str(tmp_path / "nmaes.csv") in said
    (tmp_path / "names.csv").write_text("x,Anvil\ny,Bell\n")
    said = refused(*words, "dataset.titles=names.csv")
    assert said.startswith(f"dataset.titles={tmp_path / 'names.csv'}: its first two columns must be an item's id and ")
    assert said.endswith("none is of an item of the data, 'a' for one; it begins with 'x'")
    (tmp_path / "names.csv").write_text("a|Anvil\nb|Bell\n")
    assert refused(*words, "dataset.titles=names.csv").endswith("it begins with no line of two columns")


def test_titles_are_no_part_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(TEXTS["csv"])
    names = tmp_path / "names.csv"
    names.write_text("d,Drum\ne,Euphonium\n")
    words = ["dataset=csv", f"dataset.path={tmp_path / 'mine.csv'}"]
    bare = recorded(tmp_path, *words)
    runs = tmp_path / "runs"
    assert "Drum" not in recommend(runs, bare.identity, "ann", 5, None)
    assert "Drum (d)" in recommend(runs, bare.identity, "ann", 5, None, str(names))
    assert recorded(tmp_path, *words, "dataset.titles=names.csv").identity == bare.identity
    with pytest.raises(ValueError, match=r"dataset\.titles must be a file that exists, got 'other.csv'"):
        recommend(runs, bare.identity, "ann", 5, None, "other.csv")


def test_a_run_whose_titles_have_gone_still_recommends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mine.csv").write_text(TEXTS["csv"])
    names = tmp_path / "names.csv"
    names.write_text("d,Drum\n")
    made = recorded(tmp_path, "dataset=csv", f"dataset.path={tmp_path / 'mine.csv'}", "dataset.titles=names.csv")
    assert "Drum (d)" in recommend(tmp_path / "runs", made.identity, "ann", 5, None)
    assert not caplog.records
    renamed = names.rename(tmp_path / "titles.csv")
    assert "item d" in recommend(tmp_path / "runs", made.identity, "ann", 5, None)
    (warned,) = caplog.records
    assert "dataset.titles must be a file that exists, got 'names.csv'" in warned.getMessage()
    assert "Drum (d)" in recommend(tmp_path / "runs", made.identity, "ann", 5, None, str(renamed))


# Times ----------------------------------------------------------------------------------------------------------------


def test_a_description_tells_the_times_as_dates(tmp_path: Path) -> None:
    def told(*times: str, clock: str = "second") -> str:
        file = tmp_path / "mine.csv"
        file.write_text("user_id,item_id,timestamp\n" + "".join(f"ann,{at},{time}\n" for at, time in enumerate(times)))
        return fact(data_report(["csv", f"dataset.path={file}", f"dataset.clock={clock}"]), "times")

    week = ("2024-07-09T08:57:51Z", "2024-07-16T00:00:00Z")
    assert told(*week) == "seconds, 2024-07-09 to 2024-07-16"
    assert told("2024-07-09T08:57:51.5", "2024-07-16 00:00") == "milliseconds, 2024-07-09 to 2024-07-16"
    assert told("1720515471", "1721088000") == (
        "seconds, 1720515471 to 1721088000 (2024-07-09 to 2024-07-16, if counted from 1970)"
    )
    milliseconds = told("1720515471492", "1721088000000", clock="millisecond")
    assert milliseconds.endswith("to 1721088000000 (2024-07-09 to 2024-07-16, if counted from 1970)")
    assert told("1720515471492") == "seconds, 1720515471492 to 1720515471492", "no date of this calendar"
    assert told("2024-07-09", "2024-07-10") == "whole days, 2024-07-09 to 2024-07-10"
    assert told("1720483200", clock="day").endswith("(2024-07-09 to 2024-07-09, if in seconds from 1970)")
    assert told("5", "6", clock="order") == "none, only the order of each user's events"


# Users of a run -------------------------------------------------------------------------------------------------------


def test_a_user_whom_the_filters_left_out_is_told_so_and_a_near_id_is_offered(tmp_path: Path) -> None:
    rows = [f"{user},{item},{at}" for user in ("ann", "bob", "eve") for at, item in enumerate("abcd")]
    (tmp_path / "mine.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows, "joe,a,1", "joe,z,2"]) + "\n")
    made = recorded(tmp_path, "dataset=csv", f"dataset.path={tmp_path / 'mine.csv'}", "dataset.k_core=3")

    def told(user: str) -> str:
        with pytest.raises(InputError) as caught:
            recommend(tmp_path / "runs", made.identity, user, 5, None)
        return str(caught.value)

    assert told("joe") == "user 'joe' has 2 events, and the run left out all of them: k_core=3"
    assert told("bobb") == "user must be one of the 3 users (ann, bob, eve, ...), got 'bobb' (did you mean 'bob'?)"
    assert told("all").endswith(f"; for every user: attrec-bench export run={made.identity[:16]} out=lists.tsv")


def test_a_user_who_comes_after_the_cut_is_told_so(tmp_path: Path) -> None:
    rows = [f"{user},{item},{at}" for user in ("ann", "bob", "eve") for at, item in enumerate("abcdefghij")]
    (tmp_path / "mine.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows, "new,a,9"]) + "\n")
    words = ["dataset=csv", f"dataset.path={tmp_path / 'mine.csv'}", "protocol=global_time"]
    made = recorded(tmp_path, *words)
    assert "best items" in recommend(tmp_path / "runs", made.identity, "ann", 5, None)
    with pytest.raises(InputError, match="user 'new' has no event before the test, so there is nothing to recommend"):
        recommend(tmp_path / "runs", made.identity, "new", 5, None)


# Files that are not found or not read -----------------------------------------------------------------------------


def test_a_path_that_is_not_there_shows_where_it_was_looked_for_and_what_is_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.csv").write_text(TEXTS["csv"])
    said = refused("csv", "dataset.path=shpo.csv")
    place = tmp_path / "shpo.csv"
    assert (
        said == f"dataset.path must be a file that exists, got 'shpo.csv'; looked for {place} (did you mean shop.csv?)"
    )
    assert refused("csv", "dataset.path=other.csv").endswith(f"got 'other.csv'; looked for {tmp_path / 'other.csv'}")
    said = refused("ml-100k", "dataset.path=shpo.csv")
    assert said.startswith("dataset.path must be a file or folder that exists, got 'shpo.csv'; looked for ")
    assert said.endswith("(did you mean shop.csv?)")
    assert refused("csv", "dataset.path=shop.csv", "dataset.titles=shpo.csv").endswith("(did you mean shop.csv?)")
    assert refused("csv") == "dataset.path=FILE must name your own file"


@pytest.mark.parametrize(("name", "layout"), [("shop.csv", "csv"), ("shop.inter", "inter"), ("shop.txt", "sequences")])
def test_a_file_in_place_of_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, layout: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("x")
    for verb, arguments in (("data", [name]), ("data audit", ["audit", name])):
        assert refused(*arguments).endswith(
            f"for a file of your own: attrec-bench {verb} {layout} dataset.path={name} ..."
        )


def test_a_relative_path_of_ones_own_yaml_counts_from_the_folder_that_one_works_in(tmp_path: Path) -> None:
    own = tmp_path / "conf" / "dataset"
    own.mkdir(parents=True)
    (own / "shop.yaml").write_text("defaults:\n  - csv\nname: shop\npath: logs/shop.csv\n")
    (own / "logs").mkdir()
    (own / "logs" / "shop.csv").write_text(TEXTS["csv"])
    done = bench("data", "shop", folder=tmp_path)
    assert done.returncode == 1
    assert f"got 'logs/shop.csv'; looked for {tmp_path / 'logs' / 'shop.csv'}" in done.stderr
    (own / "logs").rename(tmp_path / "logs")
    done = bench("data", "shop", folder=tmp_path)
    assert fact(done.stdout, "items") == "5", done.stderr


@pytest.mark.parametrize("separator", [";", r"\t", "|"])
def test_the_hint_for_another_separator_is_what_one_types(tmp_path: Path, separator: str) -> None:
    file = tmp_path / "shop.csv"
    file.write_text(TEXTS["csv"].replace(",", "\t" if separator == r"\t" else separator))
    said = refused("csv", f"dataset.path={file}")
    hint = said.partition("one column only: is ")[2].partition(" meant? quote it")[0]
    assert hint == f"\"dataset.separator='{separator}'\""
    assert fact(data_report(["csv", f"dataset.path={file}", *shlex.split(hint)]), "items") == "5"


@pytest.mark.parametrize("coding", ["utf-16", "cp1252"])
def test_the_hint_for_another_encoding_converts_it(tmp_path: Path, coding: str) -> None:
    file, new = tmp_path / "shop.csv", tmp_path / "new.csv"
    file.write_bytes(TEXTS["csv"].replace("ann", "\xe4nn").encode(coding))
    said = refused("csv", f"dataset.path={file}")
    command = said.rpartition(": ")[2].replace("FILE", str(file)).replace("NEW", str(new))
    assert command.startswith("iconv -f ")
    if shutil.which("iconv") is None:
        pytest.skip("needs iconv")
    subprocess.run(command, shell=True, check=True)
    assert new.read_text(encoding="utf-8") == TEXTS["csv"].replace("ann", "\xe4nn")
