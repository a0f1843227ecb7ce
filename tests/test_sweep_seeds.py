"""What the page on a model of one's own says of a sweep's seeds: a run of the winner's that exists is found."""

from pathlib import Path

from attrec_bench.results import ledger, store
from tests.test_cli import SMALL, bench

SPACE = "space:\n  train.optimizer.lr: {type: categorical, choices: [0.01, 0.02]}\n"
WORDS = ["model=bprmf", *SMALL, "tracking.uri=off"]


def test_a_run_of_the_winners_settings_that_exists_counts_as_the_winners(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    runs = tmp_path / "runs"
    for lr in ("0.01", "0.02"):
        done = bench("run", *WORDS, f"train.optimizer.lr={lr}", "seed=0", folder=tmp_path)
        assert done.returncode == 0, done.stderr
    before = {record.identity: record for record in store.read_all(runs)}
    words = ["sweep.space=space.yaml", "n_trials=2", "sweep.seeds=2", "final_seeds=2", "sweep.prune=false"]
    done = bench("sweep", *WORDS, *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    after = {record.identity: record for record in store.read_all(runs)}
    (account,) = ledger.read_all(runs)
    assert sorted(after[each].config["seed"] for each in account.identities) == [0, 1]
    (found,) = set(account.identities) & set(before)
    assert after[found] == before[found], "trained before the sweep, and not anew"
    assert len(after) == len(before) + 1, "trials leave no record, and so no test figure"
