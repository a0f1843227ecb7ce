"""The layouts that Amazon, HetRec, RecBole and SASRec publish: small files by hand, and what is wrong with bad ones."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrec_bench.data.interactions import Interactions
from attrec_bench.data.reviews import reviews_json
from attrec_bench.data.sequences import sequences
from attrec_bench.data.sources import amazon_ratings, inter, pairs, user_taggedartists
from attrec_bench.errors import InputError
from tests.test_sources import events, write

NAMES: dict[str, Any] = {"user": "user_id", "item": "item_id", "time": "timestamp", "rating": "rating"}


def read_ratings(path: Path, **changes: Any) -> Interactions:
    return amazon_ratings(path, **{"core": None, "titles": None, "min_rating": None} | changes)


def read_inter(path: Path, **changes: Any) -> Interactions:
    return inter(path, **NAMES | {"titles": None, "min_rating": None} | changes)


def plainly(read: Callable[..., Interactions]) -> Callable[[Path], Interactions]:
    return lambda path: read(path, titles=None, min_rating=None)


def review(**changes: Any) -> str:
    whole = {"reviewerID": "A2", "asin": "0001", "overall": 5.0, "unixReviewTime": 1393545600, "summary": "Good"}
    return json.dumps({key: value for key, value in (whole | changes).items() if value is not None})


# ratings_*.csv ------------------------------------------------------------------------------------------------------


def test_amazon_ratings(tmp_path: Path) -> None:
    path = write(tmp_path, "ratings_X.csv", "A1,0001,5.0,1369699200\nA2,0001,3.0,1355443200\nA1,B00,1.0,7\n")
    assert events(read_ratings(path)) == [("A1", "0001", 1369699200), ("A2", "0001", 1355443200), ("A1", "B00", 7)]
    assert len(read_ratings(path, min_rating=3)) == 2


def test_the_core_of_a_whole_category(tmp_path: Path) -> None:
    rows = [("a", "x", 5, 0), ("a", "y", 1, 1), ("b", "x", 5, 2), ("c", "z", 5, 3), ("b", "y", 5, 4)]
    path = write(tmp_path, "r.csv", "".join(f"{user},{item},{rating},{time}\n" for user, item, rating, time in rows))
    data = read_ratings(path, core=2)
    assert events(data) == [("a", "x", 0), ("a", "y", 1), ("b", "x", 2), ("b", "y", 4)]
    assert (data.removed, data.lost) == ({"core=2": 1}, {"core=2": (1, 1)})
    rated = read_ratings(path, core=2, min_rating=3)
    assert events(rated) == [("a", "x", 0), ("b", "x", 2), ("b", "y", 4)], "the core counts low ratings too"
    assert rated.removed == {"core=2": 1, "min_rating=3": 1}
    assert rated.lost == {"core=2": (1, 1), "min_rating=3": (0, 0)}
    with pytest.raises(InputError, match="core=3 leaves none of the 5 events"):
        read_ratings(path, core=3)


def test_bad_ratings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"r\.csv, line 2: expected 4 columns separated by ',', got 3"):
        read_ratings(write(tmp_path, "r.csv", "a,x,5,0\na,y,5\n"))
    with pytest.raises(InputError, match=r"r\.csv, line 1: time must be a number or an ISO 8601 date, got 'timestamp'"):
        read_ratings(write(tmp_path, "r.csv", "user,item,rating,timestamp\na,y,5,1\n"))


# reviews_*.json.gz --------------------------------------------------------------------------------------------------


def test_reviews(tmp_path: Path) -> None:
    lines = [
        review(),
        "",
        review(reviewerID="A1", overall=2, summary="a \u2028 line \x85 that goes on"),
        review(asin="B00", helpful=[2, 3], unixReviewTime=5),
    ]
    for name, ending in (("x.json.gz", "\n"), ("x.json", "\r\n")):
        text = ending.join(lines).encode()
        path = write(tmp_path, name, gzip.compress(text) if name.endswith("gz") else text)
        data = reviews_json(path, titles=None, min_rating=None)
        assert events(data) == [("A2", "0001", 1393545600), ("A1", "0001", 1393545600), ("A2", "B00", 5)]
    assert reviews_json(path, titles=None, min_rating=3).removed == {"min_rating=3": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'reviewerID': 'A'}", "not a JSON object: Expecting property name enclosed in double quotes"),
        ('{"reviewerID": "A"', "not a JSON object"),
        ('{"asin": "a", "asin": "b"}', 'not a JSON object: a key stands twice, got \'{"asin": "a"'),
        ("[1, 2]", "expected a JSON object, got '[1, 2]'"),
        (review(reviewerID=None), "reviewerID is missing"),
        (review(asin=""), "asin is missing"),
        (review(asin=7), "asin must be a text, got 7"),
        (review(overall=None), "overall is missing"),
        (review(overall="5"), "overall must be a number, got '5'"),
        (review(overall=True), "overall must be a number, got True"),
        (review(overall=float("nan")), "overall must be a number, got nan"),
        (review(unixReviewTime=None), "unixReviewTime is missing"),
        (review(unixReviewTime=1.5), "unixReviewTime must be a whole number of 64 bits, got 1.5"),
        (review(unixReviewTime=2**63), "unixReviewTime must be a whole number of 64 bits, got 9223372036854775808"),
    ],
)
def test_the_first_bad_review_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path, "x.json", review() + "\n\n" + line + "\n{}\n")
    with pytest.raises(InputError) as caught:
        reviews_json(path, titles=None, min_rating=None)
    assert str(caught.value).startswith(f"{path}, line 3: {message}")
    assert "\n" not in str(caught.value)


# user item item ... -------------------------------------------------------------------------------------------------


def test_a_line_is_a_user(tmp_path: Path) -> None:
    path = write(tmp_path, "x.txt", "10 7 9 7\n\n9\t8  7 \r\n")
    data = sequences(path, titles=None, min_rating=None)
    assert events(data) == [("10", "7", 0), ("10", "9", 1), ("10", "7", 2), ("9", "8", 0), ("9", "7", 1)]
    assert data.user_ids.tolist() == ["9", "10"], "numbers sort as numbers"


def test_bad_lines_of_users(tmp_path: Path) -> None:
    for text, message in [
        ("1 2\n3\n", "line 2: user '3' must be followed by at least one item"),
        ("1 2\n\n1 3\n", "line 3: user '1' must have one line, this is another"),
    ]:
        path = write(tmp_path, "x.txt", text)
        with pytest.raises(InputError) as caught:
            sequences(path, titles=None, min_rating=None)
        assert str(caught.value) == f"{path}, {message}"
    with pytest.raises(InputError, match=r"min_rating=3 needs ratings, .*x\.txt has none"):
        sequences(write(tmp_path, "x.txt", "1 2\n"), titles=None, min_rating=3)
    with pytest.raises(InputError, match="line 2: not UTF-8, got byte 0xe9"):
        sequences(write(tmp_path, "x.txt", b"1 2\n\xe9 2\n"), titles=None, min_rating=None)


ITEMS = st.lists(st.sampled_from(["1", "20", "3", "x", "é"]), min_size=1, max_size=5)


@given(st.dictionaries(st.sampled_from(["1", "2", "10", "u"]), ITEMS, min_size=1))
def test_sequences_come_back(tmp_path_factory: pytest.TempPathFactory, users: dict[str, list[str]]) -> None:
    path = tmp_path_factory.mktemp("sequences") / "x.txt"
    path.write_text("".join(f"{user} {' '.join(items)}\n" for user, items in users.items()), encoding="utf-8")
    data = sequences(path, titles=None, min_rating=None)
    expected = [(user, item, place) for user, items in users.items() for place, item in enumerate(items)]
    assert events(data) == expected


# user item ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [" ", "\t"])
def test_pairs_happen_in_the_order_of_the_file(tmp_path: Path, separator: str) -> None:
    path = write(tmp_path, "x.txt", "1 7\n2 7\n1 5\n".replace(" ", separator))
    assert events(plainly(pairs)(path)) == [("1", "7", 0), ("2", "7", 1), ("1", "5", 2)]
    path = write(tmp_path, "x.txt", "1 7\n2 7 5\n".replace(" ", separator))
    told = "tabs" if separator == "\t" else "' '"
    with pytest.raises(InputError, match=f"line 2: expected 2 columns separated by {told}, got 3"):
        plainly(pairs)(path)
    with pytest.raises(InputError, match=r"min_rating=2 needs ratings, .*x\.txt has none"):
        pairs(write(tmp_path, "x.txt", "1 7\n"), titles=None, min_rating=2)
    for header in ("user item", "User_ID\titem_id"):
        with pytest.raises(InputError, match="the first line must be a pair, got the names of columns"):
            pairs(write(tmp_path, "x.txt", f"{header}\n1 7\n"), titles=None, min_rating=None)
    ids = pairs(write(tmp_path, "x.txt", "user item7\nuser1 item\n"), titles=None, min_rating=None)
    assert ids.n_users == 2


def test_an_id_with_a_separator_of_csv_files_makes_no_csv(tmp_path: Path) -> None:
    def said(text: str) -> str:
        with pytest.raises(InputError) as caught:
            plainly(pairs)(write(tmp_path, "x.txt", text))
        return str(caught.value)

    assert "(a csv with a header is read by dataset=csv: " in said("user,item,time\n1,2,3\n")
    assert said("0 |\n1 2 3\n").endswith("line 2: expected 2 columns separated by ' ', got 3")


# .inter -------------------------------------------------------------------------------------------------------------

TYPED = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


def test_inter(tmp_path: Path) -> None:
    path = write(tmp_path, "x.inter", TYPED + "7\t10\t3\t100\n7\t9\t5\t9.0E1\n")
    assert events(read_inter(path)) == [("7", "10", 100), ("7", "9", 90)]
    assert len(read_inter(path, min_rating=4)) == 1
    assert read_inter(path, time=None).times.tolist() == [0, 1]
    other = write(tmp_path, "y.inter", "session:token\tpage:token\tat:float\ns\tp\t1\n")
    assert events(read_inter(other, user="session", item="page", time="at")) == [("s", "p", 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user\titem_id:token\n1\t2\n", "column 'user' must have a type, as in user:token"),
        ("user,item\n1,2\n", "(without types it is read by dataset=csv)"),
        (TYPED.replace("item_id:token", "item_id:token_seq"), "item must be of type token, got item_id:token_seq"),
        (TYPED.replace("timestamp:float", "timestamp:token"), "time must be of type float, got timestamp:token"),
        (TYPED.replace("user_id", "userid"), "no column 'user_id' for user; the columns are userid, item_id, rating"),
        (TYPED + "1\t2\t3\n", "expected 4 columns separated by tabs, got 3"),
        (TYPED + "1\t2\t3\t4:5\n", "time must be a number or an ISO 8601 date, got '4:5'"),
    ],
)
def test_bad_inter_files(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, "x.inter", text)
    with pytest.raises(InputError) as caught:
        read_inter(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


# user_taggedartists-timestamps.dat ----------------------------------------------------------------------------------


def test_tags_of_artists(tmp_path: Path) -> None:
    header = "userID\tartistID\ttagID\ttimestamp\n"
    path = write(tmp_path, "t.dat", header + "2\t52\t13\t1238536800000\r\n2\t52\t15\t1238536800000\r\n2\t7\t1\t-1\r\n")
    write(
        tmp_path, "artists.dat", "id\tname\turl\tpictureURL\n52\tMorcheeba\thttp://a\thttp://b\n7\tMarilyn::M\tx\ty\n"
    )
    data = user_taggedartists(path, titles="artists.dat", min_rating=None)
    assert events(data) == [("2", "52", 1238536800000), ("2", "52", 1238536800000), ("2", "7", -1)]
    assert data.titles is not None
    assert data.titles.tolist() == ["", "Marilyn::M", "Morcheeba"]
    with pytest.raises(InputError, match="min_rating=2 needs a rating column"):
        user_taggedartists(path, titles=None, min_rating=2)
    with pytest.raises(
        InputError, match="no column 'artistID' for item; the columns are userID, artist, tagID, timest"
    ):
        user_taggedartists(write(tmp_path, "t.dat", header.replace("artistID", "artist") + "1\t2\t3\t4\n"),
                           titles=None, min_rating=None)  # fmt: skip


@pytest.mark.parametrize("read", [read_ratings, read_inter, *map(plainly, (pairs, reviews_json, sequences))])
def test_no_layout_reads_an_empty_file(tmp_path: Path, read: Callable[[Path], Interactions]) -> None:
    with pytest.raises(InputError, match="is empty"):
        read(write(tmp_path, "x", "\n"))


def test_layouts_of_one_history_agree(tmp_path: Path) -> None:
    order = [("1", "7"), ("1", "9"), ("2", "7"), ("2", "8")]
    rated = "".join(f"{user},{item},5,{place}\n" for place, (user, item) in enumerate(order))
    objects = [review(reviewerID=user, asin=item, unixReviewTime=place) for place, (user, item) in enumerate(order)]
    read = [
        read_ratings(write(tmp_path, "a", rated)),
        read_inter(write(tmp_path, "b", TYPED + rated.replace(",", "\t"))),
        plainly(pairs)(write(tmp_path, "c", "".join(f"{user} {item}\n" for user, item in order))),
        plainly(reviews_json)(write(tmp_path, "d", "\n".join(objects))),
    ]
    assert len({data.sha256 for data in read}) == 1
    lines = plainly(sequences)(write(tmp_path, "e", "1 7 9\n2 7 8\n"))
    assert np.array_equal(lines.items, read[0].items)
