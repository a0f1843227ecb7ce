"""What a table says about itself."""

import numpy as np
import pytest

from attrec_bench.results.tables import tables
from tests.records import TRAIN, house, make_record, one, row


def test_the_caption_says_what_the_numbers_are() -> None:
    caption = one(house()).caption
    for said in (
        "HR@10 and MRR under leave-one-out on ml-100k (943 users, 1,682 items, 100,000 interactions), all unseen items "
        "ranked; mean ± half its 95 % interval (Student's t) over the seeds of each row.",
        "Leave-one-out",
        "All items are ranked but those the user has seen",
        "expected rank",
        "in the order of the file (tie_order=file)",
        "of several in a user's last second the last counts as final",
        "Epochs are chosen on validation by MRR",
        "attrec-bench 0.1.0, torch 2.13.0, commit 01234567 with a clean tree, from data of sha256 abababababab.",
    ):
        assert said in caption
    assert "trained again" not in caption
    git = {"commit": "fedcba9876543210", "dirty": True}
    protocol = {"refit": True, "tie_order": "random", "tie_seed": 7, "last_tie": "first", "sampled": 100}
    records = [make_record(seed=seed, protocol=protocol, git=git) for seed in range(4)]
    records.append(make_record("caser", 5, protocol=protocol, train={**TRAIN, "monitor": "HR@50"}))
    caption = one(records).caption
    for said in (
        "trained again on training and validation",
        "in a random order (seed 7) (tie_order=random); of several in a user's last second the first counts",
        "Further settings: sampled=100",
        "Epochs of attrec are chosen on validation by MRR. Epochs of caser are chosen on validation by HR@50.",
        "commit 01234567 or fedcba98 with uncommitted changes",
    ):
        assert said in caption
    outside = one([make_record(seed=3, git={"commit": None, "dirty": None})]).caption
    assert "commit unknown (outside git)" in outside
    assert "all unseen items ranked; one seed (3)." in outside
    assert "over 5 seeds (0-4)" in one([make_record(seed=seed) for seed in range(5)]).caption


def test_the_caption_lists_the_seeds_only_where_every_row_has_them() -> None:
    def caption(**seeds: range) -> str:
        return one([make_record(model, seed) for model, numbers in seeds.items() for seed in numbers]).caption

    assert "over 3 seeds (0-2)." in caption(attrec=range(3), bprmf=range(3))
    assert "over 3 seeds (0-2)." in caption(attrec=range(3), random=range(1)), "of floors only the column tells"
    for mixed in (
        caption(attrec=range(2), bprmf=range(1, 3)),  # no row has three seeds
        caption(attrec=range(3), bprmf=range(1)),
        caption(attrec=range(1), random=range(3)),
    ):
        assert "over the seeds of each row." in mixed
        assert "0-2" not in mixed
    assert "one seed (4)." in caption(attrec=range(4, 5), bprmf=range(4, 5))


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ({"attrec": range(3), "bprmf": range(3), "random": range(7, 8)}, "random 7; bprmf 0-2; attrec 0-2"),
        ({"attrec": range(1), "random": range(3)}, "random 0-2; attrec 0"),
        ({"attrec": range(2), "bprmf": range(1, 2), "random": range(2)}, "random 0, 1; bprmf 1; attrec 0, 1"),
        ({"attrec": range(3), "random": range(1)}, None),  # the column tells
        ({"random": range(3)}, None),
    ],
)
def test_seeds_that_the_caption_does_not_list_a_note_lists(rows: dict[str, range], note: str | None) -> None:
    made = [
        make_record(model, seed, ranks=[{"attrec": 1, "bprmf": 2, "random": 3}[model]])
        for model, numbers in rows.items()
        for seed in numbers
    ]
    table = one([*made, make_record("itemknn", None, ranks=[4], train=None)], ("MRR",))
    assert ("over the seeds of each row" in table.caption) == (note is not None)
    assert [each for each in table.notes if each.startswith("Seeds")] == ([f"Seeds differ: {note}"] if note else [])


def test_the_caption_of_tie_draws_lists_the_seeds_only_where_every_row_has_them() -> None:
    records = [
        make_record(model, seed, protocol={"tie_order": "random", "tie_seed": draw})
        for model, seeds in {"attrec": (0, 1), "bprmf": (1, 2)}.items()
        for seed in seeds
        for draw in (0, 1)
    ]
    assert "mean over the seeds of each row x 2 tie draws (0, 1)" in one(records).caption
    assert "mean over 2 seeds (0, 1) x 2 tie draws (0, 1)" in one(records[:4]).caption


AUDIT = {"tied_events": 0.758, "tied_users": 0.44, "repeats": 0.25, "unseen_test": 0.003, "later_train": 0.413}


def test_the_caption_says_what_the_data_cannot_tell() -> None:
    facts = {"clock": "day", "removed": {"min_rating=3": 17480, "k_core=5": 2}, "audit": AUDIT}
    facts["lost"] = {"min_rating=3": [0, 0], "k_core=5": [1, 2000]}
    newer, older = make_record(data=facts), make_record(seed=1)
    for caption in (one([newer, older]).caption, one([older, newer]).caption):
        for said in (
            "100,000 interactions; min_rating=3 left out 17,480 interactions; k_core=5 left out 2 interactions "
            "and with them 1 user and 2,000 items)",
            "Events of one day stand in the order of the file",
            "of several in a user's last day the last counts",
            "75.8% of the events share their time with another of the same user, and so does the last of 44.0% of the",
            "25.0% of the events repeat another pair",
            "0.3% of the test events are with an item of no training event",
            "On average 41.3% of the training events are later than a test event",
        ):
            assert said in caption
    assert "of the events" not in one([older]).caption, "what an older record did not know is not made up"


def test_the_caption_of_data_without_times() -> None:
    unknown = {**AUDIT, "tied_events": None, "tied_users": None, "repeats": 0.0, "later_train": None}
    caption = one([make_record(data={"clock": "order", "removed": {}, "audit": unknown})]).caption
    assert "The data give the order of a user's events and no times" in caption
    assert "0.3% of the test events" in caption
    for absent in ("share their time", "repeat", "On average", "Events of one", "left out"):
        assert absent not in caption


def test_sampled_figures_are_marked_and_never_beside_full_ones() -> None:
    sampled = make_record("caser", protocol={"candidates": "uniform-101", "candidates_seed": 3, "ties": "pessimistic"})
    made = {table.sentences[0].count("sampled: "): table for table in tables([make_record(), sampled])}
    assert set(made) == {0, 1}
    assert [each.label for each in made[0].rows] == ["attrec"]
    for said in (
        "on ml-100k (943 users, 1,682 items, 100,000 interactions), sampled: uniform-101; one seed (0).",
        "sampled: uniform-101: a user's targets are ranked among 101 items drawn uniformly",
        "(seed 3), which cannot be compared with a full ranking",
        "a target that ties counts as the last of those that tie",
    ):
        assert said in made[1].caption
    assert "All items are ranked" not in made[1].caption


def test_splits_by_share_say_their_shares_and_who_is_scored() -> None:
    ratio = make_record(protocol={"name": "ratio", "train_share": 0.7, "valid_share": 0.1}, users=np.array([0, 0, 5]))
    table = one([ratio], ("MRR", "MAP"))
    assert "the first 70% are training, the next 10% validation, the rest test" in table.caption
    assert "2 of 943 users are scored" in table.caption
    # user 0 has the ranks 1 and 2.5, user 5 has 30
    assert row(table, "attrec").cells[0].mean == pytest.approx((1 + 1 / 30) / 2)
    assert row(table, "attrec").cells[1].mean == pytest.approx(((1 + 2 / 2.5) / 2 + 1 / 30) / 2)
    cut = {"name": "global_time", "valid_share": 0.1, "test_share": 0.2, "target": "first"}
    caption = one([make_record(protocol=cut)]).caption
    assert "the latest 20% of all events are the time of the test, the 10% before them" in caption
    assert "a user's first event in each is the target" in caption
    assert "Further settings" not in caption
