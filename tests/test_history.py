"""What a list looks back on: what stands before the test, as the test did, or all that the user has done."""

from pathlib import Path

import numpy as np
import pytest

from attrec_bench.bundle import export, read_topk
from attrec_bench.configuration import composed
from attrec_bench.data.interactions import Interactions
from attrec_bench.errors import InputError
from attrec_bench.history import history_of
from attrec_bench.plan import Plan, plan
from attrec_bench.recommend import recommend
from attrec_bench.results.record import Record
from attrec_bench.run import run
from tests.test_cli import bench

SHOP = {"ann": "abcdefa", "bob": "bcdefgh", "eve": "cdefgh", "two": "gh", "one": "h"}
PROTOCOLS = {
    "leave_one_out": ["protocol.tie_order=item"],
    "leave_one_out, first": ["protocol.last_tie=first", "protocol.tie_order=random", "protocol.tie_seed=5"],
    "ratio": ["protocol=ratio", "protocol.tie_order=file_reversed"],
    "global_time": ["protocol=global_time", "protocol.target=first", "protocol.valid_share=0.4"],
}


def shop(folder: Path, *, seconds: int = 1, late: str = "") -> list[str]:
    """A log of ``SHOP``, of a user's events so many in a second, then ``late`` rows; the words that name it."""
    rows = [f"{user},{item},{at // seconds}" for user, items in SHOP.items() for at, item in enumerate(items)]
    (folder / "shop.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows, late]))
    return ["dataset=csv", f"dataset.path={folder / 'shop.csv'}"]


def recorded(folder: Path, model: str, *words: str, late: str = "") -> tuple[Path, Record]:
    runs = folder / "runs"
    words = (*shop(folder, late=late), f"model={model}", f"runs={runs}", "train.epochs=1", "tracking.uri=off", *words)
    return runs, run(composed(list(words)), model, " ".join(["attrec-bench", "run", *words]))[0]


def events_of(data: Interactions, user: str) -> list[tuple[str, int]]:
    own = data.users == np.flatnonzero(data.user_ids == user)[0]
    return list(zip(data.item_ids[data.items[own]].tolist(), data.times[own].tolist(), strict=True))


def listed(told: str) -> list[str]:
    """The items of a list, best first."""
    return [line.rsplit("item ", 1)[1] for line in told[told.index("best items") :].splitlines()[1:]]


def planned(folder: Path, *words: str) -> Plan:
    return plan(composed([*shop(folder, seconds=2), "model=popularity", *words]), "popularity")


@pytest.mark.parametrize("case", PROTOCOLS)
def test_all_events_stand_in_the_order_of_the_split(tmp_path: Path, case: str) -> None:
    made = planned(tmp_path, *PROTOCOLS[case])
    known, every = history_of(made, "known"), history_of(made, "all")
    assert len(every) == len(made.interactions)
    for user, items in SHOP.items():
        found, left = events_of(every, user), events_of(known, user)
        assert sorted(item for item, _ in found) == sorted(items)
        late = iter(found)
        assert all(event in late for event in left), "in the same order, with others between"
        assert [at for _, at in found] == sorted(at for _, at in found)
    if case != "leave_one_out, first":  # else the test event stands among others of its second, so a, b, c is a, X, b
        assert all(events_of(every, user)[: len(events_of(known, user))] == events_of(known, user) for user in SHOP)


@pytest.mark.parametrize("model", ["attrec", "popularity"])
def test_a_list_for_today_looks_back_on_the_test_event_too(tmp_path: Path, model: str) -> None:
    runs, record = recorded(tmp_path, model)

    def told(user: str, history: str) -> str:
        return recommend(runs, record.identity, user, 9, None, None, history)

    before, today = told("bob", "known"), told("bob", "all")
    assert sorted(listed(before)) == ["a", "h"]
    assert listed(today) == ["a"]
    assert before == recommend(runs, record.identity, "bob", 9, None), "the default"
    assert ", looking back on 6 of 7 events (1 from the test on held out; history=all includes it):\n" in before
    assert ", looking back on all 7 events (1 from the test on included):\n" in today
    if model == "attrec":
        windows = [each.partition("the ")[2].partition("best items")[0] for each in (before, today)]
        assert ["item h" in window for window in windows] == [False, True]
    assert listed(told("ann", "known")) == listed(told("ann", "all")), "the test item was met before"
    for user in ("one", "two"):
        assert sorted(listed(told(user, "all"))) == sorted(set("abcdefgh") - set(SHOP[user]))
        assert f"looking back on all {len(SHOP[user])} events (none held out)" in told(user, "known")


def test_lists_of_all_users_agree_with_those_of_each(tmp_path: Path) -> None:
    runs, record = recorded(tmp_path, "attrec")
    for history, said in (
        ("known", "20 of 23 events (3 from the test on held out; history=all includes them)"),
        ("all", "all 23 events (3 from the test on included)"),
    ):
        out = tmp_path / f"{history}.tsv"
        assert export(runs, record.identity, out, 4, None, history).splitlines() == [
            f"wrote {out}: 4 items of each user, looking back on {said}"
        ]
        lines = read_topk(out)
        for user in SHOP:
            told = recommend(runs, record.identity, user, 4, None, None, history)
            assert [item for each, item, _ in lines if each == user] == listed(told)


def test_whom_the_model_has_not_met_gets_a_list_and_a_note(tmp_path: Path) -> None:
    runs, record = recorded(tmp_path, "attrec", "protocol=global_time", late="late,a,6\nlate,b,6\n")
    with pytest.raises(InputError, match="from; history=all looks back on all events"):
        recommend(runs, record.identity, "late", 9, None)
    note = "note: the model has not learnt from {}: what it keeps for each user, if anything, is there as it was before"
    told = recommend(runs, record.identity, "late", 9, None, None, "all")
    assert sorted(listed(told)) == list("cdefgh")
    assert note.format("this user") in told
    assert "note" not in recommend(runs, record.identity, "ann", 9, None, None, "all")
    (_, said) = export(runs, record.identity, tmp_path / "all.tsv", 2, None, "all").splitlines()
    assert note.format("1 of 6 users") in said
    assert "note" not in export(runs, record.identity, tmp_path / "known.tsv", 2, None)


def test_history_on_the_command_line(tmp_path: Path) -> None:
    _, record = recorded(tmp_path, "popularity")

    def refused(*words: str) -> str:
        done = bench(*words, f"run={record.identity[:12]}", folder=tmp_path)
        assert done.returncode == 1
        return done.stderr

    choices = "history must be one of known, all, got 'al' (did you mean 'all'?)"
    assert choices in refused("recommend", "user=bob", "history=al")
    assert choices in refused("export", "out=lists.tsv", "history=al")
    assert "history=all is for lists alone, out=lists.tsv" in refused("export", "out=bundle.zip", "history=all")
    done = bench("recommend", f"run={record.identity[:12]}", "user=bob", "history=all", folder=tmp_path)
    assert listed(done.stdout) == ["a"], done.stderr
    done = bench("export", f"run={record.identity[:12]}", "out=lists.tsv", "history=all", folder=tmp_path)
    assert "looking back on all 23 events (3 from the test on included)" in done.stdout, done.stderr
    assert [item for user, item, _ in read_topk(tmp_path / "lists.tsv") if user == "bob"] == ["a"]


def test_lists_end_with_titles_where_that_is_asked_for(tmp_path: Path) -> None:
    _, record = recorded(tmp_path, "popularity")
    (tmp_path / "names.csv").write_text('a,"Anvil,\tsmall\nand old"\nh,Harp\n')
    given, named = ["export", f"run={record.identity[:12]}", "out=lists.tsv"], "dataset.titles=names.csv"

    def rows(*words: str) -> list[list[str]]:
        done = bench(*given, *words, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in (tmp_path / "lists.tsv").read_text().splitlines()]

    plain = rows()
    assert plain[0] == ["user_id", "item_id", "score"]
    assert rows(named, "titles=false") == plain
    titles = {"item_id": "title", "a": "Anvil, small and old", "h": "Harp"}
    assert rows(named) == rows(named, "titles=true") == [[*row, titles.get(row[1], row[1])] for row in plain]
    for words, said in (
        (["titles=true"], "titles=true needs titles, and csv has none: name their file, dataset.titles=FILE"),
        (["out=bundle.zip", named], "titles=true is for lists alone, out=lists.tsv"),
        (["titles=yes"], "titles must be one of true, false, got 'yes'"),
    ):
        done = bench(*given, *words, folder=tmp_path)
        assert done.returncode == 1
        assert said in done.stderr
