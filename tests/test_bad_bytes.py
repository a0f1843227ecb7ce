"""Damaged bytes in every layout: encodings, ends of lines, flipped and missing bytes; and of titles."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attrec_bench.data.columns import Layout, _read_lines, read_columns
from attrec_bench.data.sources import udata
from attrec_bench.errors import InputError
from tests.layouts import SOURCES, Row, Source, refusal, rows_of, told
from tests.test_bad_input import BRIEF, each

BOM = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad") / "file"


HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "CR": lambda data: data.replace(b"\n", b"\r"),
    "mixed ends": lambda data: data.replace(b"\n", b"\r", 1).replace(b"\n", b"\r\n", 1),
    "no last end": lambda data: data.removesuffix(b"\n"),
    "blank lines": lambda data: data.replace(b"\n", b"\n\n \n"),
    "blank lines at the end": lambda data: data + b"\n\r\n \t\n\n",
    "BOM": lambda data: BOM + data,
    "two BOMs": lambda data: BOM + BOM + data,
    "gzip": gzip.compress,
    "gzip of two members": lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:]),
    "BOM, CRLF, gzip": lambda data: gzip.compress(BOM + data.replace(b"\n", b"\r\n")),
}


@each(SOURCES)
@settings(deadline=None, max_examples=15)
@given(data=st.data(), change=st.sampled_from(list(HARMLESS)))
def test_the_form_of_a_file_changes_nothing(file: Path, source: Source, data: st.DataObject, change: str) -> None:
    rows = data.draw(rows_of(source))
    file.write_bytes(HARMLESS[change]("".join(f"{line}\n" for line in source.lines(rows)).encode()))
    assert told(source.read(file, min_rating=None)) == source.events(rows)


@each([source for source in SOURCES if source.header is None])
@BRIEF
@given(data=st.data(), blank=st.sampled_from(["\n", "\r\n\n", "\r"]))
def test_blank_lines_at_the_beginning(file: Path, source: Source, data: st.DataObject, blank: str) -> None:
    rows = data.draw(rows_of(source))
    file.write_bytes((blank + "\n".join(source.lines(rows))).encode())
    assert told(source.read(file, min_rating=None)) == source.events(rows)


@each(SOURCES)
@BRIEF
@given(
    data=st.data(),
    wrong=st.sampled_from([b"\xe9", b"\0", b"\xff", b"\xed\xa0\x80"]),
    ends=st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_what_is_no_utf8_is_named(file: Path, source: Source, data: st.DataObject, wrong: bytes, ends: str) -> None:
    lines = source.lines(data.draw(rows_of(source)))
    place = data.draw(st.integers(0, len(lines) - 1))
    coded = [line.encode() for line in lines]
    column = data.draw(st.integers(0, len(lines[place])))
    coded[place] = lines[place][:column].encode() + wrong + lines[place][column:].encode()
    file.write_bytes(ends.encode().join(coded))
    assert refusal(source, file).startswith(f", line {place + 1}: not UTF-8, got byte 0x{wrong[0]:02x}")


@each(SOURCES)
@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings(file: Path, source: Source, coding: str) -> None:
    lines = source.lines([Row('"1"', '"é"'), Row('"2"', '"b"')] if source.name == "reviews" else [Row("1", "é")])
    file.write_bytes("\n".join(lines).encode(coding))
    assert "line 1: not UTF-8, got byte 0x" in refusal(source, file)


# Any bytes ------------------------------------------------------------------------------------------------------------


def read_or_refused(source: Source, file: Path) -> None:
    """Either one line says why the file is refused, or every line of it with anything on it came back."""
    try:
        read = source.read(file, min_rating=None)
    except InputError:
        refusal(source, file, longest=3000)
        return
    data = file.read_bytes()
    text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode().lstrip("\ufeff")
    assert len(read) == len(read.times) > 0
    assert [event[:2] for event in told(read)] == source.pairs(text)


@each(SOURCES)
@BRIEF
@given(content=st.binary(max_size=60) | st.text(st.sampled_from('12.,;: \t\n\r"{}e-'), max_size=40).map(str.encode))
def test_any_bytes(file: Path, source: Source, content: bytes) -> None:
    file.write_bytes(content)
    read_or_refused(source, file)
    if source.header is not None:
        file.write_bytes(source.header.encode() + b"\n" + content)
        read_or_refused(source, file)
    file.write_bytes(b"\x1f\x8b" + content)
    read_or_refused(source, file)


@each(SOURCES)
@settings(deadline=None, max_examples=20)
@given(data=st.data(), packed=st.booleans(), flips=st.lists(st.tuples(st.integers(0), st.integers(1, 255)), max_size=3))
def test_flipped_and_missing_bytes(
    file: Path, source: Source, data: st.DataObject, packed: bool, flips: list[tuple[int, int]]
) -> None:
    content = bytearray("".join(f"{line}\n" for line in source.lines(data.draw(rows_of(source)))).encode())
    if packed:
        content = bytearray(gzip.compress(bytes(content)))
    for place, mask in flips:
        content[place % len(content)] ^= mask
    file.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    read_or_refused(source, file)


CELLS = st.sampled_from(["1", "2", "10"]) | st.text(st.sampled_from("057a \t\"\n\r\v\f+-.e_é\xa0,:;#'"), max_size=3)
FORMS = [(",", True), ("\t", True), (";", True), (" ", True), (",", False), ("\t", False), ("::", False), (" ", False)]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=3),
    st.sampled_from(FORMS),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
@example([("1", "2", "3", "4"), ("007", "2", "3", "4")], ("\t", False), "\r")
@example([("1", "2", "3", "4"), (" 7", "2", "3", "4")], ("\t", False), "\n")
@example([(" 7", "2", "3", "4")], ("\t", False), "\n")
@example([("1", "7 ", "3", "4")], ("\t", False), "\n")
@example([("1", "\v7", "3", "4")], ("\t", False), "\n")
@example([("1", "7\f", "3", "4")], ("\t", False), "\n")
@example([("1", "\t7", "3", "4")], (",", True), "\n")
@example([("1", "\t7", "3", "4")], (" ", False), "\n")
@example([("1", '" 7"', "3", "4"), ("1", '"+7"', "3", "4")], (",", True), "\n")
@example([("1", "2", "3", "4"), ("\r", "1", "2", "3 4")], (" ", False), "\n")
@example([("9", "7123456789012345678", "3", "4")], ("::", False), "\n")
@example([("1", "2", "3", "9007199254740993"), ("1", "2", "3", "4.0")], ("\t", False), "\n")
def test_pandas_and_the_line_by_line_reader_agree(
    table: list[tuple[str, ...]], form: tuple[str, bool], end: str
) -> None:
    """Whatever pandas makes of a file, the reader that follows the rules line by line makes the same of it."""
    separator, quoted = form
    layout = Layout(separator, width=4, user=0, item=1, rating=2, time=3, header=False, quoted=quoted)
    data = "".join(separator.join(row) + end for row in table).encode()
    try:
        made = read_columns(Path("x"), data, layout)
    except InputError:
        return
    slow = _read_lines(Path("x"), data, layout)
    for name in ("users", "items", "times", "ratings"):
        one, other = getattr(made, name), getattr(slow, name)
        assert one.dtype.kind == other.dtype.kind, name
        assert one.tolist() == other.tolist(), name


# Titles ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "movies.csv",
            b'movieId,title\n9,"Heat\n10,B\n',
            ", line 2: not a csv row: the quote that opens here must be closed, got '9,\"Heat'",
        ),
        ("movies.csv", b'9,"Heat"!\n10,"B"\n', ", line 1: not a csv row: ',' expected after '\"', got '9,\"Heat\"!'"),
        (
            "movies.csv",
            b"9," + 200_000 * b"x",
            ", line 1: not a csv row: a value must have at most 131,072 characters, got '9,xx",
        ),
    ],
    ids=["open", "after the quote", "too long"],
)
def test_bad_titles_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / "u.data").write_text("1\t9\t3\t4\n")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        udata(tmp_path / "u.data", titles=name, min_rating=None)
    assert str(caught.value).startswith(f"{tmp_path / name}{message}")
    assert len(str(caught.value)) < len(str(tmp_path)) + 200


@pytest.mark.parametrize(("name", "separator"), [("movies.csv", ","), ("u.item", "|"), ("movies.dat", "::")])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_titles_whatever_ends_their_lines(tmp_path: Path, name: str, separator: str, end: str) -> None:
    (tmp_path / "u.data").write_text("1\t9\t3\t4\n1\t10\t3\t4\n")
    (tmp_path / name).write_bytes(f"9{separator}Heat{end}{end}10{separator}B{end}".encode())
    titles = udata(tmp_path / "u.data", titles=name, min_rating=None).titles
    assert titles is not None
    assert titles.tolist() == ["", "Heat", "B"]


@settings(deadline=None, max_examples=30)
@given(content=st.binary(max_size=40) | st.text(st.sampled_from('9,"|:\n\r x'), max_size=20).map(str.encode))
@pytest.mark.parametrize("name", ["movies.csv", "u.item", "movies.dat"])
def test_any_bytes_as_titles(file: Path, name: str, content: bytes) -> None:
    file.write_text("1\t9\t3\t4\n")
    (file.parent / name).write_bytes(content)
    try:
        read, said = udata(file, titles=name, min_rating=None), ""
    except InputError as error:
        read, said = None, str(error)
    named = tuple(
        f"{file.parent / name}{rest}" for rest in (", line ", ": not a whole gzip file: ", ": a zip archive ")
    )
    assert said.startswith(named) if read is None else read.n_items == 1
    assert "\n" not in said
