import csv
import io
import re
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
    inside, outside = shown(records, value(value=0.6)), shown([*caser([[1, 40], [1, 40]])], value(value=0.6))
    assert inside.published[0].difference == pytest.approx(2 / 3 - 0.6)
    assert inside.published[0].within is True
    assert outside.published[0].within is False  # both seeds have 1/2: an interval without width
    assert shown(caser([[1, 40]]), value(value=0.6)).published[0].within is None
    assert "HR@10 0.6000 (ours +0.0667, within our interval); comparable" in inside.details[-1]
    assert "HR@10 0.6000 (ours -0.1000, outside our interval); comparable" in outside.details[-1]


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
    assert re.search(r"popularity \[floor\] +0.5000 +0.5125 +1 *\n", render([table]))
    assert "| caser | 0.5000 | 0.5125 | 0.4000 | 1 |" in render([table], "markdown")
    assert "comparable (unknown: tie_order)" in table.details[0]
    assert "(a sampler, second-hand)" in table.details[1]
    assert "not comparable because candidates uniform-100, here candidates full" in table.details[1]
    assert "| caser | 0.5000 | 0.5125 | (0.9000) | 1 |" in render([shown(caser([[1, 40]]), sampled)], "markdown")


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
