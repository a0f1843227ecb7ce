"""What rows and data sets are called: by what one types for them, as a paper does, or as the user says."""

import csv
import io
from html import unescape
from pathlib import Path

import pytest

from attrec_bench import verbs
from attrec_bench.configuration import conf_folder
from attrec_bench.errors import InputError
from attrec_bench.results.against import compared
from attrec_bench.results.formats import render
from attrec_bench.results.store import save
from attrec_bench.results.tables import tables
from attrec_bench.results.titles import DATASETS, MODELS, names_of
from tests.records import TRAIN, contest, make_record

OURS = {"_target_": "mypkg.Mine"}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A contest, a model of the user's own, and a row that says a setting."""
    later = {**TRAIN, "monitor": "HR@50"}
    more = [make_record("mine", ranks=[2.0] * 20, keywords=OURS)]
    ranks = [4.0] * 5 + [40.0] * 15
    more += [make_record("fmc", ranks=ranks, keywords={"d": d, "T": 24 - d}, train=later) for d in (8, 16)]
    for record in [*contest(), *more]:
        save(tmp_path / "runs", record)
    return tmp_path / "runs"


def shown(runs: Path, *arguments: str) -> str:
    out = runs.parent / "table"
    verbs.table_verb([f"runs={runs}", f"out={out}", *arguments])
    return unescape(out.read_text())


def test_latex_and_html_have_a_papers_names_in_rows_and_words_and_the_others_those_one_types(runs: Path) -> None:
    for format in ("latex", "html"):
        made = shown(runs, f"format={format}", "notes=short")
        for said in (
            "BPR-MF",
            "Popularity [floor]",
            "FMC (d=8, T=16)",
            "on ML-100K (943 users",
            "over Caser",
            "than Caser, ",
        ):
            assert said in made, said
        for typed in ("bprmf", "caser", "ml-100k (", "fmc"):
            assert typed not in made.replace("tab:ml-100k", ""), typed
        assert "mine" in made
        assert "Epochs of FMC are chosen" in shown(runs, f"format={format}")
    assert r"\label{tab:ml-100k}" in shown(runs, "format=latex")
    for format in ("terminal", "markdown", "csv", "csv-wide"):
        made = shown(runs, f"format={format}")
        assert "bprmf" in made
        assert "ml-100k" in made
        assert "BPR-MF" not in made


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "html", "csv", "csv-wide"])
def test_names_go_before_all_others_in_every_format(format: str, runs: Path) -> None:
    made = shown(runs, "names=mine:Ours,caser:Our Caser,fmc (d=8, T=16):Small,ml-100k:Films", f"format={format}")
    for said in ("Ours", "Our Caser", "Small", "Films"):
        assert said in made
    assert ("FMC (d=16, T=8)" if format in ("latex", "html") else "fmc (d=16, T=8)") in made
    if format.startswith("csv"):
        held = {line["row"]: line for line in csv.DictReader(io.StringIO(made))}
        assert held["Ours"]["model"] == "mine", "a program still finds the model"
    else:
        assert "Improv. of Ours over Our Caser" in made.replace("\n", " ").replace(r"\\over", " over")


def test_rows_may_be_asked_for_by_either_name(runs: Path) -> None:
    options = ("format=latex", "names=mine:Ours")
    for asked in (
        ("against=fmc (d=8, T=16)", "ours=mine"),
        ("against=FMC (d=8, T=16)", "ours=Ours"),
    ):
        assert r"Improv. of Ours\\over FMC (d=8, T=16)" in shown(runs, *options, *asked)


def test_names_change_no_number(runs: Path) -> None:
    # rows of equal values stand in the order of what is typed, not of what is shown
    renamed = shown(runs, "format=csv", "names=bprmf:aa,fmc (d=16, T=8):zz,fmc (d=8, T=16):mm")
    plain = shown(runs, "format=csv")
    for typed, name in (("bprmf", "aa"), ("fmc (d=16, T=8)", "zz"), ("fmc (d=8, T=16)", "mm")):
        plain = plain.replace(f'"{typed}"', name).replace(f",{typed},", f",{name},")
    columns = [[{**line, "model": ""} for line in csv.DictReader(io.StringIO(each))] for each in (plain, renamed)]
    assert columns[0] == columns[1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "bprfm:BPR",
            "names, a row or a data set of the table, must be one of attrec, bprmf, caser, fmc (d=16, T=8), "
            "fmc (d=8, T=16), mine, popularity, got 'bprfm' (did you mean 'bprmf'?)",
        ),
        ("bprmf", "names must be TYPED:SHOWN,..., as bprmf:BPR-MF,mine:Ours, got 'bprmf'"),
        ("bprmf:", "names must be TYPED:SHOWN,..., as bprmf:BPR-MF,mine:Ours, got 'bprmf:'"),
        ("", "names must be TYPED:SHOWN,..., as bprmf:BPR-MF,mine:Ours, got ''"),
        ("mine:A,mine:B", "names must name each row once, got 'mine'"),
        ("mine:Ours,attrec:Ours", "names must tell rows apart, got 'Ours' for attrec and mine"),
        ("mine:caser", "names must tell rows apart, got 'caser' for caser and mine"),
    ],
)
def test_a_mistake_in_the_names_is_one_line(given: str, told: str, runs: Path) -> None:
    with pytest.raises(InputError) as error:
        shown(runs, f"names={given}")
    assert str(error.value) == told


def test_two_data_sets_cannot_have_one_name() -> None:
    records = [*contest(), *contest(data={"name": "ml-1m", "sha256": "cd" * 32})]
    names = names_of("ml-100k:Films,ml-1m:Films", records, "terminal")
    with pytest.raises(InputError, match="names must tell data sets apart, got 'Films' for ml-100k and ml-1m"):
        tables(records, names=names)


def test_what_is_a_model_and_a_data_set_is_the_model() -> None:
    records = contest(data={"name": "attrec"})
    (table,) = compared(tables(records, ["HR@10"], names=names_of("attrec:Ours", records, "latex")))
    made = render([table], "latex")
    assert "on attrec (943 users" in made
    assert r"Ours & \textbf{0.9000}" in made


def test_every_listed_name_is_that_of_a_model_or_a_data_set_there_is() -> None:
    for kind, listed in (("model", MODELS), ("dataset", DATASETS)):
        there = {file.stem for file in (conf_folder() / kind).glob("*.yaml")}
        assert set(listed) <= there
        assert len(set(listed.values())) == len(listed)
