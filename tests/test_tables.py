import math
from dataclasses import replace
from typing import Any

import pytest

from attrec_bench.errors import InputError
from attrec_bench.results.formats import render
from attrec_bench.results.select import select
from attrec_bench.results.tables import BEST, SECOND, Cell, tables
from tests.records import TRAIN, house, make_record, one, row


def test_cells_are_mean_and_deviation_over_seeds() -> None:
    table = one(house())
    hits, reciprocal = row(table, "attrec").cells
    assert (hits.mean, hits.n) == (0.75, 2)
    assert hits.sd == pytest.approx(math.sqrt(0.125))  # (0.25² + 0.25²) / (2 - 1)
    assert reciprocal.mean == pytest.approx((0.525 + 0.3) / 2)
    assert reciprocal.sd == pytest.approx(math.sqrt(2 * 0.1125**2))
    assert row(table, "caser").cells == (Cell(0.5, None, 1, SECOND), Cell(0.52, None, 1, BEST))
    assert row(table, "bprmf").cells[0].sd == 0


def test_floors_stand_on_top_and_ceilings_at_the_bottom() -> None:
    table = one(house())
    assert [(each.label, each.kind) for each in table.rows] == [
        ("random", "floor"),
        ("popularity", "floor"),
        ("bprmf", "model"),
        ("caser", "model"),
        ("attrec", "model"),
        ("oracle", "ceiling"),
    ]


def test_best_and_second_are_told_among_models_by_what_is_shown() -> None:
    table = one(house())
    places = {each.label: [cell.place for cell in each.cells] for each in table.rows}
    assert places == {
        "random": [None, None],
        "popularity": [None, None],
        "oracle": [None, None],
        "attrec": [BEST, SECOND],
        "caser": [SECOND, BEST],
        "bprmf": [SECOND, None],
    }
    # ranks 30000 and 30001 differ far behind the fourth digit: both are best, and there is no second
    alike = one([make_record("bprmf", ranks=[1, 30000]), make_record("caser", ranks=[1, 30001])], ("MRR",))
    assert [each.cells[0].place for each in alike.rows] == [BEST, BEST]


def test_one_model_alone_is_not_the_best() -> None:
    table = one([make_record(), make_record("oracle", None, train=None)])
    assert [cell.place for each in table.rows for cell in each.cells] == [None] * 4


def test_labels_name_exactly_the_keys_that_differ() -> None:
    shared = {"d": 100, "mode": "dist"}
    records = [
        make_record(keywords={**shared, "w": 0.2, "gamma": 0.5, "l2": 0}),
        make_record(keywords={**shared, "w": 0.2, "gamma": 1.0, "l2": 0}),
        make_record(keywords={**shared, "w": 0.4, "gamma": 0.5, "l2": 0}, train={**TRAIN, "lr": 0.1, "l2": 1}),
        make_record("bprmf", keywords={"d": 100}),
    ]
    labels = {each.label for each in one(records).rows}
    assert labels == {
        "attrec (w=0.2, gamma=0.5, lr=0.05)",
        "attrec (w=0.2, gamma=1, lr=0.05)",
        "attrec (w=0.4, gamma=0.5, lr=0.1, l2=1)",
        "bprmf (lr=0.05)",  # of which attrec has two
    }


def test_long_numbers_are_cut_in_labels_while_these_still_differ() -> None:
    far, near = 0.0916120511368339, 0.09161205
    apart = [make_record(keywords={"w": w}) for w in (far, 0.2)]
    assert {row.label for row in one(apart).rows} == {"attrec (w=0.09161)", "attrec (w=0.2)"}
    close = [make_record(keywords={"w": w}) for w in (far, near)]
    assert {row.label for row in one(close).rows} == {f"attrec (w={far})", f"attrec (w={near})"}


def test_a_name_that_two_sections_share_is_written_in_full() -> None:
    records = [
        make_record(keywords={"l2": 0}, train={**TRAIN, "l2": 0}),
        make_record(keywords={"l2": 1}, train={**TRAIN, "l2": 1}),
    ]
    assert {each.label for each in one(records).rows} == {
        "attrec (model.l2=0, train.l2=0)",
        "attrec (model.l2=1, train.l2=1)",
    }


def test_equal_numbers_are_one_configuration() -> None:
    assert len(one([make_record(keywords={"w": 1}), make_record(seed=1, keywords={"w": 1.0})]).rows) == 1


@pytest.mark.parametrize(
    "other",
    [{"protocol": {"tie_order": "item"}}, {"protocol": {"refit": True}}, {"data": {"sha256": "cd" * 32}}],
)
def test_what_cannot_be_compared_shares_no_table(other: dict[str, Any]) -> None:
    made = tables([*house(), *house(**other)])
    assert [len(table.rows) for table in made] == [6, 6]
    assert {record.identity for each in made[0].rows for record in each.records}.isdisjoint(
        record.identity for each in made[1].rows for record in each.records
    )
    assert made[0].caption != made[1].caption


def test_of_two_code_versions_the_last_used_counts_and_the_note_says_so() -> None:
    old = [make_record(seed=seed, ranks=[100], created="2026-01-01T00:00:00+00:00") for seed in (0, 1, 2)]
    new = make_record(seed=0, ranks=[1], code="c0dec0de" + "beefbeef", created="2026-01-02T00:00:00+00:00")
    table = one([*old, new])
    assert row(table, "attrec").cells[0] == Cell(1, None, 1)
    assert row(table, "attrec").records == (new,)
    said = (
        "Left out, made by another version of the code than the newest record (table code=... shows them): "
        "3 records of attrec (code=c0dec0defeedfeed)"
    )
    assert table.details == (said,)
    assert row(one(select([*old, new], {"code": "c0dec0defeedfeed"})), "attrec").records == tuple(old)
    for format in ("terminal", "markdown", "latex"):
        assert " ".join(said.split()) in " ".join(render([table], format).split())


def test_a_table_is_the_work_of_one_program() -> None:
    days = [f"2026-01-0{day}T00:00:00+00:00" for day in range(1, 6)]
    code = "0ddba115" + "aaaaaaaa"
    records = [
        make_record("bprmf", created=days[0]),  # what every run goes through was another
        make_record("bprmf", 1, created=days[0]),
        make_record("popularity", None, train=None, created=days[1]),
        make_record("caser", created=days[2], code="0ddba115" + "cccccccc"),  # its own file was, of the same class
        make_record("caser", created=days[3], keywords={"L": 9}, code="0ddba115" + "dddddddd"),
        make_record("attrec", created=days[4], code=code),
        make_record("attrec", created=days[0], keywords={"w": 0.1}, code=code),  # older, but the same program
    ]
    table = one(records)
    assert {each.label for each in table.rows} == {"caser", "attrec", "attrec (w=0.1)"}
    assert {record.code[:8] for each in table.rows for record in each.records} == {"0ddba115"}
    assert row(table, "caser").records == (records[4],)
    assert table.details == (
        "Left out, made by another version of the code than the newest record (table code=... shows them): "
        "2 records of bprmf, 1 record of popularity (code=c0dec0de), 1 record of caser (code=0ddba115cccccccc)",
    )
    # each table for itself: where nothing newer stands beside them, the old ones count
    apart = [make_record("bprmf", protocol={"tie_order": "item"}), *records]
    assert sorted(len(made.rows) for made in tables(apart)) == [1, 3]


def test_one_seed_counts_once_though_the_data_have_two_names() -> None:
    twin = make_record(ranks=[100], data={"name": "my-copy"}, created="2020-01-01T00:00:00+00:00")
    table = one([twin, make_record(ranks=[1])])
    assert row(table, "attrec").cells[0] == Cell(1, None, 1)
    assert table.details == ("attrec: 1 older record of the same seed left out",)


def test_seeds_that_differ_between_rows_are_noted() -> None:
    assert not any(note.startswith("Seeds") for note in one(house()[3:7]).notes)
    assert one(house()).notes[0] == "Seeds differ: bprmf 0, 1; caser 0; attrec 0, 1"


def test_tables_of_one_name_are_told_apart_in_words() -> None:
    planted = [
        make_record(
            data={"name": "planted", "sha256": sha * 64},
            dataset={"long_term": long_term, "lags": [0.5, 0.5], "seed": 3, **more},
        )
        for sha, long_term, more in (("1", 0.0, {}), ("2", 0.5, {}), ("3", 0.5, {"zipf": 1.5}))
    ]
    other = make_record(dataset={"min_rating": None, "long_term": 7})
    captions = {made.data["sha256"][0]: made.caption for made in tables([*planted, other], ["MRR"])}
    assert captions["1"].startswith("MRR under leave-one-out on planted with long_term=0 (943 users")
    assert captions["2"].startswith("MRR under leave-one-out on planted with long_term=0.5 (943 users")
    assert captions["3"].startswith("MRR under leave-one-out on planted with long_term=0.5, zipf=1.5 (943 users")
    assert captions["a"].startswith("MRR under leave-one-out on ml-100k (943 users")
    assert "on planted (943 users" in one(planted[:1]).caption


def test_a_table_needs_records_and_metrics_that_exist() -> None:
    with pytest.raises(InputError, match="at least one record"):
        tables([])
    with pytest.raises(InputError, match="at least one metric"):
        tables(house(), [])
    with pytest.raises(InputError, match=r"metric must be .*, got ''"):
        tables(house(), [""])
    with pytest.raises(InputError, match="got 'HR10'"):
        tables(house(), ["HR10"])
    assert row(one([make_record(ranks=[1, 7, 8])], ("HR@7",)), "attrec").cells[0].mean == pytest.approx(2 / 3)


def test_a_table_holds_what_statistics_need() -> None:
    for each in one(house()).rows:
        assert len(each.records) == each.cells[0].n
        assert all(len(record.ranks) == 2 for record in each.records)
    assert replace(one(house()), notes=("dagger",)).notes == ("dagger",)
