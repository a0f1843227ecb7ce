"""Tables of one page are told apart by their headings, and sampled figures are marked in them."""

from pathlib import Path
from typing import Any

import pytest

from attrec_bench.report.verb import Asked, report
from attrec_bench.results.formats import render
from attrec_bench.results.headings import headings
from attrec_bench.results.store import save
from attrec_bench.results.tables import tables
from tests.records import contest, make_record
from tests.reports import read

FULL: dict[str, Any] = {}
SAMPLED = {"candidates": "uniform-20", "candidates_seed": 0}
ITEM = {"tie_order": "item"}


@pytest.mark.parametrize(
    ("protocols", "told"),
    [
        ([FULL], ["ml-100k"]),
        ([SAMPLED], ["ml-100k (sampled: uniform-20)"]),
        ([FULL, SAMPLED], ["ml-100k, leave_one_out", "ml-100k, leave_one_out (sampled: uniform-20)"]),
        ([FULL, ITEM], [f"ml-100k, leave_one_out (tie_order={order})" for order in ("file", "item")]),
        (
            [SAMPLED, {**SAMPLED, "candidates_seed": 1}, {**SAMPLED, "refit": True}],
            [
                f"ml-100k, leave_one_out (sampled: uniform-20, refit={refit}, candidates_seed={seed})"
                for refit, seed in (("false", 0), ("false", 1), ("true", 0))
            ],
        ),
        (
            [
                FULL,
                {**SAMPLED, **ITEM, "ties": "pessimistic"},
                {"name": "global_time", "valid_share": 0.1, "test_share": 0.1, "target": "last"},
            ],
            [
                "ml-100k, leave_one_out (tie_order=file)",
                "ml-100k, leave_one_out (sampled: uniform-20, tie_order=item, ties=pessimistic)",
                "ml-100k, global_time",
            ],
        ),
        (
            [{"tie_order": "random", "tie_seed": 3}, FULL],
            ["ml-100k, leave_one_out (tie_order=random)", "ml-100k, leave_one_out (tie_order=file)"],
        ),
    ],
)
def test_a_heading_says_in_what_its_table_differs(protocols: list[dict[str, Any]], told: list[str]) -> None:
    assert sorted(headings(tables([make_record(protocol=each) for each in protocols]))) == sorted(told)


def test_the_same_name_of_other_data_is_told_by_filters_or_sums() -> None:
    settings = [{"min_rating": rating} for rating in (3, 4)]
    sums: list[dict[str, Any]] = [{"sha256": "ab" * 32}, {"sha256": "cd" * 32}]
    filtered = [make_record(dataset=each, data=data) for each, data in zip(settings, sums, strict=True)]
    assert set(headings(tables(filtered))) == {f"ml-100k (min_rating={rating}), leave_one_out" for rating in (3, 4)}
    changed = headings(tables([make_record(data=data) for data in sums]))
    assert set(changed) == {f"ml-100k, leave_one_out (sha256 {start})" for start in ("abababab", "cdcdcdcd")}


def test_no_two_headings_or_links_of_a_report_are_alike(tmp_path: Path) -> None:
    for protocol in (FULL, SAMPLED, ITEM):
        for record in contest(protocol=protocol):
            save(tmp_path, record)
    made = read(report(tmp_path, {}, Asked(metrics="HR@10")))
    heads = [each.text for each in made.all("h2")]
    (nav,) = made.all("nav")
    links = [each.attributes["aria-label"] for each in nav.all("a")]
    for several in (heads, links, [each.text for each in nav.all("strong")]):
        assert len(set(several)) == len(several)
        assert sum("sampled: uniform-20" in each for each in several) == len(several) / 3
        assert sum("tie_order=item" in each for each in several) == len(several) / 3


def test_a_sampled_table_alone_is_marked_in_every_heading_and_a_full_one_needs_none(tmp_path: Path) -> None:
    for name, protocol in (("drawn", SAMPLED), ("full", FULL)):
        for record in contest(protocol=protocol):
            save(tmp_path / name, record)
    drawn, full = (
        [each.text for each in read(report(tmp_path / name, {}, Asked())).all("h2")] for name in ("drawn", "full")
    )
    assert drawn == [f"ml-100k (sampled: uniform-20): {each}" for each in full]
    assert full[0] == "Table"


@pytest.mark.parametrize("joined", [True, False])
def test_no_two_headings_of_the_html_table_are_alike(joined: bool) -> None:
    records = [
        record
        for protocol in (FULL, SAMPLED)
        for data in ({"name": "a-set", "sha256": "cd" * 32}, {"name": "b-set", "sha256": "ef" * 32})
        for record in contest(protocol=protocol, data=data)
    ]
    made = read(render(tables(records, ("HR@10",), joined=joined), "html", joined=joined))
    heads = [each.text for each in made.all("h2")]
    names = ["a-set, b-set"] if joined else ["a-set", "b-set"]
    assert sorted(heads) == sorted(
        f"{name}, leave_one_out{mark}" for name in names for mark in ("", " (sampled: uniform-20)")
    )
