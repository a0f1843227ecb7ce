"""Every layout in one table: how rows are written in it, what is read back, and what its cells may and may not hold.

Rows are text, as it stands in the file. What a file means is worked out here from the rows alone, in plain Python.
"""

import json
import re
from csv import reader as csv_reader
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from attrec_bench.data import sources
from attrec_bench.data.interactions import Interactions
from attrec_bench.data.reviews import reviews_json
from attrec_bench.data.sequences import sequences
from attrec_bench.errors import InputError

Event = tuple[str, str, int]

KEYS = {"user": "reviewerID", "item": "asin", "rating": "overall", "time": "unixReviewTime"}
BLANKS = " \t\v\f"


class Row(NamedTuple):
    """One event as a file tells it."""

    user: str
    item: str
    time: str = "7"
    rating: str = "3"


@dataclass(frozen=True)
class Source:
    """A layout. ``columns`` are those of a separated file, in their order; one that is no role of a row is a note."""

    name: str
    read: "partial[Interactions]"
    columns: tuple[str, ...]
    separator: str = "\t"
    header: str | None = None
    quoted: bool = False

    def roles(self) -> list[str]:
        """What is read of a row."""
        return [column for column in self.columns if column in Row._fields]

    def lines(self, rows: list[Row]) -> list[str]:
        """The file, without the ends of its lines."""
        if self.name == "sequences":
            return [" ".join([user, *items]) for user, items in histories(rows).items()]
        made = [*([] if self.header is None else [self.header])]
        for row in rows:
            cells = row._asdict()
            if self.name == "reviews":
                made.append("{" + ", ".join(f'"{key}": {cells[role]}' for role, key in KEYS.items()) + "}")
            else:
                made.append(self.separator.join(cells.get(column, "note") for column in self.columns))
        return made

    def line_of(self, rows: list[Row], place: int) -> int:
        """The number of the line on which this row stands."""
        if self.name == "sequences":
            return 1 + list(histories(rows)).index(rows[place].user)
        return 1 + place + (self.header is not None)

    def events(self, rows: list[Row]) -> list[Event]:
        """What these rows mean, in the order of the file."""
        if self.name == "sequences":
            return [(user, item, at) for user, items in histories(rows).items() for at, item in enumerate(items)]
        if self.name == "reviews":
            rows = [row._replace(user=json.loads(row.user), item=json.loads(row.item)) for row in rows]
        timed = "time" in self.columns
        return [(row.user, row.item, int(Decimal(row.time)) if timed else at) for at, row in enumerate(rows)]

    def pairs(self, text: str) -> list[tuple[str, str]]:
        """(user, item) of each event of a file without errors: line after line, nothing left out."""
        lines = [line for line in re.split("\r\n|\n|\r", text) if line.strip(BLANKS)]
        if self.name == "sequences":
            split = [[value for value in re.split("[ \t]", line) if value] for line in lines]
            return [(user, item) for user, *items in split for item in items]
        if self.name == "reviews":
            return [(review["reviewerID"], review["asin"]) for review in map(json.loads, lines)]
        separator = self.separator
        if self.name.startswith("pairs"):
            separator = "\t" if "\t" in lines[0] else " "
        rows = [line.split(separator) for line in lines]
        if self.quoted:
            read = csv_reader(StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
            rows = [row for row in read if "".join(row).strip(BLANKS) or len(row) > 1]
        user, item = self.columns.index("user"), self.columns.index("item")
        return [(row[user], row[item]) for row in rows[self.header is not None :]]


def histories(rows: list[Row]) -> dict[str, list[str]]:
    """User -> items, both in the order of the rows."""
    made: dict[str, list[str]] = {}
    for row in rows:
        made.setdefault(row.user, []).append(row.item)
    return made


FOUR = ("user", "item", "rating", "time")
NAMED: dict[str, Any] = {"user": "user_id", "item": "item_id", "time": "timestamp", "rating": "rating", "titles": None}
MOVIELENS: dict[str, Any] = NAMED | {"user": "userId", "item": "movieId", "separator": ","}
OWN: dict[str, Any] = {
    "user": "who",
    "item": "what",
    "time": "when",
    "rating": "stars",
    "separator": ";",
    "titles": None,
}
SOURCES = [
    Source("u.data", partial(sources.udata, titles=None), FOUR),
    Source("ratings.dat", partial(sources.ratings_dat, titles=None), FOUR, "::"),
    Source("ratings.csv", partial(sources.csv, **MOVIELENS), FOUR, ",", "userId,movieId,rating,timestamp", True),
    Source("amazon", partial(sources.amazon_ratings, core=None, titles=None), FOUR, ","),
    Source("reviews", partial(reviews_json, titles=None), FOUR),
    Source("sequences", partial(sequences, titles=None), ("user", "item"), " "),
    Source("pairs", partial(sources.pairs, titles=None), ("user", "item"), " "),
    Source("pairs, tabs", partial(sources.pairs, titles=None), ("user", "item")),
    Source(
        "inter",
        partial(sources.inter, **NAMED),
        ("item", "user", "rating", "time"),
        header="item_id:token\tuser_id:token\trating:float\ttimestamp:float",
    ),
    Source(
        "tags",
        partial(sources.user_taggedartists, titles=None),
        ("user", "item", "tag", "time"),
        header="userID\tartistID\ttagID\ttimestamp",
    ),
    Source("own csv", partial(sources.csv, **OWN), ("time", "user", "note", "item"), ";", "when;who;text;what", True),
    Source(
        "csv, no time",
        partial(sources.csv, **OWN | {"time": None, "separator": ","}),
        ("user", "item", "rating"),
        ",",
        "who,what,stars",
        True,
    ),
]

# Cells: what each source must take as it stands, and what it must refuse ----------------------------------------------

HUGE = "9" * 5000
ODD_IDS = ["0", "7", "10", "007", "-3", "-0", "1.0", "1e5", "1_0", "9" * 18, "9" * 19, str(2**63 - 1), str(2**63),
           "8" * 1000, "NA", "nan", "None", "'", "#", "\\N", "é", "\x85", "a\x0b", "\u2028x", "\xa0y"]  # fmt: skip
PLAIN = st.characters(exclude_categories=["Cs"], exclude_characters=' \t\r\n\v\f\0:,;"\ufeff')
IDS = st.sampled_from(ODD_IDS) | st.text(PLAIN, min_size=1, max_size=4)
TIMES = st.integers(-(2**63), 2**63 - 1).map(str) | st.integers(-3, 3).map(str)
ODD_TIMES = st.sampled_from(
    ["1e3", "-5.0", "0" * 5000 + "7", "-0", "+3", "9007199254740993", "9007199254740993.0", ".0"]
)
RATINGS = st.sampled_from(["0", "-2", "4.5", "3", "5"])

MISTIMED = ["", "nan", "NaN", "inf", "-Infinity", "1.0000000001", "1e-10", "noon", str(2**63), str(-(2**63) - 1), HUGE,
            "1_000", "0x10", "1e19", "1e999", "2020-02-30", "2020-1-1", "1/2/2020", "2020-01-01T25:00",
            "12:30", "True", "--1", "1e-999999999999", "9007199254740993.00000000005",
            "2020-01-01T10:00:00.0000000001"]  # fmt: skip
MISRATED = ["", "nan", "inf", "-inf", "1e999", "five", HUGE, "1_0", "True", "3 4", "0x1"]
REFUSED = {"user": ["", "x" * 1001, HUGE], "item": ["", "y" * 1001, HUGE], "time": MISTIMED, "rating": MISRATED}

NO_ID = ["null", '""', "7", "[]", '"\\u0000"', '"a\\u0000"', '"\\ud83d"', f'"{"x" * 1001}"', "NaN", HUGE, '"open', "x"]
NO_NUMBER = ["null", '""', '"5"', "NaN", "-Infinity", "1e999", "9" * 400, HUGE, "true", "[1]", '{"a": 1}', "[" * 10**5]
NO_REVIEW = {"user": NO_ID, "item": NO_ID, "rating": NO_NUMBER, "time": [*NO_NUMBER, "1.5", "1.0", str(2**63)]}


def rows_of(source: Source) -> st.SearchStrategy[list[Row]]:
    """One to six rows that the source must read."""
    if source.name == "reviews":
        ids, times = IDS.map(json.dumps), TIMES
    else:
        ids, times = IDS, TIMES | ODD_TIMES
    return st.lists(st.builds(Row, ids, ids, times, RATINGS), min_size=1, max_size=6)


def refused_by(source: Source, role: str) -> list[str]:
    """The cells that the source must refuse; a line of a user's cannot hold an empty one."""
    wrong = NO_REVIEW[role] if source.name == "reviews" else REFUSED[role]
    return [cell for cell in wrong if cell or source.name != "sequences"]


def refusal(source: Source, path: Path, longest: int = 400) -> str:
    """The one line with which a file is refused, without the hint that ids with a csv's separators earn."""
    try:
        data = source.read(path, min_rating=None)
    except InputError as error:
        said = str(error)
        assert said.startswith(str(path))
        assert "\n" not in said
        assert "\r" not in said
        assert len(said) < len(str(path)) + longest, "a long value is cut"
        return said.removeprefix(str(path)).partition(" (a csv with a header is read by")[0]
    raise AssertionError(f"{path.read_bytes()[:200]!r} was read as {len(data)} events")


def told(data: Interactions) -> list[Event]:
    """Interactions -> events, in the order of the file."""
    pairs = zip(data.user_ids[data.users], data.item_ids[data.items], data.times, strict=True)
    return [(str(user), str(item), int(time)) for user, item, time in pairs]
