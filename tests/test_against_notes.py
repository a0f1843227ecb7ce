"""What the notes below a table say of its comparisons."""

import csv
import io

from attrec_bench.results.formats import render
from attrec_bench.results.record import Record
from attrec_bench.results.tables import Table
from tests.records import contest, make_record, row
from tests.test_against import ATTREC, against


def test_marks_that_rest_on_one_seed_are_named() -> None:
    def said(records: list[Record]) -> list[str]:
        return [note for note in against(records, ("HR@10",)).notes if "one seed" in note]

    (note,) = said(contest())
    assert note.startswith("The marks of bprmf, attrec rest on one seed")
    again = {each.model: each for each in contest()}
    more = [make_record(model, 1, ranks=list(again[model].ranks)) for model in ("bprmf", "caser")]
    more.append(make_record("attrec", 1, ranks=list(again["attrec"].ranks), keywords=ATTREC))
    assert said([*contest(), *more]) == []
    assert said([*contest(), *more[1:]])[0].startswith("The marks of bprmf rest on one seed")
    unseeded = make_record("ease", None, ranks=[4.0] * 9 + [40.0] * 11, train=None)  # has no seed that it could lack
    attrec = [again["attrec"], more[2]]
    assert row(against([*attrec, unseeded], ("HR@10",)), "attrec").cells[0].marks == ("†",)
    assert said([*attrec, unseeded]) == []


def test_the_note_says_what_its_figures_are() -> None:
    (said,) = [note for note in against(contest(), ("HR@10",)).details if note.startswith("HR@10 against caser")]
    # (z(.975) + z(.8)) * sd / sqrt(20), of which 8 users gain 1 each: 2.8016 * .50262 / 4.47214
    assert "smallest the smallest difference found with power 0.8 in one uncorrected test: bprmf" in said
    assert "users better/same/worse 8/12/0, smallest 0.3149" in said
    assert "effect is the difference in standard deviations (sd) of the users' differences" in said
    assert "p 0.016 (Holm), effect +0.80 sd" in said


def test_where_no_user_differs_there_is_no_smallest_difference() -> None:
    # five hits each at other ranks: HR@20 differs for nobody, MRR for five users
    records = [
        make_record("caser", ranks=[10.0] * 5 + [40.0] * 15),
        make_record("bprmf", ranks=[20.0] * 5 + [40.0] * 15),
        make_record("attrec", ranks=[1.0] * 20, keywords=ATTREC),
    ]
    table = against(records, ("HR@20", "MRR"), against="caser")
    (said,) = [note for note in table.details if note.startswith("HR@20 against caser")]
    assert (
        "bprmf +0.0000 [+0.0000, +0.0000], p 1 (Holm), users better/same/worse 0/20/0, smallest - (no user differs)"
        in said
    )
    lines = {(line["row"], line["metric"]): line for line in csv.DictReader(io.StringIO(render([table], "csv")))}
    assert lines["bprmf", "HR@20"]["detectable"] == ""
    assert float(lines["bprmf", "MRR"]["detectable"]) > 0
    alike = against(
        [make_record("caser", ranks=[40.0] * 9), make_record("attrec", ranks=[1.0] * 9)], ("HR@10",), against="caser"
    )
    assert "9/0/0, smallest - (all users differ alike)" in " ".join(alike.details)


def test_a_test_that_points_elsewhere_than_the_mean_gives_no_mark_and_the_note_says_so() -> None:
    # MRR: eight users gain 4/5, 52 lose 1/30; ranks 52.5 + 4 * 8 = 452 for and 26.5 * 52 = 1378 against attrec
    attrec = make_record("attrec", ranks=[1.0] * 8 + [6.0] * 52, keywords=ATTREC)
    records = [make_record("caser", ranks=[5.0] * 60), attrec]
    told = (
        "No mark though p is significant, since the mean and Wilcoxon's signed ranks disagree on which is better: "
        "attrec in MRR"
    )
    table = against(records, ("MRR", "HR@5"), test="wilcoxon")
    mrr, hits = table.comparisons
    assert mrr.contrary
    assert (mrr.wins, mrr.losses) == (8, 52)
    assert mrr.difference > 0
    assert mrr.corrected < 0.05
    assert row(table, "attrec").cells[0].marks == ()
    assert told in table.notes
    assert not hits.contrary
    assert row(table, "attrec").cells[1].marks == ("‡",), "HR@5: 52 lose and none gains"
    flipped = against(records, ("MRR", "HR@5"))
    assert not any(each.contrary for each in flipped.comparisons)
    assert not any(note.startswith("No mark") for note in flipped.notes)


def test_a_mean_of_nothing_is_neither_better_nor_worse() -> None:
    # MRR: four users gain 1/2, eighty lose 1/40, together 0 by hand and 1e-17 in binary
    caser = make_record("caser", ranks=[2.0] * 4 + [20.0] * 80)
    attrec = make_record("attrec", ranks=[1.0] * 4 + [40.0] * 80, keywords=ATTREC)
    table = against([caser, attrec], ("MRR",), against="caser", test="wilcoxon")
    assert table.comparisons[0].corrected < 0.05
    assert table.comparisons[0].contrary
    assert row(table, "attrec").cells[0].marks == ()


def test_the_notes_name_only_the_levels_that_there_are() -> None:
    def drawn(seeds: int, draws: int) -> Table:
        models = (("caser", None, 20.0), ("attrec", ATTREC, 4.0))
        records = [
            make_record(
                model,
                seed,
                ranks=[rank] * 12 + [40.0 + seed] * 7 + [30.0 + draw],
                keywords=keywords,
                protocol={"tie_order": "random", "tie_seed": draw},
            )
            for model, keywords, rank in models
            for seed in range(seeds)
            for draw in range(draws)
        ]
        return against(records, ("HR@10",))

    for seeds, draws, over, each in (
        (1, 1, "users", "seeds"),
        (2, 1, "seeds and users", "seeds"),
        (1, 2, "tie draws and users", "seeds and tie draws"),
        (2, 2, "seeds, tie draws and users", "seeds and tie draws"),
    ):
        table = drawn(seeds, draws)
        assert f"with 95% intervals (bootstrap over {over});" in " ".join(table.details)
        assert f"each averaged over {each}; significant" in " ".join(table.notes)


def test_a_p_below_what_the_flips_can_tell_is_shown_as_a_bound() -> None:
    # all of 40 users gain: the truth is 2 / 2**40, the floor of 100,000 flips 1 / 100,001; two tests
    records = [
        make_record("caser", ranks=[40.0] * 60),
        make_record("attrec", ranks=[4.0] * 40 + [40.0] * 20, keywords=ATTREC),
        make_record("bprmf", ranks=[4.0] * 9 + [40.0] * 51),
    ]
    table = against(records, ("HR@10",), against="caser")
    assert {each.model: each.p_words for each in table.comparisons} == {"attrec": "<= 2e-05", "bprmf": "0.0039"}
    assert "p <= 2e-05 (Holm)" in " ".join(table.details)
    bounds = against(records, ("HR@10",), against="caser", test="wilcoxon").comparisons
    assert not any(each.at_floor for each in bounds), "Wilcoxon's p has no such floor"
    assert bounds[-1].p < 1e-5


def test_an_interval_and_a_p_that_seem_to_contradict_each_other_are_explained_once() -> None:
    def said(records: list[Record], metrics: tuple[str, ...] = ("HR@10",)) -> int:
        return " ".join(against(records, metrics, against="caser").details).count("the test does not")

    assert said(contest()) == 0
    # nine users gain in one of two seeds: by users alone 2 of 2**9 patterns, by seeds 1 of 4 worlds shows no difference
    caser = [make_record("caser", seed, ranks=[40.0] * 20) for seed in (0, 1)]
    attrec = [make_record("attrec", seed, ranks=[4.0] * 9 * seed + [40.0] * (20 - 9 * seed)) for seed in (0, 1)]
    (found,) = against([*caser, *attrec], ("HR@10",), against="caser").comparisons
    assert (found.p, found.interval[0]) == (2 / 2**9, 0)
    assert said([*caser, *attrec]) == 1
    assert said([caser[0], make_record("attrec", ranks=[4.0] * 20)]) == 0
    bprmf = [make_record("bprmf", record.config["seed"], ranks=list(record.ranks)) for record in attrec]
    assert said([*caser, *attrec, *bprmf], ("HR@10", "HR@20")) == 1


def test_a_mark_that_other_seeds_may_not_bear_out_is_named_in_every_metric() -> None:
    def said(records: list[Record], **options: str) -> list[str]:
        notes = against(records, ("HR@10", "HR@20", "MRR"), against="caser", **options).notes
        return [note for note in notes if note.startswith("Marks that hold for these runs")]

    # as above: nine users gain in one of two seeds, in HR@10 and HR@20; in MRR too
    caser = [make_record("caser", seed, ranks=[40.0] * 20) for seed in (0, 1)]
    attrec = [make_record("attrec", seed, ranks=[4.0] * 9 * seed + [40.0] * (20 - 9 * seed)) for seed in (0, 1)]
    (note,) = said([*caser, *attrec])
    assert note == (
        "Marks that hold for these runs and may not for other seeds, since the interval of the difference over seeds "
        "and users holds 0: attrec in HR@10, HR@20, MRR"
    )
    # in both seeds: 0 lies outside; with one seed the interval is of users, as the test is
    both = [make_record("attrec", seed, ranks=[4.0] * 9 + [40.0] * 11) for seed in (0, 1)]
    assert said([*caser, *both]) == said([caser[1], attrec[1]]) == []
    # worse in both seeds, far from 0: no doubt either
    better = [make_record("caser", seed, ranks=[4.0] * 9 + [40.0] * 11) for seed in (0, 1)]
    assert said([*better, *(make_record("attrec", seed, ranks=[40.0] * 20) for seed in (0, 1))]) == []
    # no mark, no doubt of it: three users are too few
    few = [make_record("attrec", seed, ranks=[4.0] * 3 * seed + [40.0] * (20 - 3 * seed)) for seed in (0, 1)]
    assert said([*caser, *few]) == []


def test_one_seed_explains_no_contradiction_by_seeds() -> None:
    def said(records: list[Record], **options: str) -> str:
        (told,) = against(records, ("HR@10", "HR@20", "HR@30"), against="caser", **options).details[-1:]
        return told.partition("seem to contradict each other: ")[2]

    # six users gain, none loses: p 2 / 2**6 times three tests is not significant, and 0 is outside the interval
    caser = make_record("caser", ranks=[40.0] * 20)
    corrected = "p is corrected for the number of tests, the interval is not"
    attrec = make_record("attrec", ranks=[4.0] * 6 + [40.0] * 14)
    assert said([caser, attrec]) == corrected
    # five gain: 2 / 2**5 is above the level without a correction, so that none is the reason
    few = make_record("attrec", ranks=[4.0] * 5 + [40.0] * 15)
    assert said([caser, few]) == "both are approximate, and such a difference is at the border of what can be told"


def test_an_improvement_that_is_not_significant_says_in_what() -> None:
    def said(hits: int, *metrics: str, **options: str) -> list[str]:
        def ranks(first: int, second: int) -> list[float]:
            return [4.0, *[4.0] * first, *[20.0] * second, *[40.0] * (40 - first - second)]

        records = [make_record("caser", ranks=ranks(0, 0)), make_record("fmc", ranks=ranks(1, 0))]
        records.append(make_record("attrec", ranks=ranks(hits, 9 - hits), keywords=ATTREC))
        found = against(records, metrics or ("HR@10", "HR@30"), against="caser", **options)
        return [note for note in found.notes if note.startswith("Improv.")]

    # HR@30: nine users differ, p 2 / 2**9 times 4 tests. HR@10: so many as hit, times the 3 tests that are left:
    # nine and seven (2 / 2**7 * 3 = .047) are enough, six are not, though 2 / 2**6 = .031 would be without correction
    told = "Improv. of attrec over caser: not significant in HR@10, after Holm's correction"
    assert [said(hits) for hits in (9, 7, 6)] == [[], [], [told]]
    assert said(6, "HR@10", "HR@1") == [told], "no improvement is shown where the baseline has 0"
    assert said(9, ours="fmc") == [
        "Improv. of fmc over caser: not significant in HR@10, HR@30, after Holm's correction"
    ]
