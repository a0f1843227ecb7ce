import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrec_bench.data import columns, sources
from attrec_bench.data.interactions import Interactions
from attrec_bench.errors import InputError

UDATA = "7\t10\t3\t100\n7\t9\t5\t90\n12\t10\t1\t100\n"


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_csv(path: Path, **changes: str | float | None) -> Interactions:
    keywords: dict[str, str | float | None] = {
        "user": "user_id",
        "item": "item_id",
        "time": "timestamp",
        "rating": "rating",
        "separator": ",",
        "titles": None,
        "min_rating": None,
    }
    return sources.csv(path, **(keywords | changes))  # type: ignore[arg-type]


def events(data: Interactions) -> list[tuple[str, str, int]]:
    pairs = zip(data.user_ids[data.users], data.item_ids[data.items], data.times, strict=True)
    return [(str(user), str(item), int(time)) for user, item, time in pairs]


EXPECTED = [("7", "10", 100), ("7", "9", 90), ("12", "10", 100)]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_layouts_agree_in_file_order(tmp_path: Path, ending: str, mark: bytes, compress: type[bytes]) -> None:
    def store(name: str, text: str) -> Path:
        return write(tmp_path, name, compress(mark + text.replace("\n", ending).encode()))

    read = [
        sources.udata(store("u.data", UDATA), titles=None, min_rating=None),
        sources.ratings_dat(store("r.dat", UDATA.replace("\t", "::")), titles=None, min_rating=None),
        read_csv(store("x.csv", "user_id,item_id,rating,timestamp\n" + UDATA.replace("\t", ","))),
        read_csv(store("y", "item;timestamp;note;user\n10;100;a;7\n9;90;b;7\n10;100;;12\n"),
                 user="user", item="item", separator=";"),
    ]  # fmt: skip
    assert [events(data) for data in read] == [EXPECTED] * 4
    assert read[0].item_ids.tolist() == ["", "9", "10"]
    assert read[0].user_ids.tolist() == ["7", "12"]


def test_text_ids_keep_every_character(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", 'user_id,item_id,timestamp\n"Å, b",NA,1\n007,7,2\n7,nan,3\n')
    assert events(read_csv(path)) == [("Å, b", "NA", 1), ("007", "7", 2), ("7", "nan", 3)]


def test_without_a_time_the_position_is_the_time(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "user_id,item_id\n1,5\n2,5\n1,4\n")
    assert events(read_csv(path, time=None)) == [("1", "5", 0), ("2", "5", 1), ("1", "4", 2)]


def test_whole_floats_are_times(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "user_id,item_id,timestamp\n1,5,9.0\n1,6,1e3\n1,7,-3\n")
    assert read_csv(path).times.tolist() == [9, 1000, -3]


def test_min_rating_leaves_out_lower_rows_and_their_ids(tmp_path: Path) -> None:
    path = write(tmp_path, "u.data", UDATA)
    assert events(sources.udata(path, titles=None, min_rating=3)) == EXPECTED[:2]
    with pytest.raises(InputError, match="no event has min_rating=6, the largest rating is 5"):
        sources.udata(path, titles=None, min_rating=6)
    with pytest.raises(InputError, match="min_rating must be a number or null, got 'high'"):
        sources.udata(path, titles=None, min_rating="high")  # type: ignore[arg-type]


def test_min_rating_needs_ratings(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "user_id,item_id,timestamp\n1,5,9\n")
    with pytest.raises(InputError, match=r"\(dataset.rating is 'rating'\), .* only user_id, item_id, timestamp$"):
        read_csv(path, min_rating=3)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("u.item", "9|Été (1995)|x\n10|B|y\n".encode("iso-8859-1")),
        ("movies.dat", "9::Été (1995)::Drama\n10::B::Comedy\n".encode("iso-8859-1")),
        ("movies.csv", "movieId,title\n9,Été (1995)\n10,B\n".encode()),
    ],
)
def test_titles_lie_next_to_the_data(tmp_path: Path, name: str, content: bytes) -> None:
    path = write(tmp_path, "u.data", UDATA)
    assert sources.udata(path, titles=name, min_rating=None).titles is None
    write(tmp_path, name, content)
    titles = sources.udata(path, titles=name, min_rating=None).titles
    assert titles is not None
    assert titles.tolist() == ["", "Été (1995)", "B"]


@pytest.mark.parametrize(("name", "separator"), [("u.item", "|"), ("movies.dat", "::")])
def test_a_line_of_titles_ends_where_a_line_ends_and_nowhere_else(tmp_path: Path, name: str, separator: str) -> None:
    path = write(tmp_path, "u.data", UDATA)
    rows = [("9", "Wait\x85 for \x1c it \x0b\x0cÉ"), ("10", "B")]
    for ending, coding in (("\n", "iso-8859-1"), ("\r\n", "iso-8859-1"), ("\n", "utf-8")):
        write(tmp_path, name, "".join(separator.join(row) + ending for row in rows).encode(coding))
        titles = sources.udata(path, titles=name, min_rating=None).titles
        assert titles is not None
        assert titles.tolist() == ["", rows[0][1], "B"]


HEADER = "user_id,item_id,rating,timestamp\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,5,abc,9", "rating must be a number, got 'abc'"),
        ("1,5,nan,9", "rating must be a number, got 'nan'"),
        ("1,5,inf,9", "rating must be a number, got 'inf'"),
        ("1,5,1_0,9", "rating must be a number, got '1_0'"),
        ("1,5,True,9", "rating must be a number, got 'True'"),
        ("1,5,,9", "rating is missing"),
        (",5,3,9", "user is missing"),
        ("1,,3,9", "item is missing"),
        ("1,5,3,", "time is missing"),
        ("1,5,3,9.1234567891", "time must have at most 9 decimals, got '9.1234567891'"),
        ("1,5,3,noon", "time must be a number or an ISO 8601 date, got 'noon'"),
        ("1,5,3,99999999999999999999", "time must be a number of 64 bits, got '99999999999999999999'"),
        ("1,5,3", "expected 4 columns separated by ',', got 3"),
        ("1,5,3,9,7", "expected 4 columns separated by ',', got 5"),
    ],
)
@pytest.mark.parametrize("before", ["", "1,4,3,8\n", "1,4,3,8\n\n2,4,2.5,8\n"])
def test_bad_lines_are_named(tmp_path: Path, row: str, message: str, before: str) -> None:
    path, line = tmp_path / "x.csv", 2 + before.count("\n")
    for after, more in [
        ("3,3,4,3\n", ""),
        ("3,3,4,3\n3,3,x,3\n", f"; 1 more faulty line: line {line + 2}: rating must be a number, got 'x'"),
    ]:
        path.write_text(f"{HEADER}{before}{row}\n{after}")
        with pytest.raises(InputError) as caught:
            read_csv(path)
        assert str(caught.value) == f"{path}, line {line}: {message}{more}"


def test_of_many_bad_lines_the_first_few_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", HEADER + "1,5,3,9\n" + ",5,3,9\n1,5,3\n" + "1,,3,9\n" * 1500)
    with pytest.raises(InputError) as caught:
        read_csv(path)
    assert str(caught.value) == (
        f"{path}, line 3: user is missing; 1,501 more faulty lines: line 4: expected 4 columns separated by ',', "
        "got 3; line 5: item is missing; line 6: item is missing; ..."
    )


def test_bad_lines_of_the_headerless_layouts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: expected 4 columns separated by tabs, got 3"):
        sources.udata(write(tmp_path, "u.data", "1\t2\t3\t4\n1\t2\t3\n"), titles=None, min_rating=None)
    with pytest.raises(InputError, match="line 1: expected 4 columns separated by '::', got 1"):
        sources.ratings_dat(write(tmp_path, "r.dat", "1\t2\t3\t4\n"), titles=None, min_rating=None)
    with pytest.raises(InputError, match="line 3: rating must be a number, got 'x'"):
        sources.ratings_dat(write(tmp_path, "r.dat", "1::2::3::4\n\n1::2::x::4\n"), titles=None, min_rating=None)


def test_not_utf8(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", HEADER.encode() + b"1,4,3,8\n1,\xe9,3,8\n")
    with pytest.raises(InputError, match="line 3: not UTF-8, got byte 0xe9"):
        read_csv(path)
    with pytest.raises(InputError, match="line 1: not UTF-8, got byte 0xe9"):
        read_csv(write(tmp_path, "y.csv", b"us\xe9r,item\n1,2\n"))


@pytest.mark.parametrize("content", ["", " \n\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_empty_files(tmp_path: Path, content: str | bytes) -> None:
    path = write(tmp_path, "x", content)
    with pytest.raises(InputError, match="is empty"):
        sources.udata(path, titles=None, min_rating=None)
    with pytest.raises(InputError, match="is empty"):
        read_csv(path)


def test_header_faults(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a header but no events"):
        read_csv(write(tmp_path, "x.csv", HEADER))
    path = write(tmp_path, "y.csv", "user,item_id,timestamp\n1,2,3\n")
    with pytest.raises(InputError) as caught:
        read_csv(path)
    assert str(caught.value) == (
        f"{path}, line 1: no column 'user_id' for user; the columns are user, item_id, timestamp "
        "(did you mean user=user?)"
    )
    with pytest.raises(InputError, match="column 'user_id' must stand once"):
        read_csv(write(tmp_path, "z.csv", "user_id,user_id,item_id,timestamp\n1,1,2,3\n"))
    for name, value, rule in [
        ("separator", "::", "separator must be a single character, got '::'"),
        ("user", None, "user must be the name of a column, got None"),
        ("time", 3.0, "time must be the name of a column or null, got 3.0"),
    ]:
        with pytest.raises(InputError) as caught:
            read_csv(path, **{name: value})
        assert str(caught.value) == rule


def test_a_tab_as_a_shell_writes_it(tmp_path: Path) -> None:
    assert len(read_csv(write(tmp_path, "x", "user_id\titem_id\ttimestamp\n1\t2\t3\n"), separator=r"\t")) == 1


def test_missing_file_and_broken_gzip(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a file that exists, got '/nowhere'"):
        sources.udata("/nowhere", titles=None, min_rating=None)
    whole = gzip.compress(UDATA.encode())
    for content in (whole[:-9], whole[:12], b"\x1f\x8bnot really"):
        with pytest.raises(InputError, match="not a whole gzip file"):
            sources.udata(write(tmp_path, "u.gz", content), titles=None, min_rating=None)


VALUES = st.sampled_from(["0", "7", "10", "-3", "007", "1.0", "a", "NA", "é", "123456789012345678901", "True", "b c"])
NUMBERS = st.sampled_from(["0", "1", "4.5", "-2", "1e3", "3.", ".5"])
ROWS = st.lists(st.tuples(VALUES, VALUES, NUMBERS, st.integers(-(2**62), 2**62)), min_size=1, max_size=8)


@given(ROWS, st.sampled_from([(",", True), ("\t", False), ("::", False)]))
def test_both_readers_agree(rows: list[tuple[str, str, str, int]], form: tuple[str, bool]) -> None:
    separator, quoted = form
    layout = columns.Layout(separator, width=4, user=0, item=1, rating=2, time=3, header=False, quoted=quoted)
    data = "".join(separator.join(map(str, row)) + "\n" for row in rows).encode()
    fast, slow = columns._read_fast(data, layout), columns._read_lines(Path("x"), data, layout)
    assert fast is not None
    for name in ("users", "items", "times", "ratings"):
        one, other = getattr(fast, name), getattr(slow, name)
        assert one.dtype.kind == other.dtype.kind
        assert np.array_equal(one, other)
    assert slow.users.astype(str).tolist() == [row[0] for row in rows]


@pytest.mark.parametrize("role", ["user", "item"])
def test_two_stray_quotes_make_no_id_of_the_lines_between(role: str, tmp_path: Path) -> None:
    """One before an id and one after another, lines later: valid csv, in which events have gone missing."""
    rows = [["a", "x", "1"], ["b", "y", "2"], ["c", "z", "3"], ["d", "x", "4"]]
    column = ("user", "item").index(role)
    rows[1][column] = '"' + rows[1][column]
    rows[2][column] += '"'
    file = tmp_path / "stray.csv"
    file.write_text("\n".join(["user,item,time", *map(",".join, rows)]) + "\n")
    with pytest.raises(InputError, match=f"stray.csv, line 3: {role} must stand on one line, got .*; a quote may be"):
        read_csv(file, user="user", item="item", time="time", rating=None)
