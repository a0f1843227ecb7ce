"""Tie draws as a second level beside the seeds: in rows, columns, captions and on the command line."""

import numpy as np
import pytest

from attrec_bench.configuration import with_tie_draws
from attrec_bench.errors import InputError
from attrec_bench.report.cells import interval_words
from attrec_bench.results.cautions import unjudged
from attrec_bench.results.formats import render
from attrec_bench.results.record import Record
from attrec_bench.results.tables import tables
from tests.records import make_record, one, row

RANKS = {(0, 0): 1, (0, 1): 2, (0, 2): 4, (1, 0): 5, (1, 1): 10, (1, 2): 20}
"""(seed, tie draw) -> rank of the one target; reciprocal ranks 1, .5, .25 and .2, .1, .05."""


def drawn(seed: int | None, draw: int, rank: int, model: str = "attrec") -> Record:
    protocol = {"tie_order": "random", "tie_seed": draw}
    return make_record(model, seed, ranks=[rank], protocol=protocol, train=None if seed is None else {"lr": 1})


def crossed() -> list[Record]:
    return [drawn(seed, draw, rank) for (seed, draw), rank in RANKS.items()]


def test_draws_of_one_order_share_a_row() -> None:
    table = one(crossed(), ("MRR",))
    cell = row(table, "attrec").cells[0]
    values = [1, 0.5, 0.25, 0.2, 0.1, 0.05]
    assert cell.n == 6
    assert cell.mean == pytest.approx(np.mean(values))
    assert cell.sd == pytest.approx(np.std(values, ddof=1))
    assert table.protocol["tie_seed"] == [0, 1, 2]
    # Student's t over the means of the draws .6, .3, .15 (4.3027 at 97.5 %) and of the seeds .58333, .11667 (12.706)
    assert cell.interval is not None
    of_draws = 4.302653 * np.std([0.6, 0.3, 0.15], ddof=1) / np.sqrt(3)
    of_seeds = 12.706205 * np.std([1.75 / 3, 0.35 / 3], ddof=1) / np.sqrt(2)
    half = np.hypot(of_draws, of_seeds)
    assert cell.interval == pytest.approx((0.35 - half, 0.35 + half), abs=1e-6)


def test_what_seeds_move_is_in_the_interval_where_draws_move_nothing() -> None:
    ranks = [2, 4, 10]
    moved = [drawn(seed, draw, ranks[seed]) for seed in range(3) for draw in range(5)]
    seeds_alone = [make_record(seed=seed, ranks=[rank]) for seed, rank in enumerate(ranks)]
    intervals = [row(one(records, ("MRR",)), "attrec").cells[0].interval for records in (moved, seeds_alone)]
    assert intervals[0] == pytest.approx(intervals[1])


def test_one_seed_leaves_an_interval_of_the_draws_and_a_caution() -> None:
    records = [drawn(0, draw, rank) for draw, rank in enumerate((2, 4, 10))]
    caution = (
        "The intervals of attrec hold tie draws only: of one seed, they say nothing of what other seeds would give"
    )
    table = one(records, ("MRR",))
    assert caution in table.notes
    half = 4.302653 * np.std([0.5, 0.25, 0.1], ddof=1) / np.sqrt(3)
    assert row(table, "attrec").cells[0].interval == pytest.approx((0.85 / 3 - half, 0.85 / 3 + half), abs=1e-6)
    assert "± half its 95 % interval (Student's t over the tie draws)" in table.caption
    counted = one([drawn(None, draw, 3 + draw, "popularity") for draw in range(3)])
    for other in (counted, one(crossed()), one(records[:1])):
        assert not any("hold tie draws only" in note for note in other.notes), "nothing is left out"


def test_a_note_tells_the_two_levels_apart() -> None:
    # means of the draws: .6, .3, .15; of the seeds: .58333, .11667
    between_draws = np.std([0.6, 0.3, 0.15], ddof=1)
    between_seeds = np.std([1.75 / 3, 0.35 / 3], ddof=1)
    assert one(crossed(), ("MRR",)).details == (
        f"attrec: standard deviation between 3 tie draws {between_draws:.4f} MRR; "
        f"between 2 seeds {between_seeds:.4f} MRR",
    )


def test_a_missing_run_is_told() -> None:
    # its mean is of five runs, its draws' means of two, two and one: an interval over these would not be about its mean
    told = (
        "attrec: 5 of 6 runs (seeds x tie draws) are there, so that it has no interval: what the missing ones would "
        "move cannot be told from what seeds and draws do"
    )
    table = one(crossed()[:-1], ("MRR",))
    assert table.notes == (told,)
    assert table.details == (), "no spread of draws or seeds either"
    cell = row(table, "attrec").cells[0]
    assert cell.mean == pytest.approx((1 + 0.5 + 0.25 + 0.2 + 0.1) / 5)
    assert cell.interval is None
    assert interval_words(cell) == "0.4100 (runs of seeds x tie draws are missing: no interval)"
    assert unjudged(row(table, "attrec").records, None) == (
        "no interval: 2 seeds x 3 tie draws, of which some runs are missing"
    )
    assert told not in one(crossed()).notes


def test_rows_with_other_draws_are_told() -> None:
    table = one([*crossed(), drawn(None, 0, 3, "popularity"), drawn(None, 1, 3, "popularity")])
    assert "Tie draws differ: popularity 0, 1; attrec 0-2" in table.notes


def test_the_caption_and_the_column_say_seeds_x_draws() -> None:
    records = [*crossed(), *(drawn(None, draw, 3, "popularity") for draw in range(3))]
    caption = one(records).caption
    assert "Events of one second stand in random orders (tie draws 0-2) (tie_order=random)" in caption
    assert (
        "; mean over 2 seeds (0, 1) x 3 tie draws (0-2), a model without a seed over the tie draws alone, "
        "± half its 95 % interval (the root of the summed squares of its halves by Student's t over seeds and over tie "
        "draws)"
    ) in caption
    for format in ("terminal", "markdown", "latex"):
        text = render(tables(records, ["MRR"]), format)
        assert "seeds x draws" in text
        assert "2 x 3" in text
        assert ("-- x 3" if format == "latex" else " - x 3") in text, "counting needs no seed"


def test_one_draw_is_what_it_was() -> None:
    table = one([drawn(seed, 7, 3) for seed in (0, 1)])
    assert "in a random order (seed 7) (tie_order=random)" in table.caption
    assert table.protocol["tie_seed"] == 7
    assert not any("draw" in note for note in table.notes)
    assert "draws" not in render([table])


def test_a_random_order_and_the_files_share_no_table() -> None:
    assert len(tables([*crossed(), make_record()])) == 2


def test_the_command_line_spreads_the_draws_over_runs() -> None:
    assert with_tie_draws(["model=attrec", "protocol.tie_draws=3"]) == [
        *("model=attrec", "-m", "protocol.tie_order=random", "protocol.tie_seed=0,1,2")
    ]
    several = with_tie_draws(["-m", "protocol.tie_draws=2", "seed=0,1"])
    assert several == ["-m", "seed=0,1", "protocol.tie_order=random", "protocol.tie_seed=0,1"]
    for unchanged in (["seed=0"], ["protocol.tie_draws=null"]):
        assert with_tie_draws(unchanged) == unchanged


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["protocol.tie_draws=0"], "protocol.tie_draws must be a whole number of at least 1 or null, got '0'"),
        (["protocol.tie_draws=few"], "protocol.tie_draws must be a whole number of at least 1 or null, got 'few'"),
        (
            ["protocol.tie_draws=2", "protocol.tie_seed=1"],
            "protocol.tie_draws sets protocol.tie_order and protocol.tie_seed itself, got protocol.tie_seed=1",
        ),
    ],
)
def test_what_cannot_be_spread_is_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        with_tie_draws(arguments)
    assert str(caught.value) == message
