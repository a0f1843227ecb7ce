"""Notes on trainings that were cut short or differ from the YAML files, and on intervals that rest on little."""

from dataclasses import replace
from pathlib import Path

import pytest

from attrec_bench.configuration import composed
from attrec_bench.report.footnotes import with_settings
from attrec_bench.results.formats import FORMATS, SHEETS, render
from attrec_bench.results.record import Record, from_plain, to_plain
from attrec_bench.results.tables import tables
from attrec_bench.run import run
from tests.records import TRAIN, house, make_record, one

SMALL = ["dataset=planted", "dataset.n_users=40", "dataset.n_items=60", "dataset.n_interactions=1200"]


def trained(model: str, seed: int, best: int, epochs: int, limit: int, patience: int = 3, every: int = 1) -> Record:
    """A run of so many epochs, of which that of ``best`` was chosen."""
    train = {**TRAIN, "epochs": limit, "patience": patience, "eval_every": every}
    history = [{"epoch": epoch, "loss": 1.0, "seconds": 0.5, "MRR": 0.25} for epoch in range(1, epochs + 1)]
    return make_record(model, seed, train=train, epochs=best, history=history)


def longer(*records: Record) -> list[str]:
    return [note for note in one(list(records)).notes if "longer training" in note]


def test_runs_that_the_limit_of_epochs_ended_are_counted_whether_or_not_their_last_epoch_was_the_best() -> None:
    bprmf = [trained("bprmf", seed, best, 8, limit=8) for seed, best in enumerate((8, 7, 6, 5))]  # 5: patience, too
    assert longer(*bprmf) == [
        "3 of 4 runs of bprmf were ended by the limit of 8 epochs and not by patience: longer training may change them"
    ]
    others = [
        trained("caser", 0, 8, 8, limit=8),
        trained("fpmc", 0, 2, 5, limit=8),
        trained("attrec", 0, 98, 100, limit=100),
        trained("gru4rec", 0, 8, 11, limit=100),
        make_record("popularity", None, train=None, epochs=None),
    ]
    assert set(longer(*bprmf, *others)) == {
        "4 of 5 runs of bprmf, caser were ended by the limit of 8 epochs and not by patience: longer training may "
        "change them",
        "1 of 1 run of attrec was ended by the limit of 100 epochs and not by patience: longer training may change "
        "them",
    }
    assert longer(trained("bprmf", 0, 6, 6, limit=8)) == [], "whatever ended it, the limit did not"
    assert longer(make_record(), *others[1::2], others[-1]) == []
    for format in ("terminal", *(name for name in FORMATS if name not in SHEETS)):
        assert "ended by the limit of 8 epochs" in " ".join(render([one(bprmf)], format).split())


@pytest.mark.parametrize(("best", "ended"), [(12, True), (10, True), (8, True), (6, False), (4, False)])
def test_patience_counts_validations_and_not_epochs(best: int, ended: bool) -> None:
    # validated in the epochs 2, 4, ..., 12: after 6 three were no better, so that patience ended the run at its limit
    assert bool(longer(trained("bprmf", 0, best, 12, limit=12, patience=3, every=2))) == ended


def test_a_refit_run_is_judged_by_the_training_that_chose_its_epoch() -> None:
    chosen = trained("bprmf", 0, 2, 5, limit=8)  # and then trained again for two epochs
    protocol = {"refit": True}
    refit = make_record("bprmf", train=dict(chosen.config["train"]), protocol=protocol, epochs=2)
    assert longer(replace(refit, history=chosen.history)) == []
    assert len(longer(replace(refit, history=trained("bprmf", 0, 7, 8, limit=8).history, epochs=7))) == 1


def test_a_real_run_that_patience_did_not_end_is_told(recorded: list[Record]) -> None:
    assert longer(*recorded[:2]) == [
        "1 of 1 run of bprmf was ended by the limit of 1 epoch and not by patience: longer training may change them"
    ]


def test_intervals_of_two_seeds_and_equal_values_are_told_in_one_note() -> None:
    def said(records: list[Record]) -> list[str]:
        return [note for note in one(records).notes if "degree of freedom" in note or "coincide" in note]

    two = "rest on two seeds, one degree of freedom (t = 12.7), and can reach below 0: take more seeds"
    equal = "Equal values of all seeds ({}) are no certainty: counts can coincide"
    # house(): attrec's HR@10 is 1/2 and 1, bprmf's 1/2 and 1/2 while its MRR moves; caser has one seed, floors none
    assert said(house()) == [f"The intervals of bprmf, attrec {two}. {equal.format('bprmf in HR@10')}"]
    attrec = [record for record in house() if record.model == "attrec"]
    assert said(attrec) == [f"The intervals of attrec {two}"]
    three = [*house(), make_record("attrec", 2, ranks=[1, 20]), make_record("bprmf", 2, ranks=[3, 20])]
    assert said(three) == [equal.format("bprmf in HR@10")]
    same = [make_record("caser", seed, ranks=[2, 20]) for seed in range(3)]
    assert said(same) == [], "a seed that changes no rank is no coincidence"
    assert said([make_record("random", seed, ranks=[90 + seed, 50]) for seed in (0, 1)])[0].startswith(
        "The intervals of random rest on two seeds"
    ), "a floor that draws has seeds"


def test_intervals_of_two_tie_draws_are_told() -> None:
    records = [
        make_record(
            "popularity", None, ranks=[3, 4 + draw], train=None, protocol={"tie_order": "random", "tie_seed": draw}
        )
        for draw in range(3)
    ]
    assert "The intervals of popularity rest on two tie draws, one degree" in " ".join(one(records[:2]).notes)
    assert "degree of freedom" not in " ".join(one(records).notes)
    # draws that change nothing are what data without simultaneous events give, and no coincidence
    alike = [
        make_record(seed=seed, ranks=[1, 20 + seed], protocol={"tie_order": "random", "tie_seed": draw})
        for seed in (0, 1)
        for draw in range(3)
    ]
    assert not any("coincide" in note for note in one(alike).notes)
    assert any("coincide" in note for note in one([alike[0], alike[3]]).notes)
    # the interval of a crossed row rests on both levels, that of one with missing runs is not there
    assert "The intervals of attrec rest on two seeds, one degree" in " ".join(one(alike).notes)
    assert "degree of freedom" not in " ".join(one(alike[:-1]).notes)


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
    width, epochs = sorted(parts[1:])  # in the order of the rows, which is that of the figures
    assert width.startswith("model.d=4 (YAML ")
    assert width.endswith(") in attrec")
    assert epochs.startswith("train.epochs=1 (YAML ")
    assert epochs.endswith(f") in {trained}")


def test_what_a_label_says_is_not_said_again_but_for_the_training(recorded: list[Record]) -> None:
    (table,) = with_settings(tables(recorded))
    (said,) = [note for note in table.details if note.startswith("Settings")]
    assert "model.d" not in said
    assert "train.epochs=2 (YAML " in said


def test_a_model_without_a_yaml_file_is_named() -> None:
    (table,) = with_settings(tables([make_record("Mine")]))
    assert table.details == ("Without a YAML file to compare their settings with: Mine",)


def test_events_that_whole_windows_never_teach_are_told_before_training_and_under_the_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ["dataset=planted", "dataset.n_users=40", "dataset.n_items=60", "dataset.min_events=5", "train.epochs=1"]
    words += [f"runs={tmp_path}"]
    short = [*words, "dataset.n_interactions=400", "model=caser"]  # ten events a user, and windows of five and three
    full, _ = run(composed(short), "caser", " ".join(short))
    told = [record.getMessage() for record in caplog.records if "never a target" in record.getMessage()]
    assert len(told) == 1
    assert full.never_targets is not None
    assert told[0].startswith(f"with train.windows=full {full.never_targets:.0%} of the training events")
    caplog.clear()
    padded, _ = run(composed([*short, "train.windows=padded"]), "caser", " ".join([*short, "train.windows=padded"]))
    assert padded.never_targets == 0
    assert not any("never a target" in record.getMessage() for record in caplog.records)
    notes = [note for note in one([full, padded]).notes if "never a target" in note]
    assert notes == [f"caser (windows=full): {told[0]}"]
    long = [*words, "dataset.n_interactions=1200", "model=caser"]
    assert 0 < (run(composed(long), "caser", " ".join(long))[0].never_targets or 0) < 0.2
    assert not any("never a target" in record.getMessage() for record in caplog.records)


def test_a_record_from_before_the_share_was_kept_says_nothing_of_it() -> None:
    values = to_plain(make_record("caser"))
    del values["never_targets"]
    old = from_plain(values, make_record("caser").users, make_record("caser").ranks)
    assert not any("never a target" in note for note in one([old]).notes)
