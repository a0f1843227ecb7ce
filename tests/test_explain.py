"""One trained model under a grid of protocols: each value must be what a run's own evaluation gives."""

from pathlib import Path

import numpy as np
import pytest

from attrec_bench.configuration import composed
from attrec_bench.errors import InputError
from attrec_bench.evaluation.metrics import means
from attrec_bench.explain import RECORDED, Explained, explain, explained, flips
from attrec_bench.results import store
from attrec_bench.results.record import Record
from attrec_bench.run import run
from tests.records import make_record

METRICS = ("HR@10", "MRR")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """42 users with 20 events each; of 40 of them four share a second: every tie order has its own test items."""
    random = np.random.default_rng(0)
    file = tmp_path_factory.mktemp("data") / "ties.csv"
    chosen = [random.choice(160, 20, replace=False, p=np.arange(160) / 12720) for _ in range(40)]
    lines = [f"{user},{item},{t // 4}" for user, items in enumerate(chosen) for t, item in enumerate(items)]
    lines += [f"{user},{item},{item}" for user in (90, 91) for item in range(user - 90, 40, 2)]
    file.write_text("\n".join(["user_id,item_id,timestamp", *lines]) + "\n")
    return ["dataset=csv", f"dataset.path={file}", "train.epochs=2"]


def recorded(runs: Path, words: list[str], model: str, *overrides: str) -> Record:
    words = [*words, f"model={model}", f"runs={runs}", *overrides]
    return run(composed(words), model, " ".join(["attrec-bench", "run", *words]))[0]


def told(runs: Path, record: Record) -> Explained:
    return explained(store.resolve(runs, record.identity), record, METRICS, None)


@pytest.mark.parametrize("model", ["popularity", "bprmf", "attrec"])
def test_the_recorded_row_is_the_record(tmp_path: Path, data: list[str], model: str) -> None:
    record = recorded(tmp_path, data, model)
    result = told(tmp_path, record)
    assert result.values[RECORDED] == means(record.ranks, METRICS, record.users)
    assert not any("changed" in note for note in result.notes)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("candidates uniform-100", ["protocol.candidates=uniform-100"]),
        ("ties optimistic", ["protocol.ties=optimistic"]),
        ("ties pessimistic", ["protocol.ties=pessimistic"]),
    ],
)
def test_a_row_is_what_a_run_under_that_protocol_records(tmp_path: Path, name: str, overrides: list[str]) -> None:
    """Where a protocol changes the evaluation alone, a model that is only counted gets the same figures either way."""
    words = ["dataset=planted", "dataset.n_users=60", "dataset.n_items=400", "dataset.n_interactions=1800"]
    base, other = (recorded(tmp_path, words, "popularity", *more) for more in ([], overrides))
    values = told(tmp_path, base).values
    assert values[name] == means(other.ranks, METRICS, other.users)
    assert values[name] != values[RECORDED]
    assert (
        told(tmp_path, other).values["candidates full" if "candidates" in name else "ties expected"] == values[RECORDED]
    )


def test_rows_of_the_tie_order_are_there_where_events_share_a_second(tmp_path: Path, data: list[str]) -> None:
    result = told(tmp_path, recorded(tmp_path, data, "popularity"))
    rows = {name for name in result.values if name.startswith(("tie_order", "last_tie"))}
    assert rows == {"tie_order file_reversed", "tie_order item", "tie_order random", "last_tie first"}
    assert any("trained under tie_order=file" in note for note in result.notes)
    # 4 events share the last second: reversed, the test event is the first of the file's four, which was trained on
    # by all 40 users; users 90 and 91 have distinct times, and their test events stay
    share = 40 / 42
    assert f"tie_order file_reversed: the model learnt from {share:.1%} of these test events" in result.notes


def test_distinct_times_have_no_rows_of_the_tie_order(tmp_path: Path) -> None:
    words = ["dataset=planted", "dataset.n_users=40", "dataset.n_items=160", "dataset.n_interactions=1200"]
    result = told(tmp_path, recorded(tmp_path, words, "popularity"))
    assert not [name for name in result.values if name.startswith(("tie_order", "last_tie"))]
    assert "no two events of a user share a second: the tie order moves nothing" in result.notes


def test_history_and_masking_by_hand(tmp_path: Path) -> None:
    """Popularity over five items. User a trains on 1 and 2, validates on 3 and is tested on 4; b, c and d train only:
    the counts of 1 to 5 are 3 2 2 1 1, and of a's test item four others are more popular or, once, as popular.
    """
    rows = ["a,1,1", "a,2,2", "a,3,3", "a,4,4", "b,1,1", "b,3,2", "c,1,1", "c,2,2", "d,3,1", "d,5,2", "e,4,1"]
    file = tmp_path / "hand.csv"
    file.write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")
    record = recorded(tmp_path / "runs", ["dataset=csv", f"dataset.path={file}"], "popularity")
    result = told(tmp_path / "runs", record)
    # unseen beside the test item: item 5, as popular
    assert result.values[RECORDED]["MRR"] == 1 / 1.5
    assert result.values["ties optimistic"]["MRR"] == 1
    assert result.values["ties pessimistic"]["MRR"] == 1 / 2
    # 3 is no longer history, so it is ranked: more popular
    assert result.values["history without validation"]["MRR"] == 1 / 2.5
    # 1, 2 and 3 are ranked too
    assert result.values["seen items ranked too"]["MRR"] == 1 / 4.5
    # nobody has a hundred items to draw from: said, and the others are shown
    assert any(note.startswith("candidates uniform-100 is left out: ") for note in result.notes)


def test_flips_are_told_with_both_values() -> None:
    def one(name: str, recorded: float, other: float) -> Explained:
        values = {RECORDED: {"MRR": recorded}, "ties optimistic": {"MRR": other}}
        return Explained(name, make_record(), values, ())

    a, b, c = one("a", 0.3, 0.1), one("b", 0.2, 0.2), one("c", 0.05, 0.1)
    assert flips([a, b, c], ["MRR"]) == [
        "where the order of the runs flips against the recorded protocol:",
        "  ties optimistic, MRR: b 0.2000 passes a 0.1000",
    ]
    assert flips([b, c], ["MRR"]) == ["the order of the runs is the same under all 1 combinations of choice and metric"]


def test_the_text_names_runs_choices_and_distances(tmp_path: Path, data: list[str]) -> None:
    first, second = recorded(tmp_path, data, "popularity"), recorded(tmp_path, data, "bprmf")
    shown = explain(tmp_path, {"run": f"{first.identity[:8]},{second.identity[:8]}", "metrics": "MRR"})
    value = told(tmp_path, first).values
    moved = value["ties optimistic"]["MRR"] - value[RECORDED]["MRR"]
    assert f"popularity ({first.identity[:8]}) on" in shown
    assert f"ties optimistic             {value['ties optimistic']['MRR']:.4f} ({moved:+.4f})" in shown
    assert "the order of the runs" in shown


def test_what_cannot_be_explained_is_one_line(tmp_path: Path, data: list[str]) -> None:
    first = recorded(tmp_path, data, "popularity")
    other = recorded(tmp_path, data, "popularity", "protocol.tie_order=item")
    with pytest.raises(InputError, match="explain needs run=ID"):
        explain(tmp_path, {})
    with pytest.raises(InputError, match=r"run must name runs of one data set and one protocol, got .*tie_order=item"):
        explain(tmp_path, {"run": f"{first.identity},{other.identity}"})
    with pytest.raises(InputError, match=r"metric must be .*, got 'HR10'"):
        explain(tmp_path, {"run": first.identity, "metrics": "HR10"})
    with pytest.raises(InputError, match="run must be the first digits"):
        explain(tmp_path, {"run": "zzz"})
