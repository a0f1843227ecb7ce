"""Times in every form keep their order exactly, and are what a file of whole seconds would say where they can be."""

import calendar
import logging
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrec_bench.data import columns
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.locate import own_csv
from attrec_bench.data.sources import csv, inter
from attrec_bench.data.times import clock_of
from attrec_bench.errors import InputError

COLUMNS: dict[str, Any] = {"user": "u", "item": "i", "time": "t", "rating": None}
PER = {"second": 1, "millisecond": 10**3, "microsecond": 10**6, "nanosecond": 10**9}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("times") / "x.csv"


def read(file: Path, times: list[str]) -> Interactions:
    """One user's events at these times."""
    file.write_text("u,i,t\n" + "".join(f'1,{item},"{time}"\n' for item, time in enumerate(times)))
    return csv(file, **COLUMNS, separator=",", titles=None, min_rating=None)


def own(file: Path, times: list[str], clock: str) -> Interactions:
    read(file, times)
    unfiltered: dict[str, Any] = dict.fromkeys(("min_rating", "min_user_events", "min_item_events", "k_core", "titles"))
    return own_csv(name="mine", path=str(file), clock=clock, separator=",", duplicates="keep", **COLUMNS, **unfiltered)


def said(file: Path, times: list[str]) -> str:
    with pytest.raises(InputError) as caught:
        read(file, times)
    return str(caught.value).removeprefix(f"{file}, ")


NUMBERS = st.decimals(-(10**9), 10**9 - 1, allow_nan=False, allow_infinity=False, places=None).map(
    lambda number: f"{round(number, 9):f}"
)
MIXED = st.lists(NUMBERS | st.just("2024-07-09"), min_size=1, max_size=4)


@settings(deadline=None)
@given(MIXED)
def test_both_readers_agree(cells: list[str]) -> None:
    layout = columns.Layout(",", width=3, user=0, item=1, rating=None, time=2, header=False, quoted=True)
    data = "".join(f"1,2,{cell}\n" for cell in cells).encode()
    fast = columns._read_fast(data, layout)
    if fast is None:
        assert len({cell == "2024-07-09" for cell in cells}) == 2, "numbers and dates"
        return
    slow = columns._read_lines(Path("x"), data, layout)
    assert (fast.times.tolist(), fast.clock, fast.dated) == (slow.times.tolist(), slow.clock, slow.dated)


# 2024-07-09 08:57:51 UTC, by the calendar of the standard library
MOMENT = calendar.timegm((2024, 7, 9, 8, 57, 51))


@pytest.mark.parametrize(
    ("cell", "clock", "expected"),
    [
        ("2024-07-09T08:57:51Z", "second", MOMENT),
        ("2024-07-09 08:57:51", "second", MOMENT),
        ("2024-07-09 08:57:51 UTC", "second", MOMENT),
        ("2024-07-09T10:57:51+02:00", "second", MOMENT),
        ("2024-07-09T10:57:51+0200", "second", MOMENT),
        ("2024-07-09 10:57:51+02", "second", MOMENT),
        ("2024-07-08T23:57:51-09:00", "second", MOMENT),
        ("2024-07-09T08:57", "second", MOMENT - 51),
        ("2024-07-09", "day", MOMENT - MOMENT % 86_400),
        ("1969-12-31", "day", -86_400),
        ("1969-12-31T23:59:59.25Z", "millisecond", -750),
        ("2024-07-09T08:57:51.492Z", "millisecond", MOMENT * 10**3 + 492),
        ("2024-07-09T08:57:51,4921", "microsecond", MOMENT * 10**6 + 492_100),
        ("2024-07-09T08:57:51.000000007Z", "nanosecond", MOMENT * 10**9 + 7),
        ("2024-07-09T08:57:51.000Z", "second", MOMENT),
        (f"{MOMENT}", "second", MOMENT),
        (f"{MOMENT}.0", "second", MOMENT),
        (f"{MOMENT}.492", "millisecond", MOMENT * 10**3 + 492),
        (f"{MOMENT}.4920004", "nanosecond", MOMENT * 10**9 + 492_000_400),
        ("1.5e-3", "microsecond", 1500),
        ("0." + 9 * "0" + 500 * "0", "second", 0),
    ],
)
def test_by_hand(file: Path, cell: str, clock: str, expected: int) -> None:
    data = own(file, [cell], "second")
    assert (data.times.tolist(), data.clock) == ([expected], clock)


def test_an_inter_file_with_fractions_is_read_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "x.inter"
    path.write_text(f"u:token\ti:token\tt:float\n1\t5\t{MOMENT}.492\n1\t6\t{MOMENT}\n")
    data = inter(path, **COLUMNS, titles=None, min_rating=None)
    assert (data.times.tolist(), data.clock) == ([MOMENT * 1000 + 492, MOMENT * 1000], "millisecond")


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=6))
def test_numbers_keep_their_order_and_their_distances(file: Path, cells: list[str]) -> None:
    data = read(file, cells)
    exact = [Fraction(cell) * PER[data.clock] for cell in cells]
    assert data.times.tolist() == exact
    coarser = [Fraction(cell) * PER[data.clock] / 1000 for cell in cells]
    assert data.clock == "second" or any(at.denominator > 1 for at in coarser), "no finer than need be"


MOMENTS = st.datetimes().map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))


@settings(deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=6), st.sampled_from("T "))
def test_dates_and_times_keep_their_order_and_their_distances(file: Path, moments: list[Any], between: str) -> None:
    data = read(file, [at.isoformat(between) for at in moments])
    first = moments[0]
    seconds = [(at - first).days * 86_400 + (at - first).seconds for at in moments]
    parts = [Fraction((at - first).microseconds, 10**6) for at in moments]
    exact = [(whole + part) * PER[data.clock] for whole, part in zip(seconds, parts, strict=True)]
    assert (data.times - data.times[0]).tolist() == exact


def test_whole_seconds_are_one_data_set_however_they_are_written(file: Path) -> None:
    whole = read(file, ["86400", "86401", "86399"]).sha256
    iso = read(file, ["1970-01-02T00:00:00Z", "1970-01-02T00:00:01Z", "1970-01-01T23:59:59Z"]).sha256
    assert iso == whole == read(file, ["86400.0", "86401", "8.6399e4"]).sha256
    assert read(file, ["86400.5", "86401", "86399"]).sha256 != whole


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["5", "2024-07-09"], "line 3: time must be a number on every line, as before, got '2024-07-09'"),
        (
            ["2024-07-09", "2024-07-09T10:00"],
            "line 3: time must be a date on every line, as before, got '2024-07-09T10:",
        ),
        (
            ["2024-07-09T10:00", "2024-07-09T10:00Z"],
            "line 3: time must be a date and time on every line, as before, got",
        ),
        (
            ["2024-07-09T10:00Z", "7"],
            "line 3: time must be a date and time with its zone on every line, as before, got '7",
        ),
        (["2024-02-30"], "line 2: time must be a number or an ISO 8601 date, got '2024-02-30'"),
        (["09.07.2024"], "line 2: time must be a number or an ISO 8601 date, got '09.07.2024'"),
        (["2024-07-09T08:57:51.1234567891Z"], "line 2: time must have at most 9 decimals, got '2024-07-09T08:57:51.12"),
        (["2024-07-09T08:57:51." + "0" * 99 + "1"], "line 2: time must have at most 9 decimals, got '2024-07-09T08:57"),
    ],
)
def test_what_has_no_order_is_refused(file: Path, cells: list[str], message: str) -> None:
    assert said(file, cells).startswith(message)


def test_a_fraction_among_times_too_large_for_it(file: Path) -> None:
    assert said(file, [str(10**17), "0.5"]) == (
        f"{file}: times with 1 decimals must fit 64 bits in milliseconds, got '{10**17}'"
    )


@pytest.mark.parametrize("unit", ["millisecond", "microsecond", "nanosecond"])
def test_a_finer_unit_under_seconds_is_warned_of(file: Path, unit: str, caplog: pytest.LogCaptureFixture) -> None:
    stamp = MOMENT * PER[unit]
    with caplog.at_level(logging.WARNING):
        assert own(file, [str(stamp)], unit).clock == unit
        assert not caplog.records
        assert own(file, [str(stamp)], "second").clock == "second"
    (warned,) = caplog.records
    assert warned.getMessage() == (
        f"dataset.clock=second puts a time, {stamp}, after the year 5000: is dataset.clock={unit} meant?"
    )


@pytest.mark.parametrize("cell", ["2024-07-09", "2024-07-09T08:57:51Z", "2024-07-09 08:57:51.492"])
@pytest.mark.parametrize("unit", ["millisecond", "microsecond", "nanosecond"])
def test_a_finer_unit_is_not_said_of_dates(file: Path, cell: str, unit: str) -> None:
    with pytest.raises(InputError) as caught:
        own(file, [cell, cell], unit)
    assert str(caught.value) == (
        f"dataset.clock={unit} says what numbers count, and these times are ISO 8601, which tell their unit "
        "themselves: leave dataset.clock out"
    )


def test_a_date_after_the_year_5000_is_one(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert own(file, ["9000-01-01T00:00:00Z"], "second").clock == "second"
    assert not caplog.records


def test_fractions_of_milliseconds_are_microseconds_and_what_is_no_clock_stays(file: Path) -> None:
    assert own(file, [f"{MOMENT}492.5"], "millisecond").clock == "microsecond"
    for clock in ("day", "relative day", "order"):
        assert own(file, ["1.5", "2"], clock).clock == clock
        assert own(file, ["2024-07-09"], clock).clock == clock
    assert clock_of("second", "second", np.array([], dtype=np.int64), dated=False) == "second"
    assert Decimal(int(read(file, [f"{MOMENT}492.5"]).times[0])) == Decimal(f"{MOMENT}492.5") * 1000
