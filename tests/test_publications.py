import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from attrec_bench import verbs
from attrec_bench.errors import InputError
from attrec_bench.results.formats import render
from attrec_bench.results.publications import with_published
from attrec_bench.results.published.registry import UNKNOWN, Published, published
from attrec_bench.results.record import Record
from attrec_bench.results.store import save
from attrec_bench.results.tables import Table
from tests.records import make_record, one
from tests.records import published_value as value


def caser(ranks: list[list[float]]) -> list[Record]:
    return [make_record("caser", seed, ranks=each) for seed, each in enumerate(ranks)]


def shown(records: list[Record], *known: Published) -> Table:
    (table,) = with_published([one(records)], known)
    return table


def test_difference_and_interval_by_hand() -> None:
    # HR@10 of the seeds: 1/2, 1/2, 1 -> mean 2/3, half 4.303 * .2887 / sqrt(3) = .7171: [-.05, 1.38]
    records = caser([[1, 40], [1, 40], [1, 2]])
    inside, outside = shown(records, value(value=0.6)), shown(caser([[1, 40 + seed] for seed in range(3)]), RECIPROCAL)
    assert inside.published[0].difference == pytest.approx(2 / 3 - 0.6)
    assert inside.published[0].within is True
    assert outside.published[0].within is False  # MRR of the seeds: .5 + 1/80, 1/82, 1/84
    assert "HR@10 0.6000 (ours +0.0667, within our interval); comparable" in inside.details[-1]
    assert "MRR 0.6000 (ours -0.0878, outside our interval); comparable" in outside.details[-1]


RECIPROCAL = value(metric="MRR", value=0.6)


@pytest.mark.parametrize(
    ("records", "hits", "both"),
    [
        (caser([[1, 40], [1, 41]]), "", "; not judged by our interval: 2 seeds"),
        (caser([[1, 40], [2, 3]]), "", "; not judged by our interval: 2 seeds"),
        (caser([[1, 40]]), "", "; no interval: 1 seed"),
        ([make_record("caser", None, ranks=[1, 40], train=None)], "", "; no interval: no seed"),
        # three seeds that all have 1/2 in HR@10, so that only MRR's interval has a width
        (caser([[1, 40], [1, 41], [1, 42]]), ", not judged by our interval: equal seeds", ""),
    ],
)
def test_there_is_no_verdict_where_the_interval_rests_on_too_little(
    records: list[Record], hits: str, both: str
) -> None:
    table = shown(records, value(value=0.6), RECIPROCAL)
    first, second = table.published
    assert first.within is None
    assert second.within is (None if both else False)
    (note,) = [note for note in table.details if note.startswith("Published")]
    assert re.search(rf"HR@10 0\.6000 \(ours [+-]0\.\d{{4}}{re.escape(hits)}\), MRR 0\.6000", note)
    assert note.endswith(f"comparable{both}")
    assert ("outside our interval" in note) == (not both)
    (csv_line, _) = csv.DictReader(io.StringIO(render([table], "csv")))
    assert csv_line["published_within"] == ""


@pytest.mark.parametrize(
    ("seeds", "draws", "why_not"),
    [
        (1, 5, "not judged by our interval: 1 seed"),  # which holds the draws alone
        (2, 5, "not judged by our interval: 2 seeds"),
        (3, 2, "not judged by our interval: 2 tie draws"),
        (2, 2, "not judged by our interval: 2 seeds and 2 tie draws"),
        (0, 2, "not judged by our interval: 2 tie draws"),
        (3, 3, ""),
        (0, 3, ""),  # a model without a seed: nothing else could move it
    ],
)
def test_three_of_each_level_are_a_verdict(seeds: int, draws: int, why_not: str) -> None:
    records = [
        make_record(
            "caser", seed, ranks=[1, 40 + draw + (seed or 0)], protocol={"tie_order": "random", "tie_seed": draw}
        )
        for seed in (range(seeds) if seeds else [None])
        for draw in range(draws)
    ]
    (found,) = shown(records, RECIPROCAL).published
    assert (found.unjudged, found.within) == (why_not, None if why_not else False)


def test_tie_draws_that_move_nothing_are_no_verdict() -> None:
    records = [
        make_record("caser", seed, ranks=[1, 40], protocol={"tie_order": "random", "tie_seed": draw})
        for seed in range(3)
        for draw in range(3)
    ]
    assert shown(records, RECIPROCAL).published[0].unjudged == "not judged by our interval: equal seeds and tie draws"


def test_only_what_fits_model_data_set_and_metric_is_shown() -> None:
    others = [value(model="bprmf"), value(dataset="ml-1m"), value(metric="HR@7")]
    table = shown(caser([[1, 40]]), *others)
    assert table.published == ()
    assert table == one(caser([[1, 40]]))
    assert "published" not in render([table])
    variant = shown([make_record("attrec_author")], value(model="attrec"), value(model="attr"))
    assert [each.theirs.model for each in variant.published] == ["attrec"]


def test_the_column_shows_the_most_comparable_value_and_the_notes_all() -> None:
    sampled = value({"candidates": "uniform-100"}, value=0.9, source="a sampler", confidence="2")
    hidden = value({"tie_order": UNKNOWN}, value=0.4)
    table = shown([*caser([[1, 40]]), make_record("popularity", None, ranks=[1, 40], train=None)], sampled, hidden)
    assert [each.theirs.value for each in table.published] == [0.4, 0.9]
    assert re.search(r"caser +0.5000 +0.5125 +0.4000 +1 *\n", render([table]))
    assert re.search(r"popularity \[floor\] +0.5000 +0.5125 +- *\n", render([table]))
    assert "| caser | 0.5000 | 0.5125 | 0.4000 | 1 |" in render([table], "markdown")
    assert "comparable (unknown: tie_order)" in table.details[0]
    assert table.details[2].startswith("Of several published values the column shows one, beside caser: fewest known")
    assert "(a sampler, second-hand)" in table.details[1]
    assert "not comparable because candidates uniform-100, here candidates full" in table.details[1]
    assert "| caser | 0.5000 | 0.5125 | (0.9000) | 1 |" in render([shown(caser([[1, 40]]), sampled)], "markdown")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (value({"tie_order": UNKNOWN, "ties": UNKNOWN}, value=0.1), value({"tie_order": "item"}, value=0.9)),
        (value({"tie_order": "item"}, value=0.1), value({"tie_order": "item", "candidates": "uniform-9"}, value=0.9)),
        (
            value({"ties": UNKNOWN}, value=0.1, confidence="2"),
            value({"ties": UNKNOWN, "tie_order": UNKNOWN}, value=0.9),
        ),
        (value(value=0.1), value(value=0.9, confidence="2")),
        (value(value=0.9), value(value=0.5)),  # 0.5 is what ours is
    ],
)
def test_which_of_several_values_comes_first_is_a_rule_that_does_not_know_ours(
    first: Published, second: Published
) -> None:
    records = caser([[1, 40], [1, 41]])
    for known in ((first, second), (second, first)):
        table = shown(records, *known)
        assert [each.theirs for each in table.published] == [first, second]
        (said,) = [note for note in table.details if note.startswith("Of several published values")]
        assert "beside caser: " in said
    for rank in (1.0, 50.0):
        assert shown(caser([[rank, rank]]), second, first).published[0].theirs == first


def test_one_candidate_in_the_column_needs_no_rule() -> None:
    table = shown([*caser([[1, 40]]), make_record("bprmf", ranks=[1, 60])], value(), RECIPROCAL, RECIPROCAL)
    assert not any("Of several" in note for note in table.details)
    other = value(model="bprmf", value=0.3)
    table = shown([*caser([[1, 40]]), make_record("bprmf", ranks=[1, 60])], value(), other, replace(other, value=0.2))
    (said,) = [note for note in table.details if "Of several" in note]
    assert "beside bprmf: " in said


def test_csv_has_value_difference_and_verdict() -> None:
    made = render([shown(caser([[1, 40]]), value(value=0.4), value(metric="MRR", value=0.1))], "csv")
    hits, reciprocal = csv.DictReader(io.StringIO(made))
    assert (hits["published"], hits["published_within"], hits["published_source"]) == ("0.4", "", "a paper")
    assert float(hits["published_difference"]) == pytest.approx(0.1)
    assert (hits["published_verdict"], reciprocal["published"]) == ("comparable", "0.1")


@pytest.mark.parametrize(("option", "there"), [([], True), (["published=true"], True), (["published=false"], False)])
def test_published_values_can_be_left_out(option: list[str], there: bool, tmp_path: Path) -> None:
    for record in [make_record("caser", ranks=[1, 40]), make_record("bprmf", ranks=[1, 60])]:
        save(tmp_path / "runs", record)
    known = [each for each in published() if (each.model, each.dataset) == ("caser", "ml-100k")]
    assert known, "something is published, or the test would say nothing"
    metrics = f"metrics={known[0].metric}"
    verbs.table_verb([f"runs={tmp_path / 'runs'}", metrics, "format=markdown", f"out={tmp_path / 'table.md'}", *option])
    verbs.report_verb([f"runs={tmp_path / 'runs'}", metrics, f"out={tmp_path / 'report.html'}", *option])
    for file in ("table.md", "report.html"):
        text = (tmp_path / file).read_text()
        assert (f"published {known[0].metric}" in text) == there
        assert ("Published beside caser" in text) == there


def test_published_is_true_or_false(tmp_path: Path) -> None:
    for verb in (verbs.table_verb, verbs.report_verb):
        with pytest.raises(InputError, match="published must be one of true, false, got 'no'"):
            verb([f"runs={tmp_path}", "published=no"])
