"""Labels of rows: what most configurations share goes without saying, and a note says it."""

from typing import Any

from attrec_bench.results.labels import labels, training_keys, unsaid
from attrec_bench.results.record import Record
from tests.records import TRAIN, make_record, one


def variants(*keywords: dict[str, Any]) -> list[list[Record]]:
    return [[make_record(keywords=each)] for each in keywords]


def test_one_thing_changed_at_a_time_is_all_that_a_label_says() -> None:
    rows = variants(
        {"w": 0.3, "d": 8}, {"w": 0.1, "d": 8}, {"w": 0.3, "d": 16}, {"w": 0.9, "d": 8}, {"w": 0.3, "d": 8, "T": 1}
    )
    assert labels(rows) == ["attrec", "attrec (w=0.1)", "attrec (d=16)", "attrec (w=0.9)", "attrec (T=1)"]
    assert unsaid(rows) == ["attrec, where a row does not say otherwise: model.w=0.3, model.d=8"]


def test_two_configurations_and_values_without_a_majority_are_told_in_full() -> None:
    assert labels(variants({"w": 0.3}, {"w": 0.1})) == ["attrec (w=0.3)", "attrec (w=0.1)"]
    curve = variants({"w": 0.0}, {"w": 0.5}, {"w": 1.0}, {"w": 0.5, "d": 4})
    assert labels(curve) == ["attrec (w=0)", "attrec (w=0.5)", "attrec (w=1)", "attrec (w=0.5, d=4)"]
    assert unsaid(curve) == []


def test_a_key_that_a_row_lacks_is_told_where_most_have_it() -> None:
    rows = variants({"eps": 1}, {"eps": 1, "w": 1}, {"eps": 1, "w": 2}, {}, {"eps": 1, "w": 3})
    assert labels(rows) == ["attrec", "attrec (w=1)", "attrec (w=2)", "attrec (no eps)", "attrec (w=3)"]


def test_a_training_that_tells_rows_of_one_model_apart_is_shown_on_every_trained_row() -> None:
    five, hundred = {**TRAIN, "epochs": 5}, {**TRAIN, "epochs": 100}
    table = one(
        [
            make_record("bprmf", train=five),
            make_record("bprmf", train=hundred),
            make_record("caser", train=five),
            make_record("older"),  # a record without that key
            *(make_record("attrec", train=hundred, keywords={"w": w}) for w in (0.1, 0.2)),
            make_record("popularity", None, train=None),
        ]
    )
    assert {row.label for row in table.rows} == {
        *("bprmf (epochs=5)", "bprmf (epochs=100)", "caser (epochs=5)", "older", "popularity"),
        *("attrec (w=0.1, epochs=100)", "attrec (w=0.2, epochs=100)"),
    }


def test_a_training_that_few_of_many_rows_change_stays_in_the_note_and_else_in_every_label() -> None:
    five, hundred = {**TRAIN, "epochs": 5}, {**TRAIN, "epochs": 100}
    ablation = [[make_record(keywords={"w": w}, train=hundred)] for w in (0.1, 0.2, 0.3)]
    ablation.append([make_record(keywords={"w": 0.1}, train=five)])
    assert training_keys([ablation, [[make_record("caser", train=five)]]]) == []
    assert "attrec, where a row does not say otherwise: train.epochs=100" in unsaid(ablation)[0]
    two = [[make_record("bprmf", train=each)] for each in (five, hundred)]
    assert training_keys([ablation, two]) == ["train.epochs"]
    assert all("epochs=" in label for label in labels(ablation, ["train.epochs"]))
    assert unsaid(ablation, ["train.epochs"]) == []
