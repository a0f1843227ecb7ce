"""What the notes below a table say of its comparisons."""

from attrec_bench.results.record import Record
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
    assert "smallest difference found with power 0.8: 0.3149" in said
    assert "effect is the difference in standard deviations (sd) of the users' differences" in said
    assert "p 0.016 (Holm), effect +0.80 sd" in said


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
    bprmf = [make_record("bprmf", record.config["seed"], ranks=list(record.ranks)) for record in attrec]
    assert said([*caser, *attrec, *bprmf], ("HR@10", "HR@20")) == 1


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
