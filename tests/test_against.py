from dataclasses import replace

import numpy as np
import pytest

from attrec_bench.errors import InputError
from attrec_bench.evaluation.comparison import compare
from attrec_bench.evaluation.metrics import per_user
from attrec_bench.results.against import compared, user_values
from attrec_bench.results.grid import lines
from attrec_bench.results.record import Record
from attrec_bench.results.tables import Improvement, Table, tables
from tests.records import TRAIN, contest, house, make_record, one, row

ATTREC = {"_target_": "attrec_bench.attrec.AttRec"}


def against(records: list[Record], metrics: tuple[str, ...] = ("HR@10", "MRR"), **options: str) -> Table:
    (table,) = compared(tables(records, metrics), **options)
    return table


def test_the_strongest_baseline_is_named_and_the_others_are_tested_against_it() -> None:
    table = against(contest())
    assert [(each.model, each.baseline, each.metric) for each in table.comparisons] == [
        ("bprmf", "caser", "HR@10"),
        ("bprmf", "caser", "MRR"),
        ("attrec", "caser", "HR@10"),
        ("attrec", "caser", "MRR"),
    ]
    said = " ".join(table.notes)
    assert "worse than caser, the strongest baseline by HR@10" in said
    assert "over 20 users" in said
    assert "Holm's correction over 4 tests" in said


def test_a_table_without_baselines_compares_with_its_best_model_and_improves_on_nothing() -> None:
    mine = [
        make_record(name, ranks=[4.0] * n + [40.0] * (20 - n), keywords=ATTREC) for name, n in {"a": 9, "b": 2}.items()
    ]
    table = against(mine, ("HR@10",))
    assert "‡ worse than a, the strongest model by HR@10" in " ".join(table.notes)
    assert table.improvement is None
    assert against(mine, ("HR@10",), ours="b").improvement == Improvement("b", "a", (2 / 9 - 1,))
    named = against(mine, ("HR@10",), against="b").improvement
    assert named == Improvement("a", "b", (9 / 2 - 1,))


def test_a_comparison_by_hand() -> None:
    table = against(contest(), ("HR@10",))
    bprmf, attrec = table.comparisons
    assert (attrec.wins, attrec.ties, attrec.losses, attrec.users) == (8, 12, 0, 20)
    assert attrec.difference == pytest.approx(8 / 20)
    # eight users differ, all in one direction: 2 of 2**8 sign patterns; each of the two tests' p is doubled by Holm
    assert (attrec.p, attrec.corrected) == (2 / 256, 4 / 256)
    assert attrec.effect == pytest.approx(0.4 / np.sqrt(0.4 * 0.6 * 20 / 19))
    # resampled users: the number of the eight among 20 is binomial(20, .4), whose 2.5 and 97.5 % quantiles are 4 and 12
    assert attrec.interval == pytest.approx((4 / 20, 12 / 20), abs=0.051)
    assert bprmf.difference == pytest.approx(-0.4)
    assert row(table, "attrec").cells[0].marks == ("†",)
    assert row(table, "bprmf").cells[0].marks == ("↓", "‡")
    assert row(table, "caser").cells[0].marks == row(table, "popularity").cells[0].marks == ()
    assert table.improvement == Improvement("attrec", "caser", (0.9 / 0.5 - 1,))


def test_the_improvement_is_that_of_the_row_that_is_named() -> None:
    table = against(contest(), ("HR@10",), ours="bprmf")
    assert table.improvement == Improvement("bprmf", "caser", (0.1 / 0.5 - 1,))
    assert against(contest(), ("HR@10",), ours="attrec") == against(contest(), ("HR@10",))


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        ("mine", r"ours, a row of the table, must be one of .*, got 'mine'"),
        ("caser", r"ours must be a model that is compared with caser \(bprmf, attrec\), got 'caser'"),
        ("popularity", r"ours must be a model that is compared with caser \(bprmf, attrec\), got 'popularity'"),
    ],
)
def test_no_improvement_over_itself_nor_of_a_floor(ours: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        against(contest(), ours=ours)


def test_without_correction_the_dagger_would_stand() -> None:
    # five users differ: p = 2 / 32 is not enough; six: 2 / 64 = .031 is, alone, and times 2 is not
    def pair(hits: int, *others: Record) -> Table:
        ours = make_record("attrec", ranks=[1.0] * hits + [40.0] * 10, keywords=ATTREC)
        return against([ours, make_record("caser", ranks=[40.0] * (hits + 10)), *others], ("HR@10",))

    assert row(pair(5), "attrec").cells[0].marks == ()
    assert row(pair(6), "attrec").cells[0].marks == ("†",)
    third = make_record("bprmf", ranks=[1.0] + [40.0] * 15)
    assert row(pair(6, replace(third)), "attrec").cells[0].marks == ()


def test_a_floor_may_be_the_strongest_baseline_and_a_ceiling_never_is() -> None:
    floor = make_record("markov", None, ranks=[1.0] * 20, train=None)
    table = against([*contest(), floor, make_record("oracle", None, ranks=[1.0] * 20, train=None)])
    assert {each.baseline for each in table.comparisons} == {"markov"}
    assert {each.model for each in table.comparisons} == {"bprmf", "caser", "attrec"}


def test_against_names_another_baseline() -> None:
    table = against(contest(), ("HR@10",), against="bprmf")
    assert {each.baseline for each in table.comparisons} == {"bprmf"}
    assert table.improvement == Improvement("attrec", "bprmf", (0.9 / 0.1 - 1,))
    assert "strongest" not in " ".join(table.notes)
    with pytest.raises(
        InputError,
        match=r"against, a row .*, must be one of attrec, bprmf, caser, popularity, got 'casr' \(did you mean 'caser'",
    ):
        against(contest(), against="casr")
    with pytest.raises(InputError, match="test must be one of sign-flip, wilcoxon, got 't'"):
        against(contest(), test="t")


def two_protocols(absent: str) -> list[Record]:
    """A contest under two protocols; ``absent`` took part only in the first."""
    return [*contest(), *(each for each in contest(protocol={"last_tie": "first"}) if each.model != absent)]


def test_a_table_without_the_baseline_that_was_named_is_not_compared_and_says_so() -> None:
    made = compared(tables(two_protocols("caser"), ("HR@10",)), against="caser")
    (whole,), (lacking,) = ([each for each in made if ("caser" in labels(each)) == there] for there in (True, False))
    assert {each.baseline for each in whole.comparisons} == {"caser"}
    assert not any(note.startswith("Not compared") for note in whole.notes)
    assert (lacking.comparisons, lacking.improvement) == ((), None)
    assert "Not compared with caser, of which there is no row here" in lacking.notes
    assert any("below Popularity" in note for note in lacking.notes), "which is no comparison with it"


def test_a_table_without_ours_tells_no_other_improvement_and_says_so() -> None:
    made = compared(tables(two_protocols("bprmf"), ("HR@10",)), ours="bprmf")
    (whole,), (lacking,) = ([each for each in made if ("bprmf" in labels(each)) == there] for there in (True, False))
    assert whole.improvement == Improvement("bprmf", "caser", (0.1 / 0.5 - 1,))
    assert not any("No improvement" in note for note in whole.notes)
    assert lacking.improvement is None
    assert {each.model for each in lacking.comparisons} == {"attrec"}
    assert "No improvement is told of bprmf, of which there is no row here" in lacking.notes


def test_a_model_with_several_rows_here_is_no_name_of_one() -> None:
    own = [make_record("caser", ranks=[4.0] * 20, keywords={"d": d}, protocol={"last_tie": "first"}) for d in (4, 8)]
    made = compared(tables([*two_protocols("caser"), *own], ("HR@10",)), against="caser")
    (several,) = [each for each in made if not each.comparisons]
    assert "Not compared with caser, of which there are several rows here: caser (d=4); caser (d=8)" in several.notes


def labels(table: Table) -> list[str]:
    return [each.label for each in table.rows]


def test_among_baselines_alone_there_is_a_comparison_and_no_improvement() -> None:
    table = against(contest()[:3])
    assert {each.model for each in table.comparisons} == {"bprmf"}
    assert table.improvement is None


def test_one_model_alone_is_compared_with_nothing() -> None:
    for records in ([make_record()], [make_record("popularity", None, train=None)]):
        table = one(records)
        assert compared([table]) == [table]


def test_other_users_are_no_comparison_and_the_note_says_so() -> None:
    records = contest()
    records[-1] = replace(records[-1], users=np.arange(20)[::-1].copy())
    table = against(records)
    assert {each.model for each in table.comparisons} == {"bprmf"}
    assert row(table, "attrec").cells[0].marks == ()
    assert "Not compared with caser, since the test users are not the same: attrec" in table.notes


def test_users_are_averaged_over_seeds_before_they_are_tested() -> None:
    table = against(house(), ("MRR",), against="bprmf")
    (attrec,) = [each for each in table.comparisons if each.model == "attrec"]
    # attrec's users (1 + .5) / 2 and (.05 + .1) / 2, bprmf's (.5 + .25) / 2 and .05
    assert attrec.difference == pytest.approx((0.75 - 0.375 + 0.075 - 0.05) / 2)
    assert (attrec.wins, attrec.ties, attrec.losses) == (2, 0, 0)
    assert attrec.p == 2 / 4


def test_below_popularity_only_marks_models_that_learn() -> None:
    counted = make_record("itemknn", None, ranks=[50.0] * 20, train=None)
    table = against([*contest(), counted], ("HR@10",))
    assert row(table, "itemknn").cells[0].marks == ("‡",)
    assert row(table, "bprmf").cells[0].marks == ("↓", "‡")
    assert any("below Popularity" in note for note in table.notes)
    assert not any("below Popularity" in note for note in against(contest()[::2]).notes)


def test_what_looks_equal_to_popularity_is_not_below_it() -> None:
    def hits(model: str, seed: int | None, number: int) -> Record:
        ranks = [4.0] * number + [40.0] * (60 - number)
        return make_record(model, seed, ranks=ranks, train=None if seed is None else TRAIN)

    # the seeds' mean is Popularity's value by hand, and in binary for some of these numbers a little less
    below = 0
    for number in range(2, 59):
        records = [hits("popularity", None, number), hits("caser", 0, 1)]
        records += [hits("attrec", seed, number + seed - 1) for seed in range(3)]
        table = against(records, ("HR@10",))
        means = [row(table, label).cells[0].mean for label in ("attrec", "popularity")]
        below += means[0] < means[1]
        assert "↓" not in row(table, "attrec").cells[0].marks
    assert below > 0
    # from the fourth digit on it is lower: 5,000 and 4,999 of 10,000 users
    low = [make_record("popularity", None, ranks=[4.0] * 5000 + [40.0] * 5000, train=None)]
    low += [make_record(model, ranks=[4.0] * 4999 + [40.0] * 5001) for model in ("caser", "attrec")]
    assert row(against(low, ("HR@10",)), "attrec").cells[0].marks == ("↓",)


def test_an_improvement_of_nothing_has_no_sign() -> None:
    def shown(ours: int, theirs: int) -> str:
        found = [
            make_record(model, ranks=[4.0] * hits + [40.0] * (10_000 - hits), keywords=keywords)
            for model, hits, keywords in (("caser", theirs, None), ("attrec", ours, ATTREC))
        ]
        return lines(against(found, ("HR@10",), against="caser"))[-1].cells[1].text

    assert [shown(4999, 5000), shown(5000, 5000), shown(5001, 5000)] == ["0.0%"] * 3
    assert [shown(4990, 5000), shown(5010, 5000), shown(10_000, 5000)] == ["-0.2%", "+0.2%", "+100.0%"]


@pytest.mark.parametrize("test", ["sign-flip", "wilcoxon"])
def test_the_same_runs_in_another_order_do_not_differ(test: str) -> None:
    # five values of each user, added in two orders: the means differ by 1e-17 for half of the users
    values = 1 / np.random.default_rng(4).integers(1, 60, size=(5, 1, 600))
    again = values[[1, 2, 3, 4, 0]]
    assert (values.mean(axis=(0, 1)) != again.mean(axis=(0, 1))).sum() > 50
    (found,) = compare({("a", "MRR"): again, ("b", "MRR"): values}, "b", ["MRR"], np.random.default_rng(0), test)
    assert (found.p, found.difference, found.effect, found.detectable) == (1, 0, None, None)
    assert (found.wins, found.ties, found.losses) == (0, 600, 0)


def test_wilcoxon_is_an_option_and_is_said() -> None:
    table = against(contest(), ("HR@10",), test="wilcoxon")
    assert "Wilcoxon" in " ".join(table.notes)
    assert table.comparisons[1].p != against(contest(), ("HR@10",)).comparisons[1].p


def test_the_same_records_give_the_same_table() -> None:
    generator = np.random.default_rng(0)
    records = [
        make_record(model, seed, ranks=list(generator.integers(1, 100, 300).astype(float)))
        for model in ("caser", "bprmf", "attrec")
        for seed in (0, 1)
    ]
    assert against(records) == against(list(records))


def test_a_comparison_does_not_depend_on_what_else_is_shown() -> None:
    generator = np.random.default_rng(0)
    records = [
        make_record(model, seed, ranks=list(generator.integers(1, 100, 300).astype(float)), keywords={"w": w})
        for model, w, seeds in (("caser", 1, 3), ("bprmf", 1, 7), ("attrec", 1, 2), ("attrec", 2, 4))
        for seed in range(seeds)
    ]

    def drawn(records: list[Record], metrics: tuple[str, ...], label: str) -> tuple[float, ...]:
        found = against(records, metrics, against="caser").comparisons
        (own,) = [each for each in found if (each.model, each.metric) == (label, "MRR")]
        return (own.difference, *own.interval, own.p)

    few = [each for each in records if each.model == "caser" or each.config["model"] == records[-1].config["model"]]
    alone = drawn(few, ("MRR",), "attrec")
    assert drawn(few, ("HR@10", "MRR", "HR@50"), "attrec") == pytest.approx(alone, abs=1e-12)
    assert drawn(records, ("HR@10", "MRR"), "attrec (w=2)") == pytest.approx(alone, abs=1e-12)
    assert 0 < alone[3] < 1, "a p of random flips"
    again = against([*few, *(each for each in records if each.model == "bprmf")], ("MRR",), against="caser")
    assert len({each.interval for each in again.comparisons}) == 2


def test_a_comparison_is_mirrored_where_its_rows_change_roles() -> None:
    generator = np.random.default_rng(1)
    records = [
        make_record(model, seed, ranks=list(generator.integers(1, 100 + 40 * shift, 300).astype(float)))
        for shift, (model, seeds) in enumerate((("caser", 3), ("bprmf", 4), ("attrec", 2)))
        for seed in range(seeds)
    ]

    def between(model: str, baseline: str) -> tuple[float, ...]:
        found = against(records, ("HR@10", "MRR"), against=baseline).comparisons
        (own,) = [each for each in found if (each.model, each.metric) == (model, "MRR")]
        return (own.difference, *own.interval, own.p)

    for one_way, other_way in (("caser", "bprmf"), ("attrec", "bprmf"), ("caser", "attrec")):
        difference, low, high, p = between(one_way, other_way)
        assert between(other_way, one_way) == pytest.approx((-difference, -high, -low, p), abs=1e-12)


def test_values_are_seeds_by_tie_draws_by_users() -> None:
    def drawn(seed: int, tie_seed: int, ranks: list[float]) -> Record:
        return make_record(seed=seed, ranks=ranks, protocol={"tie_order": "random", "tie_seed": tie_seed})

    records = [drawn(seed, draw, [1, 2, 4, 10 * seed + draw]) for seed in (1, 2) for draw in (3, 4, 5)]
    values = user_values(records, "MRR")
    assert values.shape == (2, 3, 4)
    assert values[1, 2] == pytest.approx([1, 1 / 2, 1 / 4, 1 / 25])


def test_a_missing_run_or_another_tie_draw_is_no_comparison_and_the_note_says_so() -> None:
    def drawn(model: str, seed: int, tie_seed: int) -> Record:
        return make_record(model, seed, ranks=[1, 2, 20], protocol={"tie_order": "random", "tie_seed": tie_seed})

    def fake(*models: list[Record]) -> Table:
        table = one([make_record(each[0].model) for each in models])  # whatever groups records, the rows are these
        rows = tuple(
            replace(each, records=tuple(records))
            for each in table.rows
            for records in models
            if records[0].model == each.model
        )
        (made,) = compared([replace(table, rows=rows)], against="caser")
        return made

    full = [drawn("caser", seed, draw) for seed in (0, 1) for draw in (0, 1, 2)]
    same = [drawn("attrec", seed, draw) for seed in (0, 1, 2) for draw in (0, 1, 2)]
    assert len(fake(full, same).comparisons) == 2
    lacking = fake(full, same[:-1])
    assert lacking.comparisons == ()
    assert lacking.notes[-1] == "Not compared with caser, since some runs of seeds x tie draws are missing: attrec"
    other = fake(full, [drawn("attrec", 0, draw) for draw in (0, 1, 3)])
    assert other.notes[-1] == "Not compared with caser, since the tie draws are not the same: attrec"


def test_a_user_with_several_targets_counts_once() -> None:
    record = replace(make_record(ranks=[1, 2, 4, 5]), users=np.array([7, 3, 7, 7]))
    assert user_values([record], "MRR")[0, 0] == pytest.approx([1 / 2, 1])  # user 3, then the best of user 7's
    whole = make_record(ranks=[1, 2, 4])
    assert np.array_equal(user_values([whole], "HR@1")[0, 0], per_user("HR@1", whole.ranks))


def test_a_baseline_alone_has_no_comparison() -> None:
    assert compare({("a", "MRR"): np.ones((1, 1, 3))}, "a", ["MRR"], np.random.default_rng(0)) == []
