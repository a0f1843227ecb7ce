import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from attrec_bench.errors import InputError
from attrec_bench.results.formats import CSV_COLUMNS, render
from attrec_bench.results.tables import tables
from tests.records import DATA, house, make_record, one, row


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
    assert "0.7500 ± 0.3536" in plain
    assert "oracle [ceiling]" in plain
    assert "\x1b" not in plain
    coloured = render([table], color=True)
    assert "\x1b[1m0.7500 ± 0.3536\x1b[0m" in coloured
    assert "\x1b[4m0.5000\x1b[0m" in coloured
    narrow = render([table], width=30)
    grid_rows = [line for line in narrow.splitlines() if "±" in line]
    assert len(grid_rows) == 2  # attrec and bprmf, uncut
    assert max(len(line) for line in narrow.splitlines()[len(lines) :]) <= 30
    assert "".join(narrow.split()) == "".join(plain.split())  # the same words, wrapped elsewhere


def test_markdown_is_a_pipe_table() -> None:
    lines = render([one(house())], "markdown").splitlines()
    assert lines[0] == "| model | HR@10 | MRR | seeds |"
    assert lines[1] == "| --- | ---: | ---: | ---: |"
    assert "| attrec | **0.7500 ± 0.3536** | <u>0.4125 ± 0.1591</u> | 2 |" in lines
    assert r"| oracle \[ceiling\] | 1.0000 | 1.0000 | 1 |" in lines
    assert {line.count("|") for line in lines[:8]} == {5}


def test_markdown_escapes_what_would_be_markup() -> None:
    records = [make_record("my_*model*|x"), make_record("my_*model*|x", keywords={"a": "<b>"})]
    made = render([one(records)], "markdown")
    assert r"my\_\*model\*\|x (a=&lt;b&gt;)" in made


def test_latex_is_booktabs_and_balanced() -> None:
    made = render([one(house())], "latex")
    begun = re.findall(r"\\begin\{(\w+)\}", made)
    assert begun == ["table", "tabular"]
    assert re.findall(r"\\end\{(\w+)\}", made) == begun[::-1]
    assert made.count("{") == made.count("}")
    rules = re.findall(r"\\(toprule|midrule|bottomrule)", made)
    assert rules == ["toprule", "midrule", "midrule", "midrule", "bottomrule"]  # header, floors, models, ceiling
    body = [line for line in made.splitlines() if line.endswith(r" \\")]
    assert {line.count("&") for line in body} == {3}
    assert r"\begin{tabular}{lllr}" in made
    assert r"attrec & \textbf{0.7500\,$\pm$\,0.3536} & \underline{0.4125\,$\pm$\,0.1591} & 2 \\" in made
    assert r"tie\_order=file" in made


NASTY = "\\ & % $ # _ { } ~ ^ < > |"


def test_latex_escapes_each_special_character_once() -> None:
    made = render([one([make_record(NASTY)])], "latex")
    expected = (
        r"\textbackslash{} \& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{} "
        r"\textless{} \textgreater{} \textbar{}"
    )
    assert f"{expected} & 0.6667" in made


def test_no_caption_breaks_its_paragraph() -> None:
    made = render([one([make_record(data={"name": "my\n\ndata"})])], "latex")
    assert r"\caption{my  data (943" in made
    assert "\n\n" not in made


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path: Path) -> None:
    house_and_more = [*house(), make_record(NASTY), make_record("caser", code="older", created="2020")]
    made = render([one(house_and_more), one(house(data={"name": f"my\n\n{NASTY}"}))], "latex")
    document = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{made}\end{{document}}"
    (tmp_path / "table.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


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
        for number in (cell.mean, cell.sd)
        if number is not None
    )
    for format in ("terminal", "markdown", "latex"):
        assert sorted(re.findall(r"\d\.\d{4}", render([table], format))) == numbers
    rounded = [
        f"{float(value):.4f}"
        for line in csv.DictReader(io.StringIO(render([table], "csv")))
        for value in (line["mean"], line["sd"])
        if value
    ]
    assert sorted(rounded) == numbers


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "csv"])
def test_every_format_shows_mean_deviation_and_number_of_seeds(format: str) -> None:
    records = [make_record(seed=seed, ranks=ranks) for seed, ranks in ((0, [1, 100]), (1, [1, 30]), (2, [1, 2]))]
    records.append(make_record("popularity", None, ranks=[3, 40], train=None))
    made = render(tables(records), format)
    # by hand, HR@10: 1/2, 1/2, 1; HR@50: 1/2, 1, 1; NDCG@10: 1/2, 1/2, (1 + 1/log2(3)) / 2; MRR: .505, .51667, .75
    expected = {
        "attrec": [("0.6667", "0.2887"), ("0.8333", "0.2887"), ("0.6052", "0.1821"), ("0.5906", "0.1382")],
        "popularity": [("0.5000", ""), ("1.0000", ""), ("0.2500", ""), ("0.1792", "")],
    }
    for (label, cells), n in zip(expected.items(), ("3", "1"), strict=True):
        if format == "csv":
            lines = [line for line in csv.DictReader(io.StringIO(made)) if line["row"] == label]
            assert [line["metric"] for line in lines] == ["HR@10", "HR@50", "NDCG@10", "MRR"]
            shown = [tuple(value and f"{float(value):.4f}" for value in (x["mean"], x["sd"])) for x in lines]
            assert {line["n"] for line in lines} == {n}
        else:
            (line,) = [each for each in made.splitlines() if re.match(rf"(\| )?{label} ", each)]
            shown = re.findall(r"(\d\.\d{4})(?:(?: ± |\\,\$\\pm\$\\,)(\d\.\d{4}))?", line)
            assert line.rstrip(" |\\").endswith(f" {n}")
        assert shown == cells


def test_an_unknown_format_is_the_users_mistake() -> None:
    with pytest.raises(InputError, match=r"format must be one of terminal, markdown, latex, csv, got 'latx'.*'latex'"):
        render([one(house())], "latx")
