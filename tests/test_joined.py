"""Several data sets in one table: their columns side by side, their statistics those of their own tables."""

import csv
import io
import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from attrec_bench import verbs
from attrec_bench.results.against import compared
from attrec_bench.results.formats import FORMATS, SHEETS, render
from attrec_bench.results.grid import IMPROVEMENT, Grid, grid_of
from attrec_bench.results.joined import side_by_side
from attrec_bench.results.publications import with_published
from attrec_bench.results.record import Record
from attrec_bench.results.store import save
from attrec_bench.results.tables import Table, tables, told
from tests.records import TRAIN, contest, make_record, published_value

FIRST: dict[str, Any] = {"name": "a-set", "sha256": "cd" * 32}
SECOND: dict[str, Any] = {"name": "b-set", "sha256": "ef" * 32, "users": 12}
OURS = {"_target_": "attrec_bench.attrec.AttRec"}
METRICS = ("HR@10", "MRR")


def two() -> list[Record]:
    """A contest on each data set; Caser and BPR-MF are on the first alone, FMC and a random floor on the second."""
    fmc = make_record("fmc", ranks=[4.0] * 14 + [40.0] * 6, data=SECOND)
    random = make_record("random", 0, ranks=[90.0] * 20, data=SECOND)
    rest = [each for each in contest(data=SECOND) if each.model not in ("caser", "bprmf")]
    return [*contest(data=FIRST), *rest, fmc, random]


def made(records: Sequence[Record], metrics: Sequence[str] = METRICS, **options: Any) -> list[Table]:
    return compared(tables(records, metrics, joined=True), **options)


def grid(records: Sequence[Record], **options: Any) -> Grid:
    (found,) = side_by_side(made(records, **options))
    return found


def labels(found: Grid) -> list[str]:
    return [line.cells[0].text for line in found.lines]


def test_every_value_place_and_mark_is_that_of_the_data_sets_own_table() -> None:
    known = [published_value(dataset=data["name"], value=value) for data, value in ((FIRST, 0.25), (SECOND, 0.75))]
    known += [published_value(model="fmc", dataset="b-set", value=0.125)]
    alone = [
        with_published(compared(tables([each for each in two() if each.data["name"] == name], METRICS)), known)[0]
        for name in ("a-set", "b-set")
    ]
    joined = with_published(made(two()), known)
    assert [each.comparisons for each in joined] == [each.comparisons for each in alone]
    (found,) = side_by_side(joined)
    assert [block.columns for block in found.blocks] == [(*METRICS, "published HR@10")] * 2
    for part, own in zip(found.by_block(), map(grid_of, alone), strict=True):
        shown = {line.cells[0].text: line.cells[1:-1] for line in part.lines if line.kind != IMPROVEMENT}
        expected = {line.cells[0].text: line.cells[1:-1] for line in own.lines if line.kind != IMPROVEMENT}
        assert {label: shown[label] for label in expected} == expected
        absent = [cells for label, cells in shown.items() if label not in expected]
        assert absent
        assert {cell.text for cells in absent for cell in cells} == {"-"}
        assert part.lines[-1].cells[1:-1] == own.lines[-1].cells[1:-1]


def test_rows_are_those_of_any_data_set_floors_first_and_else_as_in_the_first() -> None:
    # on the second data set FMC follows Popularity and nothing else of its kind, and Random is the lower floor
    assert labels(grid(two())) == ["random [floor]", "popularity [floor]", "fmc", "bprmf", "caser", "attrec", "Improv."]
    behind = [*contest(data=FIRST), make_record("fmc", ranks=[2.0] * 20, data=SECOND), *contest(data=SECOND)]
    assert labels(grid(behind))[:-1] == ["popularity [floor]", "bprmf", "caser", "attrec", "fmc"]


def test_seeds_are_told_once_where_they_are_equal_and_else_for_each_data_set() -> None:
    again = make_record("attrec", 1, ranks=[4.0] * 20, keywords=OURS, data=SECOND)
    more = make_record("fmc", 1, ranks=[4.0] * 20, data=SECOND)
    seeds = {line.cells[0].text: line.cells[-1].text for line in grid([*two(), again, more]).lines}
    assert (seeds["attrec"], seeds["fmc"], seeds["caser"], seeds["popularity [floor]"]) == ("1 / 2", "2", "1", "-")
    third = make_record("attrec", ranks=[4.0] * 20, keywords=OURS, data={"name": "c", "sha256": "01" * 32})
    uneven = [
        make_record("caser", seed, ranks=[4.0] * 20, data={"name": "c", "sha256": "01" * 32}) for seed in range(3)
    ]
    seeds = {line.cells[0].text: line.cells[-1].text for line in grid([*two(), third, *uneven]).lines}
    assert seeds["caser"] == "1 / 0 / 3"


def test_what_holds_on_all_data_sets_is_said_once_and_the_rest_with_its_data_set() -> None:
    found = grid([*two(), make_record("attrec", 1, ranks=[4.0] * 20, keywords=OURS, data=SECOND)])
    said = found.paragraphs()
    text = " ".join(said)
    assert found.sentences[0] == (
        "HR@10 and MRR under leave-one-out on a-set (943 users, 1,682 items, 100,000 interactions) and b-set (12 "
        "users, 1,682 items, 100,000 interactions), all unseen items ranked; on a-set one seed (0); on b-set mean ± "
        "half its 95 % interval (Student's t) over the seeds of each row."
    )
    for once in ("Leave-one-out: each user's last event", "Epochs are chosen on validation by MRR", "In bold the best"):
        assert text.count(once) == 1
        assert f"-set: {once}" not in text
    assert "On b-set: Seeds differ: random 0; fmc 0; attrec 0, 1" in said
    assert "On a-set: ↓ below Popularity: it has learnt less than counting gives" in said
    assert any(each.startswith("On a-set: HR@10 against caser, with 95% intervals") for each in found.details)
    assert any(each.startswith("On b-set: HR@10 against fmc, with 95% intervals") for each in found.details)
    assert re.search(r"On a-set: Made with .* sha256 cdcdcdcdcdcd\. On b-set: Made with .* sha256 efefefefefef\.", text)


def test_one_mean_over_unequal_seeds_is_told_once() -> None:
    records = [
        make_record(model, seed, ranks=[4.0, 40.0 + seed], data=data)
        for data, seeds in ((FIRST, 3), (SECOND, 2))
        for model in ("caser", "bprmf")
        for seed in range(seeds)
    ]
    assert (
        grid(records)
        .sentences[0]
        .endswith(
            "; mean ± half its 95 % interval (Student's t), on a-set over 3 seeds (0-2), on b-set over 2 seeds (0, 1)."
        )
    )
    third = [make_record("caser", seed, data={"name": "c", "sha256": "01" * 32}) for seed in range(3)]
    assert "on a-set and c over 3 seeds (0-2), on b-set over" in grid([*records, *third]).sentences[0]


def test_what_holds_on_some_data_sets_names_these() -> None:
    third = contest(data={"name": "c", "sha256": "01" * 32})
    said = grid([*two(), *third]).paragraphs()
    assert "On a-set and c: ↓ below Popularity: it has learnt less than counting gives" in said


@pytest.mark.parametrize(("against", "than"), [(None, "the strongest baseline by HR@10"), ("popularity", "popularity")])
def test_holm_corrects_within_each_data_set_and_the_note_says_so(against: str | None, than: str) -> None:
    found = grid(two(), against=against, test="wilcoxon")
    first, second = ("caser", "fmc") if against is None else (against, against)
    tests = (4, 2) if against is None else (6, 4)
    (note,) = [each for each in found.notes if "Holm's correction" in each and "†" in each]
    assert note == (
        f"† better and ‡ worse than {than}: two-sided paired tests (Wilcoxon's signed ranks) over users, each averaged "
        "over seeds; significant at 5% after Holm's correction within each data set, whose tests are a family of their "
        f"own (a-set: {first}, 20 users, {tests[0]} tests; b-set: {second}, 20 users, {tests[1]} tests)"
    )


def test_improvements_share_a_line_and_a_note_says_over_what_where_that_differs() -> None:
    found = grid(two())
    assert labels(found)[-1] == "Improv."
    assert "Improv. is on a-set of attrec over caser; on b-set of attrec over fmc" in found.notes
    alike = grid(two(), against="popularity")
    assert labels(alike)[-1] == "Improv. of attrec over popularity"
    assert not any(each.startswith("Improv. is") for each in alike.notes)
    one_of_two = grid(two(), against="caser", ours="attrec")
    assert [cell.text for cell in one_of_two.lines[-1].cells[3:5]] == ["", ""]


def test_ours_is_nobody_elses_where_it_was_not_run() -> None:
    mine = make_record("mine", ranks=[2.0] * 20, keywords={"_target_": "mypkg.Mine"}, data=FIRST)
    last = grid([*two(), mine], ours="mine").lines[-1]
    assert last.cells[0].text == "Improv. of mine over caser"
    assert [cell.text for cell in last.cells[3:5]] == ["", ""]


def test_a_label_means_the_same_on_all_data_sets() -> None:
    def attrec(data: dict[str, Any], **keywords: Any) -> Record:
        return make_record(ranks=[4.0] * 20, keywords={**OURS, **keywords}, data=data)

    def rows(*records: Record) -> list[str]:
        return sorted({row.label for table in tables(records, joined=True) for row in table.rows})

    records = [attrec(FIRST, w=0.2), attrec(FIRST, w=0.9), attrec(SECOND, w=0.2)]
    assert rows(*records) == ["attrec (w=0.2)", "attrec (w=0.9)"]
    assert len(grid(records).lines) == 2, "two rows, none of a baseline: the best of them is improved on by none"
    assert sorted(row.label for row in tables(records)[1].rows) == ["attrec"], "its own table needs no setting"
    # what is the usual among many goes without saying on both
    base: dict[str, Any] = {"w": 0.2, "d": 4, "T": 1}
    curve = [attrec(FIRST, **(base | each)) for each in ({}, {"d": 8}, {"d": 16}, {"T": 2}, {"T": 3})]
    expected = ["attrec", "attrec (T=2)", "attrec (T=3)", "attrec (d=16)", "attrec (d=8)"]
    assert rows(*curve, attrec(SECOND, **base)) == expected


def test_training_that_tells_rows_apart_is_said_on_all_data_sets() -> None:
    records = [make_record("bprmf", data=FIRST, train={**TRAIN, "epochs": epochs}) for epochs in (5, 100)]
    records += [make_record(model, data=SECOND, train={**TRAIN, "epochs": 5}) for model in ("bprmf", "caser")]
    for ordered in (records, records[::-1]):
        assert sorted(labels(grid(ordered))) == ["bprmf (epochs=100)", "bprmf (epochs=5)", "caser (epochs=5)"]


def test_a_row_whose_search_found_other_settings_on_each_data_set_is_one_and_a_note_says_so() -> None:
    records = [make_record("caser", keywords={"d": d}, data=data) for d, data in ((8, FIRST), (16, SECOND))]
    records += [make_record("fmc", data=data) for data in (FIRST, SECOND)]
    found = grid(records)
    assert sorted(labels(found)) == ["caser", "fmc"]
    assert "Settings are not the same on all data sets: caser in model.d" in found.notes
    assert not any("dash" in each for each in found.notes), "each model was run on both"
    assert "A dash stands where a model was not run on that data set" in grid(two()).notes


def test_protocols_stand_apart_and_a_data_set_alone_as_in_its_own_table() -> None:
    other = contest(data=SECOND, protocol={"tie_order": "item"})
    found = side_by_side(made([*two(), *other]))
    assert [[block.title for block in each.blocks] for each in found] == [["a-set", "b-set"], ["b-set"]]
    (alone,) = compared(tables(other, METRICS))
    assert found[1] == grid_of(alone)


def test_data_sets_of_one_name_are_told_apart() -> None:
    strict = contest(data={**FIRST, "sha256": "01" * 32}, dataset={"min_rating": 4})
    loose = contest(data=FIRST, dataset={"min_rating": None})
    titles = [block.title for block in grid([*strict, *loose]).blocks]
    assert sorted(titles) == ["a-set (min_rating=4)", "a-set (min_rating=null)"]
    changed = [*contest(data=FIRST), *contest(data={**FIRST, "sha256": "01" * 32})]
    titles = [block.title for block in grid(changed).blocks]
    assert sorted(titles) == ["a-set (sha256 01010101)", "a-set (sha256 cdcdcdcd)"]


def test_all_formats_show_the_same_numbers() -> None:
    found = made(two())
    numbers = sorted(f"{cell.mean:.4f}" for table in found for row in table.rows for cell in row.cells)
    for format in ("terminal", "markdown", "latex", "html"):
        drawn = render(told(found, "short"), format, joined=True).partition("under leave-one-out")
        grids = drawn[0] if format != "latex" else drawn[2]
        assert sorted(re.findall(r"\d\.\d{4}", grids)) == numbers
    for format in SHEETS:
        assert render(found, format, joined=True) == render(found, format)
        lines = list(csv.DictReader(io.StringIO(render(found, format, joined=True))))
        assert {line["dataset"] for line in lines} == {"a-set", "b-set"}


def test_markdown_names_the_data_set_in_each_column() -> None:
    lines = render(made(two()), "markdown", joined=True).splitlines()
    assert lines[0] == "| model | a-set HR@10 | a-set MRR | b-set HR@10 | b-set MRR | seeds |"
    assert "| fmc | - | - | <u>0.7000</u> | <u>0.1825</u> | 1 |" in lines
    assert len({line.count("|") for line in lines[:10]}) == 1


def test_latex_has_a_rule_under_each_data_set_and_as_many_columns_in_every_line() -> None:
    text = render(made(two()), "latex", joined=True)
    assert r" & \multicolumn{4}{c}{a-set} & \multicolumn{4}{c}{b-set} &  \\" in text
    assert r"\cmidrule(lr){2-5}\cmidrule(lr){6-9}" in text
    assert r"\begin{tabular}{@{}lr@{}lr@{}lr@{}lr@{}lr@{}}" in text
    assert r"\label{tab:a-set-b-set}" in text
    assert r"fmc & -- & & -- & & \underline{0.7000} & & \underline{0.1825} & & 1 \\" in text
    assert "\nImprov. & " in text
    assert text.count("{") == text.count("}")
    for line in (each for each in text.splitlines() if each.endswith(r" \\")):
        spanned = sum(int(width) - 1 for width in re.findall(r"\\multicolumn\{(\d)\}", line))
        assert line.count("&") + spanned == 9, line
    # the published column makes one block wider than the other
    known = [published_value(dataset="b-set")]
    other = [*two(), *contest(data=SECOND)]
    assert r"\cmidrule(lr){2-5}\cmidrule(lr){6-11}" in render(with_published(made(other), known), "latex", joined=True)


def test_html_spans_the_columns_of_each_data_set() -> None:
    page = render(made(two()), "html", joined=True)
    body = page.partition("<body>")[2].partition("</body>")[0]
    (drawn,) = ElementTree.fromstring(f"<body>{body}</body>").iter("table")
    widths = {sum(int(cell.get("colspan", 1)) for cell in line) for line in drawn.iter("tr")}
    assert widths == {6}
    heads = [(cell.text, cell.get("colspan")) for cell in drawn.iter("th") if cell.get("scope") == "colgroup"]
    assert heads == [("a-set", "2"), ("b-set", "2")]
    assert "<title>a-set, b-set</title>" in page
    assert page.count("<section>") == 1


def test_the_terminal_puts_blocks_one_below_the_other_where_they_are_too_wide() -> None:
    found = made(two())
    wide = render(found, joined=True)
    lines = wide.splitlines()
    assert lines[0].split() == ["a-set", "b-set"]
    assert lines[1].split() == ["model", "HR@10", "MRR", "HR@10", "MRR", "seeds"]
    assert lines[0].index("b-set") == lines[1].index("HR@10", lines[1].index("MRR"))
    room = len(lines[1])
    assert render(found, joined=True, room=room) == wide
    narrow = render(found, joined=True, room=room - 1)
    assert [line for line in narrow.splitlines() if line in ("a-set", "b-set")] == ["a-set", "b-set"]
    assert sum(line.split() == ["model", "HR@10", "MRR", "seeds"] for line in narrow.splitlines()) == 2
    rows = narrow[: narrow.index("HR@10 and MRR under")].splitlines()
    assert sum(line.startswith("attrec ") for line in rows) == 2
    words = [text[text.index("HR@10 and MRR under") :].split() for text in (wide, narrow)]
    assert words[0] == words[1], "the text below is the same"


@pytest.mark.parametrize("format", ["terminal", *FORMATS])
def test_a_comma_in_the_data_set_asks_for_one_table(format: str, tmp_path: Path) -> None:
    for record in two():
        save(tmp_path / "runs", record)

    def shown(*arguments: str) -> str:
        out = tmp_path / "table"
        verbs.table_verb([f"runs={tmp_path / 'runs'}", f"out={out}", f"format={format}", *arguments])
        return unescape(out.read_text()).replace(" ", " ")

    separate, joined = shown(), shown("dataset=a-set,b-set", "names=b-set:Toys")
    caption = "interactions) and Toys (12 users"
    if format in SHEETS:
        assert joined.replace("Toys", "b-set") == separate
    else:
        assert caption in " ".join(joined.split())
        assert caption not in separate
        assert separate.count("under leave-one-out on") == 2
        assert joined.count("under leave-one-out on") == 1
    turned = shown("dataset=b-set, a-set")
    assert turned.index("b-set") < turned.index("a-set"), "in the order in which they are named"
    alone = shown("dataset=b-set")
    assert "a-set" not in alone
