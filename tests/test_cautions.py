"""Notes on trainings that were cut short or differ from the YAML files."""

import pytest

from attrec_bench.configuration import composed
from attrec_bench.report.footnotes import with_settings
from attrec_bench.results.formats import FORMATS, SHEETS, render
from attrec_bench.results.record import Record
from attrec_bench.results.tables import tables
from attrec_bench.run import run
from tests.records import TRAIN, make_record, one

FIVE, HUNDRED = {**TRAIN, "epochs": 5}, {**TRAIN, "epochs": 100}
SMALL = ["dataset=planted", "dataset.n_users=40", "dataset.n_items=60", "dataset.n_interactions=1200"]


def test_runs_that_chose_their_last_allowed_epoch_are_counted() -> None:
    records = [
        make_record("caser", 0, train=FIVE, epochs=5),
        make_record("caser", 1, train=FIVE, epochs=4),
        make_record("bprmf", 0, train=FIVE, epochs=5),
        make_record("fpmc", 0, train=FIVE, epochs=3),
        make_record("attrec", 0, train=HUNDRED, epochs=100),
        make_record("gru4rec", 0, train=HUNDRED, epochs=5),
        make_record("popularity", None, train=None, epochs=None),
    ]
    table = one(records)
    assert {note for note in table.notes if "longer training" in note} == {
        "2 of 3 runs of bprmf, caser chose their last allowed epoch (5): longer training may change them",
        "1 of 1 runs of attrec chose their last allowed epoch (100): longer training may change them",
    }
    for format in ("terminal", *(name for name in FORMATS if name not in SHEETS)):
        assert "chose their last allowed epoch (5)" in " ".join(render([table], format).split())
    assert not any("longer training" in note for note in one([make_record(), records[3], records[-1]]).notes)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    runs = tmp_path_factory.mktemp("runs")
    asked = [("popularity", []), ("bprmf", ["train.epochs=1"]), ("attrec", ["train.epochs=1", "model.d=4"])]
    asked += [("attrec", ["train.epochs=2", "model.d=8"])]
    words = [(model, [*SMALL, f"model={model}", f"runs={runs}", *more]) for model, more in asked]
    return [run(composed(each), model, " ".join(each))[0] for model, each in words]


def test_settings_that_differ_from_the_yaml_files_are_told_once_for_all_rows(recorded: list[Record]) -> None:
    (table,) = with_settings(tables(recorded[:3]))
    size = "dataset.n_users=40 (YAML 943), dataset.n_items=60 (YAML 1682), dataset.n_interactions=1200 (YAML 100000)"
    (said,) = [note for note in table.details if note.startswith("Settings")]
    parts = said.removeprefix("Settings that differ from the YAML files: ").split("; ")
    trained = ", ".join(row.label for row in table.rows if row.model != "popularity")
    assert parts[0] == f"{size} in every row"
    assert parts[1].startswith("train.epochs=1 (YAML ")
    assert parts[1].endswith(f") in {trained}")
    assert parts[2].startswith("model.d=4 (YAML ")
    assert parts[2].endswith(") in attrec")
    assert len(parts) == 3


def test_what_a_label_says_is_not_said_again_but_for_the_training(recorded: list[Record]) -> None:
    (table,) = with_settings(tables(recorded))
    (said,) = [note for note in table.details if note.startswith("Settings")]
    assert "model.d" not in said
    assert "train.epochs=2 (YAML " in said


def test_a_model_without_a_yaml_file_is_named() -> None:
    (table,) = with_settings(tables([make_record("Mine")]))
    assert table.details == ("Without a YAML file to compare their settings with: Mine",)
