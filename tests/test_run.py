"""One run from a configuration to a record: what it consumes, what it leaves behind, and that it repeats."""

import os
from pathlib import Path

import numpy as np
import pytest

from attrec_bench.configuration import composed
from attrec_bench.errors import InputError
from attrec_bench.evaluation.metrics import means
from attrec_bench.evaluation.ranks import queries, ranks
from attrec_bench.plan import plan
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


@pytest.mark.parametrize(
    "override",
    ["w=0.9", "gamma=0.9", "maxlen=9", "mode=inner", "seed=1", "protocol.tie_order=item", "protocol.last_tie=first",
     "protocol.refit=true", "train.optimizer.lr=0.9", "dataset.seed=5", "train.monitor=MRR",
     "train.negatives=2", "train.windows=full", "model.T=2", "model.d=10", "train.drop_last=true"],
)  # fmt: skip
def test_what_a_model_uses_makes_another_run(override: str) -> None:
    assert identity(override) != identity()


def test_the_seed_of_a_random_model_counts_and_so_does_a_random_order() -> None:
    assert identity("seed=1", model="random") != identity("seed=2", model="random")
    random = "protocol.tie_order=random"
    assert identity(random, "protocol.tie_seed=1") != identity(random, "protocol.tie_seed=2")


def test_a_finished_run_is_found_and_force_repeats_it_to_the_same_ranks(tmp_path: Path) -> None:
    first, found = recorded(tmp_path)
    assert not found
    again, found = recorded(tmp_path)
    assert found
    assert again == first
    repeated, found = recorded(tmp_path, "force=true")
    assert not found
    assert repeated.ranks.tolist() == first.ranks.tolist()
    assert repeated.created >= first.created
    assert len(store.read_all(tmp_path)) == 1


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
