"""The ledger: what a search has cost, in words, and the expected best of k trials."""

import json
from dataclasses import replace
from fractions import Fraction
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attrec_bench.errors import InputError
from attrec_bench.results import ledger
from attrec_bench.results.ledger import Ledger
from attrec_bench.results.tables import tables
from tests.records import contest


def account(**fields: Any) -> Ledger:
    made = Ledger(
        study="planted-attrec",
        model="attrec",
        identities=("ab",),
        monitor="NDCG@50",
        trials=4,
        pruned=1,
        failed=0,
        killed=2,
        values=(0.1, 0.4, 0.2, 0.3),
        cpu_seconds=12.3,
        space={"model.w": "0 to 1", "model.d": "2 to 32"},
        winner={"model.w": 1.0, "model.d": 8},
        edges={"model.w": "highest"},
        searched=0.4,
        valid=0.375,
        test=0.25,
    )
    return replace(made, **fields)


def test_a_ledger_comes_back_as_it_was_written_and_tells_its_account(tmp_path: Path) -> None:
    ledger.write(tmp_path, account())
    assert ledger.read_all(tmp_path) == [account()]
    assert ledger.note(account()) == (
        "attrec tuned in study planted-attrec: 4 trials (1 pruned, 2 killed), 12 CPU-seconds, 2 swept keys; on an edge "
        "of its range: model.w=1 is the highest; NDCG@50 on validation 0.4000 in the search and 0.3750 with fresh "
        "seeds, on test 0.2500 (gap +0.1250)"
    )


def test_where_the_seed_changes_nothing_no_fresh_seeds_are_claimed() -> None:
    assert ledger.note(account(seeded=False, valid=0.4)).endswith(
        "; NDCG@50 on validation 0.4000 in the search and 0.4000 in the run for the table (the seed changes nothing), "
        "on test 0.2500 (gap +0.1500)"
    )


def test_a_ledger_of_before_there_were_models_without_a_seed_is_read(tmp_path: Path) -> None:
    file = ledger.write(tmp_path, account())
    stored = json.loads(file.read_text())
    assert stored.pop("seeded") is True
    file.write_text(json.dumps(stored))
    assert ledger.read_all(tmp_path) == [account()]


def test_a_table_says_which_models_were_never_searched() -> None:
    def notes(*ledgers: Ledger) -> list[str]:
        (table,) = ledger.footed(tables(records, ("HR@10",)), ledgers)
        return [each for each in table.notes if each.startswith("Not alike in effort")]

    records = contest()
    own = {record.model: account(identities=(record.identity,), study=record.model) for record in records}
    (note,) = notes(own["attrec"])
    assert note == (
        "Not alike in effort: attrec (4 trials) won a search, bprmf, caser had none: a difference may be the search's"
    )
    assert notes() == notes(own["attrec"], own["bprmf"], own["caser"]) == []


def test_what_has_nothing_to_tune_stands_beside_the_winners() -> None:
    records = contest()
    (attrec,) = [record for record in records if record.model == "attrec"]
    kept = ledger.tuned(records, [account(identities=(attrec.identity,))])
    assert sorted(record.model for record in kept) == ["attrec", "popularity"]
    with pytest.raises(InputError, match="no record is of a sweep's winner"):
        ledger.tuned(records, [account()])


def test_unequal_budgets_are_told() -> None:
    assert ledger.unequal([account(), account(study="b")]) is None
    said = ledger.unequal([account(), account(study="planted-bprmf", trials=40)])
    assert said == "Budgets were unequal: planted-attrec 4 trials, planted-bprmf 40 trials."


def test_the_expected_best_of_k_trials_by_hand() -> None:
    # of 1, 2, 4: one draw gives 7/3 on average; the pairs give 2, 4, 4; all three give 4
    assert ledger.expected_best([4, 1, 2]) == pytest.approx([7 / 3, 10 / 3, 4])
    assert ledger.expected_best([]) == []


@pytest.mark.parametrize("n", [1, 2, 7, 40, 300])
def test_the_expected_best_is_that_of_the_coefficients(n: int) -> None:
    values = [Fraction(number, 1000) for number in np.random.default_rng(n).integers(0, 1000, n).tolist()]
    exact = [
        sum(comb(i - 1, k - 1) * value for i, value in enumerate(sorted(values), 1)) / comb(n, k)
        for k in range(1, n + 1)
    ]
    assert ledger.expected_best(list(map(float, values))) == pytest.approx(list(map(float, exact)), abs=1e-12)


def test_the_expected_best_of_thousands_of_trials() -> None:
    n = 5000
    curve = ledger.expected_best([i / n for i in range(1, n + 1)])
    # of 1 ... n the best of k is k (n + 1) / (k + 1) on average
    assert curve == pytest.approx([k * (n + 1) / (k + 1) / n for k in range(1, n + 1)], rel=1e-9)
