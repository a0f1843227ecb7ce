"""One run from a configuration to a record: what it consumes, what it leaves behind, and that it repeats."""

import logging
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attrec_bench import run as run_module
from attrec_bench.configuration import composed
from attrec_bench.errors import InputError
from attrec_bench.evaluation.metrics import means
from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.plan import plan, require_read
from attrec_bench.results import store
from attrec_bench.results.record import Record
from attrec_bench.run import learnt, run

SMALL = [
    "dataset=planted",
    "dataset.n_users=60",
    "dataset.n_items=80",
    "dataset.n_interactions=1800",
    "train.epochs=2",
    "train.batch_size=256",
]


def identity(*overrides: str, model: str = "attrec") -> str:
    return plan(composed([*SMALL, f"model={model}", *overrides]), model).identity


def recorded(runs: Path, *overrides: str, model: str = "attrec") -> tuple[Record, bool]:
    return run(composed([*SMALL, f"model={model}", f"runs={runs}", *overrides]), model, "attrec-bench run")


def test_what_a_model_does_not_use_makes_no_second_run() -> None:
    assert identity("w=0.1", model="bprmf") == identity("w=0.9", "maxlen=9", "gamma=2", "mode=inner", model="bprmf")
    assert identity("seed=1", "train.epochs=9", model="popularity") == identity("seed=2", model="popularity")
    assert identity("protocol.tie_seed=1") == identity("protocol.tie_seed=2")
    assert identity("mode=inner", "gamma=0.1") == identity("mode=inner", "gamma=0.9")
    assert identity("train.windows=full", model="bprmf") == identity("train.windows=padded", model="bprmf")
    assert identity("train.windows=full", model="sasrec") == identity("train.windows=padded", model="sasrec")
    assert identity("train.negatives=2", model="gru4rec") == identity("train.negatives=3", model="gru4rec")
    softmax = "model.loss=softmax"
    assert identity(softmax, "train.negatives=1", model="caser") == identity(
        softmax, "train.negatives=2", model="caser"
    )
    assert identity("maxlen=3", model="oracle") == identity("maxlen=9", model="oracle")
    assert identity("device=cpu") == identity("device=auto")
    assert identity("w=1") == identity("w=1.0") == identity("model.w=1")


def own_file(folder: Path) -> list[str]:
    """Three users with six events each, two a second, and one user with a single event."""
    rows = "".join(f"{user},{item},5,{item // 2}\n" for user in range(3) for item in range(6)) + "9,1,5,1\n"
    (folder / "my.csv").write_text("user_id,item_id,rating,timestamp\n" + rows)
    return ["dataset=csv", f"dataset.path={folder / 'my.csv'}", "model=popularity"]


def test_what_is_left_out_of_the_data_makes_another_run_and_how_they_are_read_does_not(tmp_path: Path) -> None:
    def of(*overrides: str) -> str:
        return plan(composed([*own_file(tmp_path), *overrides]), "popularity").identity

    kinds = [of(), of("dataset.k_core=1"), of("dataset.duplicates=first"), of("dataset.min_user_events=2")]
    assert len({*kinds, of("dataset.min_item_events=2"), of("dataset.min_rating=1")}) == 6
    assert of("dataset.clock=day") == of()


def test_a_record_keeps_what_was_left_out_and_what_the_data_cannot_tell(tmp_path: Path) -> None:
    config = composed([*own_file(tmp_path), "dataset.min_user_events=2", "dataset.clock=day", f"runs={tmp_path}"])
    record, _ = run(config, "popularity", "attrec-bench run")
    assert (record.data["clock"], record.data["removed"]) == ("day", {"min_user_events=2": 1})
    assert store.read_all(tmp_path)[0].data["lost"] == {"min_user_events=2": [1, 0]}
    assert record.data["audit"] == {
        "tied_events": 1.0,  # each event shares its day with one other
        "tied_users": 1.0,
        "repeats": 0.0,
        "unseen_test": 1.0,  # all users met the six items in one order
        "later_train": 0.0,
    }
    assert store.read(store.resolve(tmp_path, record.identity)) == record


@pytest.mark.parametrize(
    "override",
    ["w=0.9", "gamma=0.9", "maxlen=9", "mode=inner", "seed=1", "protocol.tie_order=item", "protocol.last_tie=first",
     "protocol.candidates=uniform-9", "protocol.ties=optimistic",
     "protocol.refit=true", "train.optimizer.lr=0.9", "dataset.seed=5", "train.monitor=MRR",
     "train.negatives=2", "train.windows=full", "model.T=2", "model.d=10", "train.drop_last=true"],
)  # fmt: skip
def test_what_a_model_uses_makes_another_run(override: str) -> None:
    assert identity(override) != identity()


def test_the_plain_ranking_goes_without_saying() -> None:
    """Runs of leave_one_out are the runs they were before a protocol could say what it ranks."""
    protocol = plan(composed([*SMALL, "model=popularity"]), "popularity").config["protocol"]
    assert protocol == {"name": "leave_one_out", "tie_order": "file", "last_tie": "last", "refit": False}
    assert identity("protocol.candidates_seed=1") == identity("protocol.candidates_seed=2")


@pytest.mark.parametrize("protocol", ["ratio", "leave_one_out_tf2"])
def test_every_protocol_is_run_and_found_again(tmp_path: Path, protocol: str) -> None:
    words = [f"protocol={protocol}", "dataset.n_items=300"]
    first, _ = recorded(tmp_path, *words, model="bprmf")
    again, found = recorded(tmp_path, *words, model="bprmf")
    assert found
    assert again == first
    assert first.metrics["test"] == means(first.ranks, users=first.users)
    assert ("MAP" in first.metrics["test"]) == (protocol == "ratio")
    repeated, _ = recorded(tmp_path, *words, "force=true", model="bprmf")
    assert repeated.ranks.tolist() == first.ranks.tolist()


def test_one_cut_in_time_is_run_and_learns_from_nothing_after_it(tmp_path: Path) -> None:
    """Every user meets items 1 to 10 in turn: the tenth in the last tenth of the time, the ninth before it."""
    rows = [f"{user},{item},{10 * item + user}" for user in range(5) for item in range(1, 11)]
    file = tmp_path / "my.csv"
    file.write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")
    words = ["dataset=csv", f"dataset.path={file}", "protocol=global_time", f"runs={tmp_path}"]
    record, _ = run(composed([*words, "model=popularity"]), "popularity", "attrec-bench run")
    assert record.users.tolist() == [0, 1, 2, 3, 4]
    assert record.ranks.tolist() == [1.0] * 5  # item 10 is the one that nobody has seen: ranked among itself
    assert record.metrics["valid"]["MRR"] == 1 / 1.5  # item 9 ties with item 10: both have no count
    refitted, _ = run(composed([*words, "model=popularity", "protocol.refit=true"]), "popularity", "attrec-bench run")
    assert refitted.ranks.tolist() == record.ranks.tolist()


def test_tie_draws_within_a_run_are_refused() -> None:
    with pytest.raises(InputError, match=r"protocol.tie_draws is for attrec-bench run on the command line.*got 3"):
        plan(composed([*SMALL, "protocol.tie_draws=3"]), "attrec")


def test_the_seed_of_a_random_model_counts_and_so_does_a_random_order() -> None:
    assert identity("seed=1", model="random") != identity("seed=2", model="random")
    random = "protocol.tie_order=random"
    assert identity(random, "protocol.tie_seed=1") != identity(random, "protocol.tie_seed=2")


def test_a_finished_run_is_found_and_force_repeats_it_to_the_same_ranks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first, found = recorded(tmp_path)
    assert not found
    again, found = recorded(tmp_path)
    assert found
    assert again == first
    repeated, found = recorded(tmp_path, "force=true")
    assert not found
    assert repeated.ranks.tolist() == first.ranks.tolist()
    assert repeated.created >= first.created
    assert f"run {first.identity[:16]} was trained again, to the same rank of every target as recorded" in caplog.text
    assert len(store.read_all(tmp_path)) == 1


def test_a_run_that_was_trained_again_to_other_ranks_says_how_far_they_moved(tmp_path: Path) -> None:
    record, _ = recorded(tmp_path, model="popularity")
    other = record.ranks.copy()
    other[: len(other) // 4] += 1
    told = run_module.repeated(record, replace(record, ranks=other))
    assert f"to other ranks for {len(other) // 4 / len(other):.1%} of the targets" in told


def test_a_record_holds_what_the_run_was(tmp_path: Path) -> None:
    record, _ = recorded(tmp_path, "seed=4")
    assert record.config["seed"] == 4
    assert record.metrics["test"] == means(record.ranks)
    assert [row["epoch"] for row in record.history] == [1, 2]
    assert record.epochs in (1, 2)
    assert record.data["interactions"] == 1800
    assert len(record.users) == 60
    assert record.hardware["device"] == "cpu"
    assert (store.resolve(tmp_path, record.identity[:8]) / "weights.pt").is_file()


def test_refit_learns_from_validation_events_too_and_never_from_the_test(tmp_path: Path) -> None:
    plain, _ = recorded(tmp_path, model="popularity")
    refitted, _ = recorded(tmp_path, "protocol.refit=true", model="popularity")
    assert plain.metrics["valid"] == refitted.metrics["valid"]
    planned = plan(composed([*SMALL, "model=popularity"]), "popularity")
    data, test = planned.split.known, planned.split.test
    counts = np.bincount(data.items, minlength=data.n_items + 1)
    for user, item, rank in zip(refitted.users, test.items, refitted.ranks, strict=True):
        rivals = np.setdiff1d(np.arange(1, data.n_items + 1), [*data.items[data.users == user], item])
        expected = 1 + (counts[rivals] > counts[item]).sum() + (counts[rivals] == counts[item]).sum() / 2
        assert rank == expected


def test_refit_trains_a_learner_anew_on_all_but_the_test_for_the_chosen_number_of_epochs(tmp_path: Path) -> None:
    overrides = [*SMALL, "model=bprmf", "train.epochs=40", "train.patience=5", "dataset.long_term=1", "model.d=8"]
    refitted, _ = run(composed([*overrides, f"runs={tmp_path}", "protocol.refit=true"]), "bprmf", "attrec-bench run")
    assert refitted.epochs is not None
    assert 1 < refitted.epochs < len(refitted.history), (
        "the case must tell the chosen epoch from the first and the last"
    )
    planned = plan(composed(overrides), "bprmf")
    model, _ = learnt(planned, planned.split.refit(), validate=False, epochs=refitted.epochs)
    asked = queries(planned.split.known, planned.split.test, maxlen=0, device=planned.device)
    assert ranks(model, asked).tolist() == refitted.ranks.tolist()


@pytest.mark.skipif("ATTREC_BENCH_DATA" not in os.environ, reason="needs ATTREC_BENCH_DATA with ml-100k")
@pytest.mark.parametrize(
    ("tie_order", "expected"),
    [
        ("file", (0.1972, 0.0838, 0.0407)),
        ("file_reversed", (0.2163, 0.0848, 0.0390)),
        ("item", (0.1400, 0.0498, 0.0253)),
    ],
)
def test_popularity_on_ml_100k_equals_an_independent_implementation(
    tmp_path: Path, tie_order: str, expected: tuple[float, float, float]
) -> None:
    """Figures that another implementation computed from the same file: exact counts, so equal to four digits."""
    overrides = ["dataset=ml-100k", "model=popularity", f"protocol.tie_order={tie_order}", f"runs={tmp_path}"]
    record, _ = run(composed(overrides), "popularity", "attrec-bench run")
    found = [round(record.metrics["test"][name], 4) for name in ("HR@50", "HR@10", "MRR")]
    assert tuple(found) == expected


def test_the_test_events_have_no_influence_on_what_is_learnt_and_chosen(tmp_path: Path) -> None:
    """Two files that differ in which user gets which last event lead to the same losses and validation metrics."""
    random = np.random.default_rng(0)
    lines = ["user_id,item_id,timestamp"]
    lines += [f"{user},{item},{t}" for user in range(40) for t, item in enumerate(random.permutation(50)[:12])]
    histories = []
    for first, second in ((900, 901), (901, 900)):
        file = tmp_path / f"{first}.csv"
        file.write_text("\n".join([*lines, f"0,{first},99", f"1,{second},99"]) + "\n")
        overrides = ["dataset=csv", f"dataset.path={file}", "train.epochs=3", f"runs={tmp_path / 'runs'}"]
        record, _ = run(composed([*overrides, "model=bprmf"]), "bprmf", "attrec-bench run")
        histories.append([{key: value for key, value in row.items() if key != "seconds"} for row in record.history])
    assert histories[0] == histories[1]


def test_deviceless_machines_say_so() -> None:
    with pytest.raises(InputError, match=r"device must be auto or one this machine has \(cpu.*got 'cuda:7'"):
        plan(composed([*SMALL, "device=cuda:7"]), "attrec")


@pytest.mark.parametrize("seed", ["-1", "one", "1.5", "true"])
def test_a_seed_is_a_whole_number(seed: str) -> None:
    with pytest.raises(InputError, match="seed must be a whole number of at least 0, got"):
        plan(composed([*SMALL, f"seed={seed}"]), "attrec")


def test_windows_of_sequences_are_for_models_that_learn_at_every_position() -> None:
    with pytest.raises(InputError, match=r"train\.windows=sequences is for .*every_position, got AttRec"):
        identity("train.windows=sequences")


UNREAD = {
    "+train.batchsize=1": "train takes optimizer, epochs, .*, got 'batchsize' (did you mean 'batch_size'?)",
    "+train.optimizer.rate=1": "Adagrad takes lr, .*, got 'rate'",
    "+protocol.refits=true": "protocol=leave_one_out takes tie_order, .*, got 'refits' (did you mean 'refit'?)",
    "+protocol.test_share=0.2": "protocol=leave_one_out takes .*, got 'test_share'",
    "+protocol.split.target=last": "leave_one_out takes tie_order, last_tie, tie_seed, got 'target'",
    "+dataset.n_user=7": "planted takes name, n_users, .*, got 'n_user' (did you mean 'n_users'?)",
}


@pytest.mark.parametrize("override", UNREAD)
def test_a_setting_that_nothing_reads_is_refused(override: str) -> None:
    """It would stand in the record, and its reader would think that it did something."""
    told = re.escape(UNREAD[override]).replace(r"\.\*", ".*")
    with pytest.raises(InputError, match=told):
        plan(composed([*SMALL, override]), "attrec")


def test_what_a_protocol_reads_may_be_given_by_name() -> None:
    require_read(composed([*SMALL, "protocol=global_time", "++protocol.target=first", "++protocol.tie_seed=1"]))
    require_read(composed([*SMALL, "protocol=ratio", "++protocol.train_share=0.6", "++train.epochs=1"]))
