"""The account of one cell, as text: every figure of it recomputed by hand from the records it is about."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from attrec_bench.configuration import composed
from attrec_bench.errors import InputError
from attrec_bench.report.settings import differing, differing_from
from attrec_bench.report.verb import account_of
from attrec_bench.results.record import SHORT, Record, flatten
from attrec_bench.results.store import save
from attrec_bench.run import run
from tests.records import TRAIN, house, make_record
from tests.reports import field_of_models

SIZE = ["dataset=planted", "dataset.n_users=40", "dataset.n_items=60", "dataset.n_interactions=1200", "train.epochs=1"]
SIZED = {"dataset.n_users", "dataset.n_items", "dataset.n_interactions"}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for record in house():
        save(tmp_path, record)
    return tmp_path


def test_a_cell_is_told_with_its_value_its_interval_and_its_runs(runs: Path) -> None:
    told = account_of(runs, {"model": "attrec"}, "MRR", None, None).splitlines()
    # MRR of the two seeds: (1 + 1/20) / 2 = .525 and (1/2 + 1/10) / 2 = .3; Student's t of one degree: 12.7062
    half = 12.7062 * 0.1125
    ends = f"{0.4125 - half:.4f} to {0.4125 + half:.4f}"
    assert told[0] == f"attrec, MRR on ml-100k: 0.4125 ± {half:.4f} (95 % interval {ends}), 2 runs"
    own = [record for record in house() if record.model == "attrec"]
    for record, value in zip(own, ("0.5250", "0.3000"), strict=True):
        (line,) = [place for place, each in enumerate(told) if f"run {record.identity[:SHORT]}" in each]
        assert f"seed {record.config['seed']}  MRR {value}  MRR on validation 0.2500  epoch 1 of 2" in told[line]
        assert "commit 01234567, clean tree" in told[line]
        assert told[line + 1].strip() == record.command


def test_p_is_corrected_over_the_columns_that_are_named(runs: Path) -> None:
    def told(columns: str | None) -> str:
        return account_of(runs, {"model": "attrec"}, "HR@10", None, "popularity", columns)

    assert "after Holm's correction over 12 tests" in told(None)
    assert "after Holm's correction over 3 tests" in told("HR@10")
    assert "after Holm's correction over 6 tests" in told("HR@10,MRR")
    with pytest.raises(InputError, match="metric, a column of metrics=, must be one of MRR, got 'HR@10'"):
        told("MRR")


def test_a_cell_says_what_it_was_compared_with(runs: Path) -> None:
    told = account_of(runs, {"model": "bprmf"}, "HR@10", None, "popularity")
    assert "+0.0000 [" in told
    assert "against popularity, p 1 after Holm's correction" in told
    alone = account_of(runs, {"model": "popularity"}, "HR@10", None, None).splitlines()
    assert alone[0] == "popularity, HR@10 on ml-100k: 0.5000 (one run: no interval), 1 run"


def test_any_metric_can_be_asked_for(runs: Path) -> None:
    first = account_of(runs, {"model": "caser"}, "HR@1", None, None).splitlines()[0]
    assert first.startswith("caser, HR@1 on ml-100k: 0.5000 (")  # ranks 1 and 25


def test_records_of_several_rows_are_refused_with_their_names(tmp_path: Path) -> None:
    for record in field_of_models():
        save(tmp_path, record)
    with pytest.raises(InputError, match=r"got 3: attrec \(w=0.8\) on ml-100k .*; say more"):
        account_of(tmp_path, {"model": "attrec"}, "HR@10", None, None)
    one = account_of(tmp_path, {"model": "attrec", "model.w": "0.5"}, "HR@10", None, None)
    assert one.startswith("attrec (w=0.5), HR@10")
    assert account_of(tmp_path, {}, "HR@10", "attrec (w=0.5)", None) == one
    assert account_of(tmp_path, {"model": "attrec", "model.w": "0.5", "seed": "1"}, "HR@10", None, None) == one
    with pytest.raises(InputError, match=r"row must be a row of the table \(.*caser.*\), got 'attrec \(w=0.4\)'"):
        account_of(tmp_path, {}, "HR@10", "attrec (w=0.4)", None)


def ways(runs: Path, filters: dict[str, str], keys: str) -> list[list[str]]:
    """The commands of the error, which must name exactly these keys."""
    with pytest.raises(InputError) as raised:
        account_of(runs, filters, "HR@10", None, None)
    said, _, commands = str(raised.value).partition("they differ in ")[2].partition("; ")
    assert said == keys
    assert "\n" not in commands
    return [shlex.split(command) for command in commands.split(" or ")]


def test_a_command_is_given_for_each_row_and_leads_to_it(tmp_path: Path) -> None:
    five, hundred = {**TRAIN, "epochs": 5}, {**TRAIN, "epochs": 100}
    records = [
        make_record("attrec", train=five, keywords={"heights": [1, 2]}),
        make_record("attrec", train=hundred, keywords={"heights": [1, 2]}),
        make_record("caser", train=hundred),
        make_record("attrec", train=hundred, keywords={"heights": [1, 2]}, protocol={"tie_order": "item"}),
    ]
    for record in records:
        save(tmp_path, record)
    two = ways(tmp_path, {"model": "attrec", "protocol.tie_order": "file"}, "train.epochs")
    start, end = (
        ["attrec-bench", "why", "model=attrec", "protocol.tie_order=file"],
        ["metric=HR@10", f"runs={tmp_path}"],
    )
    assert sorted(two) == [[*start, f"train.epochs={epochs}", *end] for epochs in (100, 5)]
    every = ways(tmp_path, {}, "protocol.tie_order, model, train.epochs")
    assert len(every) == 4
    told = []
    for words in every:
        given = dict(word.split("=", 1) for word in words[2:])
        filters = {key: value for key, value in given.items() if key not in ("runs", "metric", "row")}
        told.append(account_of(tmp_path, filters, given["metric"], given.get("row"), None))
    for record in records:  # each command led to another row
        assert sum(f"run {record.identity[:SHORT]}" in each for each in told) == 1


def test_a_row_that_lacks_the_telling_key_is_named_by_its_label(tmp_path: Path) -> None:
    for keywords in ({"w": 1}, {"w": 2}, {}):
        save(tmp_path, make_record(keywords=keywords))
    commands = ways(tmp_path, {"model": "attrec"}, "model.w")
    assert [word for words in commands for word in words if word.startswith("row=")] == ["row=attrec"]
    assert sum("model.w=1" in words for words in commands) == 1


def test_records_that_the_table_leaves_out_have_no_cell(runs: Path) -> None:
    save(
        runs, make_record("caser", 7, ranks=[1, 25], code="0ther000" + "feedfeed", created="2025-01-01T00:00:00+00:00")
    )
    with pytest.raises(InputError, match=r"why is for a row of the table \(.*caser.*\), which leaves these"):
        account_of(runs, {"model": "caser", "seed": "7"}, "HR@10", None, None)


def test_an_unknown_metric_is_refused(runs: Path) -> None:
    with pytest.raises(InputError, match="got 'HR10'"):
        account_of(runs, {"model": "caser"}, "HR10", None, None)


def test_the_command_line_says_what_is_missing_in_one_line(runs: Path) -> None:
    for words, said in ((["why", "model=caser"], "why needs metric=..."), (["report", "modle=caser"], "'modle'")):
        done = subprocess.run(
            [sys.executable, "-m", "attrec_bench.cli", *words, f"runs={runs}"],
            cwd=runs,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr


def recorded(runs: Path, model: str, *overrides: str) -> Record:
    words = [*SIZE, f"model={model}", f"runs={runs}", *overrides]
    return run(composed(words), model, " ".join(["attrec-bench", "run", *words]))[0]


@pytest.mark.parametrize("model", ["attrec", "bprmf", "gru4rec", "itemknn", "popularity"])
def test_only_what_was_changed_differs_from_the_yaml_files(tmp_path: Path, model: str) -> None:
    found = differing(recorded(tmp_path, model))
    trains = model not in ("itemknn", "popularity")
    assert set(found.keys) == SIZED | ({"train.epochs"} if trains else set())
    assert found.keys["dataset.n_users"] == ("40", "943")
    assert not found.unknown


def test_a_short_name_differs_as_the_models_own_keyword(tmp_path: Path) -> None:
    found = differing(recorded(tmp_path, "attrec", "w=0.9", "seed=3"))
    assert found.keys["model.w"] == ("0.9", "0.3")
    assert "model.w=0.9 (YAML 0.3)" in found.words()
    assert "seed" not in found.keys


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (["protocol.candidates=uniform-20"], {"candidates": ("uniform-20", "full")}),  # drawn with the YAML's seed
        (
            ["protocol.candidates=popularity-9", "protocol.candidates_seed=3", "protocol.ties=optimistic"],
            {"candidates": ("popularity-9", "full"), "candidates_seed": ("3", "0"), "ties": ("optimistic", "expected")},
        ),
        (
            ["protocol.tie_order=random", "protocol.tie_seed=2"],
            {"tie_order": ("random", "file"), "tie_seed": ("2", "0")},
        ),
        (["protocol.tie_order=random"], {"tie_order": ("random", "file")}),
    ],
)
def test_what_the_yaml_of_the_protocol_has_and_does_not_consume_is_its_value(
    tmp_path: Path, chosen: list[str], said: dict[str, tuple[str, str]]
) -> None:
    found = differing(recorded(tmp_path, "popularity", *chosen))
    told = {key.removeprefix("protocol."): both for key, both in found.keys.items() if key.startswith("protocol.")}
    assert told == said
    assert "not in YAML" not in found.words()


def test_the_plain_ranking_differs_from_a_protocol_of_ones_own_that_samples() -> None:
    default = flatten(
        {"protocol": {"name": "mine", "candidates": "uniform-9", "candidates_seed": 4, "ties": "expected"}}
    )
    found = differing_from(make_record(protocol={"name": "mine"}), default)
    assert found.keys["protocol.candidates"] == ("full", "uniform-9")
    assert not {"protocol.candidates_seed", "protocol.ties"} & set(found.keys)


def test_a_key_that_one_side_lacks_is_told() -> None:
    said = differing(make_record("popularity", None, train=None)).words().split(", ")
    assert "model._target_=baselines.popularity (YAML baselines.popularity.Popularity)" in said
    assert "protocol.tie_seed=null (YAML 0)" in said
    assert "no dataset.k_core (YAML null)" in said


def test_a_model_without_a_yaml_file_says_so() -> None:
    said = differing(make_record("Foo", 0)).words()
    assert said.startswith("unknown, since its YAML files cannot be composed: model must be one of")
    assert "got 'Foo'" in said
