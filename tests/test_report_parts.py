"""The report's sections one by one: what they draw is where it belongs, by hand or by another way of computing it."""

import math
from pathlib import Path

import numpy as np
import optuna
import pytest

from attrec_bench.configuration import composed
from attrec_bench.errors import InputError
from attrec_bench.evaluation.comparison import Comparison
from attrec_bench.plan import plan
from attrec_bench.report.attention import attention, windows
from attrec_bench.report.chart import Axes, Series, apart, chart, nice, scale, widened
from attrec_bench.report.dials import dials, turned
from attrec_bench.report.forest import forest
from attrec_bench.report.hits import curve, hits
from attrec_bench.report.importance import importance
from attrec_bench.report.learning import learning
from attrec_bench.report.part import Material
from attrec_bench.results.against import compared
from attrec_bench.results.ledger import FOLDER
from attrec_bench.results.record import Record
from attrec_bench.results.tables import tables
from attrec_bench.run import WEIGHTS, run
from attrec_bench.sweeping.storage import opened
from tests.records import contest, make_record, row
from tests.reports import field_of_models, material, read, table_of

Space = dict[str, optuna.distributions.BaseDistribution]
SMALL = ["dataset=planted", "dataset.n_users=40", "dataset.n_items=60", "dataset.n_interactions=1200", "train.epochs=2"]


def test_ticks_are_round_and_lie_within() -> None:
    assert nice(0, 1, 5) == pytest.approx((0, 0.5, 1))
    assert nice(0.03, 0.21, 5) == pytest.approx((0.05, 0.1, 0.15, 0.2))
    assert nice(1, 8, 6, 1) == pytest.approx((2, 4, 6, 8))
    assert nice(1, 3, 6, 1) == pytest.approx((1, 2, 3))
    assert nice(7, 7, 5) == (7,)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.3, 0.7), (1e-6, 3e-6), (5.0, 12345.0)])
def test_there_are_at_most_as_many_ticks_as_asked_for(low: float, high: float) -> None:
    found = nice(low, high, 5)
    assert 2 <= len(found) <= 5
    assert low - 1e-9 <= found[0] < found[-1] <= high + 1e-9


def test_a_scale_maps_its_ends_and_its_middle() -> None:
    plain, log = scale(2, 6, 100, 200), scale(1, 100, 0, 50, log=True)
    assert (plain(2), plain(4), plain(6)) == (100, 150, 200)
    assert (log(1), log(10), log(100)) == pytest.approx((0, 25, 50))
    assert scale(3, 3, 0, 10)(3) == 5


def test_an_axis_has_air_and_does_not_fall_below_zero_by_it() -> None:
    assert widened(10, 20) == pytest.approx((9.6, 20.4))
    assert widened(0.01, 1) == pytest.approx((0, 1.0396))
    low, high = widened(0, 0)
    assert low < high


def test_crowded_ticks_are_thinned() -> None:
    assert apart([0, 10, 21, 22, 44], lambda x: x) == [0, 22, 44]


def test_points_stand_where_their_values_say() -> None:
    drawn = chart(
        [Series("one", ((0, 0.0), (10, 1.0)), bars=((10, 0.5, 1.5),))], Axes("x", "y", span=(0.0, 2.0)), "t", 160, 144
    )
    # across: 50 at x = 0 to 150 at x = 10; down: 110 at 0, and at 2.08, two and 4 % of air, 10
    height = [110 - 100 * value / 2.08 for value in (0, 1, 0.5, 1.5)]
    assert f'd="M50.0 {height[0]:.1f}L150.0 {height[1]:.1f}"' in drawn
    assert f'd="M147.0 {height[3]:.1f}h6m-3 0V{height[2]:.1f}m-3 0h6"' in drawn


def test_hits_at_k_are_those_of_the_table_and_of_the_ranks() -> None:
    table = table_of(field_of_models(), ("HR@10", "HR@50"))
    for each in table.rows:
        assert curve(each, [10, 50]) == pytest.approx([cell.mean for cell in each.cells], abs=1e-12)
    attrec = row(table_of(contest(), ("HR@10",)), "attrec")
    assert curve(attrec, [3, 4, 39, 40]) == pytest.approx([0, 0.9, 0.9, 1])  # 18 ranks of 4, 2 of 40


def test_no_cut_is_beyond_the_items(tmp_path: Path) -> None:
    few = [make_record("caser", 0, data={"items": 12})]
    head = read(hits(material(few, tmp_path)).body).all("thead")[0]
    assert [each.text for each in head.all("th")] == ["model", "1", "2", "3", "5", "7", "10"]


def test_rows_that_differ_in_one_number_make_a_curve() -> None:
    found = turned(table_of(field_of_models()).rows)
    assert [(each.key, each.label, each.values) for each in found] == [("model.w", "attrec", (0.2, 0.5, 0.8))]
    assert [each.label for each in found[0].rows] == ["attrec (w=0.2)", "attrec (w=0.5)", "attrec (w=0.8)"]


def test_curves_of_two_modes_are_two_lines_and_a_single_value_is_none() -> None:
    records = [
        make_record("attrec", 0, keywords={"mode": mode, "w": w, "maxlen": 5}, ranks=[1 + 20 * w, 30])
        for mode in ("dist", "inner")
        for w in (0.2, 0.8)
    ]
    found = turned(table_of([*records, make_record("caser", 0, ranks=[3, 4])]).rows)
    assert {(each.key, each.label) for each in found} == {
        ("model.w", "attrec (mode=dist)"),
        ("model.w", "attrec (mode=inner)"),
    }


def test_a_curve_shows_the_intervals_of_the_table(tmp_path: Path) -> None:
    made = read(dials(material(field_of_models(), tmp_path)).body)
    assert [len(each.all("path", "bar")) for each in made.all("svg", "chart")] == [3, 3]
    alone = [each for each in field_of_models() if each.config["seed"] in (None, 0)]
    assert not read(dials(material(alone, tmp_path)).body).all("path", "bar")


def test_a_learning_curve_has_a_line_a_seed_and_marks_the_chosen_epoch(tmp_path: Path) -> None:
    history = [{"epoch": n, "loss": 3.0 / n, "seconds": 0.1, **({"MRR": 0.1 * n} if n % 2 else {})} for n in (1, 2, 3)]
    records = [make_record("caser", seed, history=history, epochs=3) for seed in (0, 1)]
    made = read(learning(material(records, tmp_path)).body)
    monitor, loss = made.all("svg", "chart")
    assert monitor.attributes["aria-label"] == "MRR, validation of caser by epoch"
    assert [len(each.all("g", "series")) for each in (monitor, loss)] == [2, 2]
    paths = [path.attributes["d"] for path in monitor.all("path", "line")]
    assert [path.count("L") for path in paths] == [1, 1]  # epoch 2 was not validated
    end = paths[0].rpartition("L")[2].split()
    circle = monitor.all("circle")[0].attributes
    assert [circle["cx"], circle["cy"]] == end


def test_the_forest_stands_where_the_comparisons_say(tmp_path: Path) -> None:
    own = material(field_of_models(), tmp_path)
    found = [each for each in own.table.comparisons if each.metric == "HR@10"]
    plot = read(forest(own).body).all("table", "forest")[0]
    told = [[cell.text for cell in line.inside] for line in plot.all("tbody")[0].all("tr")]
    best = next(each for each in found if each.model == "attrec (w=0.2)")  # 17.5 hits of 20 where caser has 7.5
    low, high = best.interval
    assert told[0] == ["attrec (w=0.2)", "", f"+0.5000 [{low:+.4f}, {high:+.4f}]", f"{best.corrected:.2g}"]
    marks = [line.all("path")[-1].attributes["class"] for line in plot.all("tbody")[0].all("tr")]
    assert marks == ["sure" if corrected <= 0.05 else "unsure" for corrected in by_difference(found)]
    assert set(marks) == {"sure", "unsure"}
    zero, interval = (path.attributes["d"] for path in plot.all("tbody")[0].all("tr")[0].all("path")[:2])
    start, end = float(interval[1:].split()[0]), float(interval.split("H")[1].split("m")[0])
    left, unit = float(zero[1:].split()[0]), (end - start) / (high - low)
    assert (start - left) / unit == pytest.approx(low, abs=2e-3)


def test_the_forest_fills_what_the_table_marks_and_names_what_was_resampled(tmp_path: Path) -> None:
    # by Wilcoxon's signed ranks the 52 that lose a little count for more than the 8 that gain much: no mark
    records = [make_record("caser", ranks=[5.0] * 60), make_record("attrec", ranks=[1.0] * 8 + [6.0] * 52)]
    (table,) = compared(tables(records), against="caser", test="wilcoxon")
    own = Material(table, "t0", tmp_path)
    body = read(forest(own).body)
    (mrr,) = [each for each in table.comparisons if each.metric == "MRR"]
    assert mrr.corrected < 0.05
    assert mrr.contrary
    classes = {each.all("caption")[0].text: each.all("path", "unsure") for each in body.all("table", "forest")}
    assert len(classes["MRR: difference from the baseline"]) == 1
    assert "(bootstrap over users)" in forest(own).body
    assert "(bootstrap over seeds and users)" in forest(material(field_of_models(), tmp_path)).body


def test_the_forest_says_why_there_is_none(tmp_path: Path) -> None:
    elsewhere = [each for each in contest(protocol={"last_tie": "first"}) if each.model != "caser"]
    made = compared(tables([*contest(), *elsewhere], ("HR@10",)), against="caser")
    (lacking,) = [each for each in made if not each.comparisons]
    said = forest(Material(lacking, "t0", tmp_path)).missing
    assert said == "Not compared with caser, of which there is no row here"
    alone = forest(material([make_record("caser")], tmp_path)).missing
    assert alone.startswith("they need two models of one table")


def by_difference(found: list[Comparison]) -> list[float]:
    return [each.corrected for each in sorted(found, key=lambda each: -each.difference)]


def test_importance_finds_the_setting_that_matters(tmp_path: Path) -> None:
    file = tmp_path / FOLDER / "studies.journal"
    study = optuna.create_study(study_name="one", storage=opened(str(file)).trials, direction="maximize")
    space: Space = {name: optuna.distributions.FloatDistribution(0, 1) for name in ("noise", "signal")}
    for noise, signal in np.random.default_rng(0).random((40, 2)):
        value = math.sin(3 * signal)
        study.add_trial(
            optuna.create_trial(params={"noise": noise, "signal": signal}, distributions=space, value=value)
        )
    shares = importance(tmp_path, "one", None)
    assert [key for key, _ in shares] == ["signal", "noise"]
    assert sum(share for _, share in shares) == pytest.approx(1)
    assert shares[0][1] > 0.9
    assert importance(tmp_path / "elsewhere", "one", str(file)) == shares


def test_importance_says_why_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no study at .*studies.journal: say storage="):
        importance(tmp_path, "one", None)
    file = tmp_path / FOLDER / "studies.journal"
    study = optuna.create_study(study_name="one", storage=opened(str(file)).trials)
    other = tmp_path / "notes.txt"
    other.write_text("no journal, and its last line is not cut off")
    with pytest.raises(InputError, match=r"no study at .*notes\.txt"):
        importance(tmp_path, "one", str(other))
    assert other.read_text().endswith("cut off")
    with pytest.raises(InputError, match="no study two at"):
        importance(tmp_path, "two", None)
    with pytest.raises(InputError, match="one has 0 complete trials, importance needs 5"):
        importance(tmp_path, "one", None)
    space: Space = {"x": optuna.distributions.FloatDistribution(0, 1)}
    for x in (0.1, 0.2, 0.3, 0.4, 0.5):
        study.add_trial(optuna.create_trial(params={"x": x}, distributions=space, value=1.0))
    with pytest.raises(InputError, match="all complete trials of one have one value"):
        importance(tmp_path, "one", None)


def recorded(runs: Path) -> Record:
    words = [*SMALL, "model=attrec", f"runs={runs}", "maxlen=4"]
    return run(composed(words), "attrec", " ".join(["attrec-bench", "run", *words]))[0]


def test_attention_shows_the_last_items_of_users_from_well_to_badly_foreseen(tmp_path: Path) -> None:
    record = recorded(tmp_path)
    found = windows(record, material([record], tmp_path))
    split = plan(composed([*SMALL, "model=attrec"]), "attrec").split
    ranks = [each.rank for each in found]
    assert len(found) == 4
    assert ranks == sorted(ranks)
    assert [np.mean(record.ranks <= rank) for rank in ranks] == pytest.approx([0.05, 0.35, 0.65, 0.95], abs=0.08)
    for each in found:
        user = int(np.flatnonzero(split.known.user_ids == each.user)[0])
        last = split.known.items[split.known.users == user][-4:]
        assert [item for item, _ in each.items] == [f"item {split.known.item_ids[item]}" for item in last]
        assert sum(share for _, share in each.items) == pytest.approx(1, abs=1e-5)
        (test,) = split.test.items[split.test.users == user]
        assert each.target == f"item {split.known.item_ids[test]}"
        assert each.rank == record.ranks[record.users == user][0]


def test_attention_without_the_weights_says_so(tmp_path: Path) -> None:
    record = recorded(tmp_path)
    assert attention(material([record], tmp_path)).body
    (file,) = tmp_path.rglob(WEIGHTS)
    file.write_bytes(file.read_bytes()[:-1])
    assert "is not as it was written" in attention(material([record], tmp_path)).missing
    file.unlink()
    part = attention(material([record], tmp_path))
    assert not part.body
    assert f"holds no {WEIGHTS}" in part.missing
