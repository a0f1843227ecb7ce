"""What a recorded model recommends is what it was trained for, whatever today's YAML files say."""

import re
from pathlib import Path

import numpy as np
import pytest

from attrec_bench.configuration import composed
from attrec_bench.errors import InputError
from attrec_bench.plan import plan
from attrec_bench.recommend import recommend
from attrec_bench.results.record import Record
from attrec_bench.run import run

SMALL = ["dataset=planted", "dataset.n_users=40", "dataset.n_items=60", "dataset.n_interactions=1200"]


def recorded(runs: Path, model: str, *overrides: str) -> Record:
    words = [*SMALL, f"model={model}", f"runs={runs}", "train.epochs=2", *overrides]
    return run(composed(words), model, " ".join(["attrec-bench", "run", *words]))[0]


def items_of(told: str) -> list[str]:
    return [line.split("item ")[1] for line in best_of(told)]


def best_of(told: str) -> list[str]:
    return told[told.index("best items") :].splitlines()[1:]


@pytest.mark.parametrize("model", ["attrec", "bprmf", "caser", "gru4rec", "sasrec", "popularity", "random", "oracle"])
def test_every_kind_of_model_recommends_unseen_items_in_the_order_of_its_scores(tmp_path: Path, model: str) -> None:
    record = recorded(tmp_path, model)
    told = recommend(tmp_path, record.identity[:10], "7", 60, None)
    split = plan(composed([*SMALL, f"model={model}"]), model).split
    user = int(np.flatnonzero(split.known.user_ids == "7")[0])
    seen = {str(item) for item in split.known.items[split.known.users == user]}
    assert sorted(items_of(told), key=int) == sorted({str(i) for i in range(1, 61)} - seen, key=int)
    scores = [float(line.split()[1]) for line in best_of(told)]
    assert scores == sorted(scores, reverse=True)
    place = items_of(told).index(str(split.test.items[split.test.users == user][0])) + 1
    assert abs(place - record.ranks[record.users == user][0]) <= scores.count(scores[place - 1]) / 2


def test_the_recorded_settings_count_and_not_the_short_names_of_today(tmp_path: Path) -> None:
    record = recorded(tmp_path, "attrec", "w=0.9")
    first = recommend(tmp_path, record.identity, "7", 5, None)
    other = recorded(tmp_path, "attrec", "w=0.1")
    assert recommend(tmp_path, record.identity, "7", 5, None) == first
    assert items_of(recommend(tmp_path, other.identity, "7", 60, None)) != items_of(
        recommend(tmp_path, record.identity, "7", 60, None)
    )


def test_a_user_or_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    record = recorded(tmp_path, "popularity")
    with pytest.raises(InputError, match=r"user must be one of the 40 users .*got 'nobody'"):
        recommend(tmp_path, record.identity, "nobody", 5, None)
    with pytest.raises(InputError, match="0000"):
        recommend(tmp_path, "0000", "7", 5, None)


def test_other_data_than_the_runs_own_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = [f"{user},{item},{item}" for user in range(4) for item in range(6)]
    file.write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")
    words = ["dataset=csv", f"dataset.path={file}", "model=popularity", f"runs={tmp_path / 'runs'}"]
    record, _ = run(composed(words), "popularity", " ".join(["attrec-bench", "run", *words]))
    moved = file.rename(tmp_path / "b.csv")
    assert "item" in recommend(tmp_path / "runs", record.identity, "1", 3, str(moved))
    moved.write_text("\n".join(["user_id,item_id,timestamp", *rows[:-1]]) + "\n")
    again = re.escape(f"or train on today's: {record.command}")
    with pytest.raises(InputError, match=f"was trained on other data .* for the earlier ones, {again}"):
        recommend(tmp_path / "runs", record.identity, "1", 3, str(moved))
