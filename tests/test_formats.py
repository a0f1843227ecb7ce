import csv
import io
import math
import re
from html import unescape
from xml.etree import ElementTree

import pytest

from attrec_bench.errors import InputError
from attrec_bench.results.against import compared
from attrec_bench.results.formats import render
from attrec_bench.results.sheets import CSV_COLUMNS
from attrec_bench.results.tables import Table, tables
from tests.records import DATA, contest, house, make_record, one, row


def test_terminal_shows_every_row_and_marks_places_where_colour_is_on() -> None:
    table = one(house())
    plain = render([table])
    lines = plain.splitlines()
    assert lines[0].split() == ["model", "HR@10", "MRR", "seeds"]
    order = [
        label
        for line in lines
        for label in ("random", "popularity", "bprmf", "attrec", "oracle")
        if line.startswith(label)
    ]
    assert order == ["random", "popularity", "bprmf", "attrec", "oracle"]
    assert "0.7500 ± 3.1766" in plain
    assert "oracle [ceiling]" in plain
    assert "\x1b" not in plain
    coloured = render([table], color=True)
    assert "\x1b[1m0.7500 ± 3.1766\x1b[0m" in coloured
    assert "\x1b[4m0.5000\x1b[0m" in coloured
    narrow = render([table], width=30)
    grid_rows = [line for line in narrow.splitlines() if re.search(r"\d ± \d", line)]
    assert len(grid_rows) == 2  # attrec and bprmf, uncut
    assert max(len(line) for line in narrow.splitlines()[len(lines) :]) <= 30
    assert "".join(narrow.split()) == "".join(plain.split())  # the same words, wrapped elsewhere


def test_markdown_is_a_pipe_table() -> None:
    lines = render([one(house())], "markdown").splitlines()
    assert lines[0] == "| model | HR@10 | MRR | seeds |"
    assert lines[1] == "| --- | ---: | ---: | ---: |"
    assert "| attrec | **0.7500 ± 3.1766** | <u>0.4125 ± 1.4294</u> | 2 |" in lines
    assert r"| oracle \[ceiling\] | 1.0000 | 1.0000 | - |" in lines
    assert {line.count("|") for line in lines[:10]} == {5}
    kinds = ["floor" if "[floor" in line.replace("\\", "") else line.split()[1] for line in lines[2:10]]
    assert kinds == ["floor", "floor", "|", "bprmf", "caser", "attrec", "|", "oracle"]  # empty lines part the kinds


def test_markdown_escapes_what_would_be_markup() -> None:
    records = [make_record("my_*model*|x"), make_record("my_*model*|x", keywords={"a": "<b>"})]
    made = render([one(records)], "markdown")
    assert r"my\_\*model\*\|x (a=&lt;b&gt;)" in made


def test_latex_is_booktabs_and_balanced() -> None:
    made = render([one(house())], "latex")
    begun = re.findall(r"\\begin\{([\w*]+)\}", made)
    assert begun == ["table*", "tabular", "minipage"]
    assert re.findall(r"\\end\{([\w*]+)\}", made) == ["tabular", "minipage", "table*"]
    assert made.count("{") == made.count("}")
    rules = re.findall(r"\\(toprule|midrule|bottomrule)", made)
    assert rules == ["toprule", "midrule", "midrule", "midrule", "bottomrule"]  # header, floors, models, ceiling
    body = [line for line in made.splitlines() if line.endswith(r" \\")]
    # label, two columns for each metric, number of seeds; points stand below one another, whatever follows the number
    assert {line.count("&") + line.count(r"\multicolumn{2}") for line in body} == {5}
    assert r"\begin{tabular}{@{}lr@{}lr@{}lr@{}}" in made
    assert r"attrec & \textbf{0.7500} & \,$\pm$\,3.1766 & \underline{0.4125} & \,$\pm$\,1.4294 & 2 \\" in made
    assert r"caser & \underline{0.5000} & & \textbf{0.5200} & & 1 \\" in made
    assert r"tie\_order=file" in made


NASTY = "\\ & % $ # _ { } ~ ^ < > |"


def test_latex_escapes_each_special_character_once() -> None:
    made = render([one([make_record(NASTY)])], "latex")
    expected = (
        r"\textbackslash{} \& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{} "
        r"\textless{} \textgreater{} \textbar{}"
    )
    assert f"{expected} & 0.6667 &" in made


def test_what_bold_underlined_and_marks_are_is_said_where_there_are_such() -> None:
    said = (
        "In bold the best and underlined the second value of a column, floors and ceilings apart; † better than the "
        "baseline, ‡ worse than it, ↓ below Popularity, as told below."
    )
    for format in ("html", "markdown"):
        assert said in unescape(render([marked()], format))
    assert said[:40] in render([marked()], "latex")
    assert r"$^\downarrow$ below Popularity, as told below." in render([marked()], "latex")
    plain = render([one(house())], "html")
    assert "floors and ceilings apart." in plain
    assert "better than the baseline" not in plain
    for format in ("html", "markdown", "latex"):
        assert "In bold" not in render([one([make_record()])], format)
    assert "In bold" not in render([marked()]), "a terminal may show neither bold nor underlined"


def test_no_caption_breaks_its_paragraph() -> None:
    made = render([one([make_record(data={"name": "my\n\ndata"})])], "latex")
    assert r"on my  data (943" in made
    assert "\n\n" not in made


def marked() -> Table:
    """A table with every mark and an improvement."""
    (table,) = compared([one(contest())])
    return table


def test_every_format_shows_marks_and_the_improvement() -> None:
    table = marked()
    cells = {each.label: each.cells[0] for each in table.rows}
    assert (cells["attrec"].marks, cells["bprmf"].marks) == (("†",), ("↓", "‡"))
    plain = render([table])
    assert re.search(r"attrec +0\.9000†", plain)
    assert re.search(r"bprmf +0\.1000↓‡", plain)
    assert re.search(r"Improv. of attrec over caser +\+80.0%", plain)
    assert "| attrec | **0.9000**† |" in render([table], "markdown")
    assert "| Improv. of attrec over caser | +80.0% |" in render([table], "markdown")
    assert r"attrec & \textbf{0.9000} & $^\dagger$ &" in render([table], "latex")
    assert r"bprmf & 0.1000 & $^\downarrow$$^\ddagger$ &" in render([table], "latex")
    assert r"\shortstack[l]{Improv. of attrec\\over caser} & \multicolumn{2}{c}{+80.0\%} &" in render([table], "latex")
    assert '<td><span class="best">0.9000</span><sup>†</sup></td>' in render([table], "html")
    tidy = {(x["row"], x["metric"]): x for x in csv.DictReader(io.StringIO(render([table], "csv")))}
    ours = tidy["attrec", "HR@10"]
    assert (ours["marks"], ours["baseline"], ours["users"]) == ("†", "caser", "20")
    assert float(ours["difference"]) == pytest.approx(0.4)
    assert (ours["wins"], ours["ties"], ours["losses"]) == ("8", "12", "0")
    assert tidy["caser", "HR@10"]["p"] == ""
    for note in (*table.notes, *table.details):
        for format in ("terminal", "html"):
            assert "".join(note.split()) in "".join(unescape(render([table], format)).split())


def test_html_is_well_formed_and_escapes() -> None:
    page = render([one([make_record("<b>&", ranks=[1, 2])]), marked()], "html")
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;" in page
    # XML's parser is stricter than HTML's; the doctype and the two void elements are all that it would not take
    body = page.partition("<body>")[2].partition("</body>")[0]
    tree = ElementTree.fromstring(f"<body>{body}</body>")
    for grid in tree.iter("table"):
        widths = {len(row) for row in grid.iter("tr")}
        assert widths == {4}
    assert "http" not in page  # nothing is fetched


def test_csv_is_tidy_and_exact() -> None:
    made = tables([*house(), *house(data={"name": 'a "quoted", name', "sha256": "cd" * 32})], ["HR@10", "MRR"])
    lines = list(csv.DictReader(io.StringIO(render(made, "csv"))))
    assert len(lines) == 2 * 6 * 2
    assert tuple(lines[0]) == CSV_COLUMNS
    assert {line["dataset"] for line in lines} == {"ml-100k", 'a "quoted", name'}
    (cell,) = [line for line in lines if (line["dataset"], line["row"], line["metric"]) == ("ml-100k", "attrec", "MRR")]
    held = row(one(house()), "attrec").cells[1]
    assert (float(cell["mean"]), float(cell["sd"]), int(cell["n"])) == (held.mean, held.sd, held.n)
    assert (cell["kind"], cell["model"], cell["data_sha256"]) == ("model", "attrec", DATA["sha256"])
    assert "tie_order=file" in cell["protocol"]
    assert {line["sd"] for line in lines if line["row"] == "caser"} == {""}


def test_all_formats_show_the_same_numbers() -> None:
    table = one(house(), ("HR@10", "HR@50", "NDCG@10", "MRR"))
    numbers = sorted(
        f"{number:.4f}"
        for each in table.rows
        for cell in each.cells
        for number in (cell.mean, *((cell.interval[1] - cell.mean,) if cell.interval else ()))
    )
    for format in ("terminal", "markdown", "latex", "html"):
        assert sorted(re.findall(r"\d\.\d{4}", render([table], format))) == numbers
    tidy = list(csv.DictReader(io.StringIO(render([table], "csv"))))
    halves = [float(line["high"]) - float(line["mean"]) for line in tidy if line["high"]]
    assert sorted(f"{value:.4f}" for value in (*(float(line["mean"]) for line in tidy), *halves)) == numbers
    wide = list(csv.DictReader(io.StringIO(render([table], "csv-wide"))))
    assert [line["row"] for line in wide] == [each.label for each in table.rows]
    means = [line[metric] for line in wide for metric in table.metrics]
    assert means == [line["mean"] for line in tidy]
    assert [line["MRR low"] for line in wide] == [line["low"] for line in tidy if line["metric"] == "MRR"]


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "csv"])
def test_every_format_shows_mean_spread_and_number_of_seeds(format: str) -> None:
    records = [make_record(seed=seed, ranks=ranks) for seed, ranks in ((0, [1, 100]), (1, [1, 30]), (2, [1, 2]))]
    records.append(make_record("popularity", None, ranks=[3, 40], train=None))
    made = render(tables(records), format)
    # by hand, HR@10: 1/2, 1/2, 1; HR@50: 1/2, 1, 1; NDCG@10: 1/2, 1/2, (1 + 1/log2(3)) / 2; MRR: .505, .51667, .75
    expected = {
        "attrec": [("0.6667", "0.2887"), ("0.8333", "0.2887"), ("0.6052", "0.1821"), ("0.5906", "0.1382")],
        "popularity": [("0.5000", ""), ("1.0000", ""), ("0.2500", ""), ("0.1792", "")],
    }
    if format != "csv":  # half the interval: the .975 quantile of t with 2 degrees of freedom, times sd / sqrt(3)
        sds = (math.sqrt(1 / 12), math.sqrt(1 / 12), 0.315465 / math.sqrt(3), math.sqrt(0.01910096))
        halves = [f"{4.302653 * sd / math.sqrt(3):.4f}" for sd in sds]
        expected["attrec"] = [(mean, half) for (mean, _), half in zip(expected["attrec"], halves, strict=True)]
    no_seed = {"csv": "1", "latex": "--"}.get(format, "-")
    for (label, cells), n in zip(expected.items(), ("3", no_seed), strict=True):
        if format == "csv":
            lines = [line for line in csv.DictReader(io.StringIO(made)) if line["row"] == label]
            assert [line["metric"] for line in lines] == ["HR@10", "HR@50", "NDCG@10", "MRR"]
            shown = [tuple(value and f"{float(value):.4f}" for value in (x["mean"], x["sd"])) for x in lines]
            assert {line["n"] for line in lines} == {n}
        else:
            (line,) = [each for each in made.splitlines() if re.match(rf"(\| )?{label} ", each)]
            shown = re.findall(r"(\d\.\d{4})(?:(?: ± | & \\,\$\\pm\$\\,)(\d\.\d{4}))?", line)
            assert line.rstrip(" |\\").endswith(f" {n}")
        assert shown == cells


def test_an_unknown_format_is_the_users_mistake() -> None:
    with pytest.raises(
        InputError, match=r"format must be one of terminal, markdown, latex, csv, csv-wide, html, got 'latx'.*'latex'"
    ):
        render([one(house())], "latx")
