"""The report as a file: one page that loads nothing, says what the table says, and leaves nothing out silently."""

import re
from pathlib import Path

import numpy as np
import pytest

from attrec_bench.report.page import page
from attrec_bench.report.part import Material
from attrec_bench.report.verb import Asked, report
from attrec_bench.results.grid import header, lines
from attrec_bench.results.record import SHORT, Record
from attrec_bench.results.store import save
from tests.records import contest, make_record
from tests.reports import Element, field_of_models, ledger_of, page_of, read, table_of

TWO_MB = 2 * 1024 * 1024


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    records = field_of_models()
    return page_of(records, tmp_path_factory.mktemp("runs"), ledgers=[ledger_of(records)])


@pytest.fixture(scope="module")
def tree(text: str) -> Element:
    return read(text)


def test_the_table_says_what_the_terminals_table_says(tree: Element) -> None:
    table = table_of(field_of_models())
    (grid,) = tree.all("table", "sortable")
    assert [button.text for button in grid.all("button")] == header(table)
    shown = [[cell.text for cell in row.inside] for body in grid.all("tbody") for row in body.all("tr")]
    assert shown == [[each.text + each.marks for each in line.cells] for line in lines(table)]
    (section,) = [each for each in tree.all("section") if each.attributes.get("id") == "t0-table"]
    told = [each.text for each in section.all("p")]
    assert [each for each in (table.caption, *table.notes, *table.details) if each not in told] == []


def test_every_value_leads_to_the_runs_of_its_row(tree: Element) -> None:
    table = table_of(field_of_models())
    details = {each.inside[0].attributes["id"]: each for each in tree.all("details", "runs")}
    (grid,) = tree.all("table", "sortable")
    rows = [row for body in grid.all("tbody") for row in body.all("tr")][: len(table.rows)]
    for row, shown in zip(table.rows, rows, strict=True):
        links = shown.all("a")
        assert len(links) == len(table.metrics)
        (target,) = {link.attributes["href"] for link in links}
        below = details[target.removeprefix("#")]
        assert below.inside[0].text == row.label
        for record in row.records:
            for word in (record.command, record.identity[:SHORT], "01234567, clean tree"):
                assert word in below.text
        assert below.all("tbody")[0].all("tr")[0].all("td")[0].text == (f"{np.mean(row.records[0].ranks <= 10):.4f}")


def test_the_page_loads_nothing(text: str, tree: Element) -> None:
    for each in tree.everything():
        assert each.tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "srcset", "data", "action", "background", "style"} & set(each.attributes)
        if "href" in each.attributes:
            assert each.attributes["href"].startswith("#")
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest", text)
    (policy,) = [each for each in tree.all("meta") if "http-equiv" in each.attributes]
    assert policy.attributes["content"].startswith("default-src 'none'")


def test_the_page_is_for_every_reader(tree: Element, text: str) -> None:
    assert tree.all("html")[0].attributes["lang"] == "en"
    assert any(each.attributes.get("name") == "viewport" for each in tree.all("meta"))
    assert "prefers-color-scheme: dark" in text
    for head in tree.all("th"):
        assert head.attributes["scope"] in ("col", "row")
    for head in tree.all("table", "sortable")[0].all("thead")[0].all("th"):
        assert head.attributes["aria-sort"] == "none"
        assert head.inside[0].tag == "button"
    for image in tree.all("svg", "chart"):
        assert image.attributes["role"] == "img"
        assert image.attributes["aria-label"]
    named = [image.attributes.get("role") == "img" for image in tree.all("svg")]
    hidden = [image.attributes.get("aria-hidden") == "true" for image in tree.all("svg")]
    assert all(one != other for one, other in zip(named, hidden, strict=True))
    for box in tree.all("div", "wide"):
        assert box.attributes["tabindex"] == "0"
        assert box.attributes["aria-label"]


def test_ids_are_unique_and_every_link_has_its_target(tmp_path: Path) -> None:
    both = [*field_of_models(), *field_of_models_elsewhere()]
    made = read(report_of(both, tmp_path))
    ids = [each.attributes["id"] for each in made.everything() if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    targets = {each.attributes["href"].removeprefix("#") for each in made.all("a")}
    assert targets <= set(ids)
    assert len(made.all("table", "sortable")) == 2


def field_of_models_elsewhere() -> list[Record]:
    return contest(data={"name": "planted", "sha256": "cd" * 32})


def report_of(records: list[Record], runs: Path) -> str:
    for record in records:
        save(runs, record)
    return report(runs, {}, Asked(metrics="HR@10,MRR"))


def test_a_section_without_data_is_named_with_what_would_fill_it(tmp_path: Path) -> None:
    made = read(page_of(contest(), tmp_path))
    (missing,) = made.all("section", "missing")
    said = [each.text for each in missing.all("li")]
    assert [each.partition(":")[0] for each in said] == [
        *("Curves over w, L, d", "Sweeps", "Attention of example users")
    ]
    assert "attrec-bench run -m model=attrec w=0.2,0.5,0.8" in said[0]
    assert "attrec-bench sweep" in said[1]
    assert "holds no weights.pt" in said[2]
    assert not [each for each in made.all("h2") if each.text == "Sweeps"]


def test_without_learners_and_rivals_there_are_no_curves_and_no_differences(tmp_path: Path) -> None:
    made = read(page_of([make_record("popularity", None, train=None, history=[], epochs=None)], tmp_path))
    (missing,) = made.all("section", "missing")
    names = [each.text.partition(":")[0] for each in missing.all("li")]
    assert {"Learning curves", "Differences with intervals"} <= set(names)
    assert [each.text for each in made.all("h2")] == ["Table", "HR@k", "Not in this report"]


def test_names_are_text_and_never_tags(tmp_path: Path) -> None:
    nasty = '"><script>alert(1)</script>&amp;'
    records = [make_record(nasty, seed, ranks=[1, 20], command=f"run {nasty}") for seed in (0, 1)]
    made = read(page_of([*records, make_record("caser", 0, ranks=[1, 25])], tmp_path))
    assert len(made.all("script")) == 1
    assert nasty in made.all("details", "runs")[0].text
    assert nasty in [each.text for each in made.all("figcaption")]


def test_the_report_of_a_large_table_stays_small(tmp_path: Path) -> None:
    names = [
        *("attrec", "attrec_author", "attrec_tf2", "bprmf", "caser", "fmc", "fpmc", "gru4rec", "hrm", "prme"),
        *("sasrec", "transrec"),
    ]
    random = np.random.default_rng(0)
    history = [
        {"epoch": epoch, "loss": random.random(), "seconds": random.random(), "HR@10": 0.5, "MRR": random.random()}
        for epoch in range(1, 51)
    ]
    records = [
        make_record(model, seed, ranks=random.integers(1, 1600, 943).tolist(), history=history, epochs=40)
        for model in names
        for seed in range(5)
    ]
    made = page_of(records, tmp_path)
    assert len(read(made).all("details", "runs")) == 12
    assert len(made.encode()) < TWO_MB


def test_the_study_behind_a_row_is_shown_with_its_account(tree: Element) -> None:
    (section,) = [each for each in tree.all("section") if each.attributes.get("id") == "t0-search"]
    assert "caser tuned in study ml-100k-caser: 5 trials (1 pruned)" in section.text
    assert "Importance of the settings is left out: no study at" in section.text
    assert len(section.all("svg", "chart")) == 2


def test_tables_share_a_page(tmp_path: Path) -> None:
    materials = [Material(table_of(field_of_models()), key, tmp_path) for key in ("t0", "t1")]
    titles = [each.text for each in read(page(materials)).all("h2")]
    assert titles.count("ml-100k, leave_one_out: Table") == 2
