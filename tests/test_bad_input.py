"""Damaged rows in every layout: read for what they say, or refused in one line that names line, value and rule."""

import csv
import re
from io import StringIO
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from attrec_bench.configuration import conf_folder
from attrec_bench.data.describe import describe
from attrec_bench.data.filters import Filters, filtered
from attrec_bench.data.interactions import Interactions
from attrec_bench.errors import InputError
from tests.layouts import KEYS, PLAIN, RATINGS, SOURCES, TIMES, Row, Source, refusal, refused_by, rows_of, told

RATED = [source for source in SOURCES if "rating" in source.roles()]
SEPARATED = [source for source in SOURCES if source.name not in ("reviews", "sequences")]
HEADED = [source for source in SOURCES if source.header is not None]
BRIEF = settings(deadline=None, max_examples=12)


def each(sources: list[Source]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("source", sources, ids=[source.name for source in sources])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad") / "file"


def described(data: Interactions, fact: str) -> str:
    """What the reader of ``attrec-bench data`` is told of this fact."""
    (line,) = [line for line in describe(data).splitlines() if line.startswith(f"{fact} ")]
    return line.removeprefix(fact).strip()


def stored(file: Path, lines: list[str]) -> Path:
    file.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return file


@pytest.mark.parametrize(
    ("source", "role"), [pytest.param(s, role, id=f"{s.name} {role}") for s in SOURCES for role in s.roles()]
)
@settings(deadline=None, max_examples=2)
@given(data=st.data())
def test_every_bad_cell_is_named(file: Path, source: Source, role: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(source))
    place = data.draw(st.integers(0, len(rows) - 1))
    for bad in refused_by(source, role):
        rows[place] = rows[place]._replace(**{role: bad})
        said = refusal(source, stored(file, source.lines(rows)))
        assert said.startswith(f", line {source.line_of(rows, place)}: ")
        if bad in ("", '""', "null"):
            assert "is missing" in said
        elif source.name == "reviews":
            assert f"{KEYS[role]} must" in said or "not a JSON object" in said
        else:
            assert f"{role} must" in said
            assert f"got {bad[:20]!r}"[:-1] in said, "the value, or its beginning"


@each(SOURCES)
@BRIEF
@given(data=st.data())
def test_good_rows_come_back(file: Path, source: Source, data: st.DataObject) -> None:
    rows = data.draw(rows_of(source))
    read = source.read(stored(file, source.lines(rows)), min_rating=None)
    assert told(read) == source.events(rows)
    assert read.removed == {}
    for ids in (read.user_ids.tolist(), read.item_ids.tolist()[1:]):
        numbers = all(name.isascii() and name.removeprefix("-").isdigit() and str(int(name)) == name for name in ids)
        numbers &= all(-(2**63) <= int(name) < 2**63 for name in ids if numbers)
        assert ids == sorted(ids, key=int if numbers else None), "numbers sort as numbers and text as text"


@each(SOURCES)
@BRIEF
@given(data=st.data())
def test_what_is_repeated_is_kept_and_what_is_left_out_is_counted(
    file: Path, source: Source, data: st.DataObject
) -> None:
    once = data.draw(rows_of(source))
    rows = once + data.draw(st.lists(st.sampled_from(once), max_size=5))
    read = source.read(stored(file, source.lines(rows)), min_rating=None)
    events = source.events(rows)
    assert sorted(told(read)) == sorted(events)
    pairs = {event[:2] for event in events}
    assert described(read, "repeated (user, item) pairs") == str(len(events) - len(pairs))
    first = filtered(read, Filters("first", None, None, None))
    assert first.removed == {"duplicates=first": len(events) - len(pairs)}
    assert {event[:2] for event in told(first)} == pairs
    assert described(first, "left out by duplicates=first").startswith(
        f"{len(events) - len(pairs)} interactions: all but"
    )
    exact = filtered(read, Filters("exact", None, None, None))
    assert exact.removed == {"duplicates=exact": len(events) - len(set(events))}
    assert told(exact) == list(dict.fromkeys(events)), "the first in the file, in its order"
    assert described(exact, "left out by duplicates=exact").startswith(
        f"{len(events) - len(set(events))} interactions: cop"
    )


@each(RATED)
@BRIEF
@given(data=st.data())
def test_low_ratings_are_counted(file: Path, source: Source, data: st.DataObject) -> None:
    rows = data.draw(rows_of(source))
    stored(file, source.lines(rows))
    kept = [event for event, row in zip(source.events(rows), rows, strict=True) if float(row.rating) >= 3]
    if not kept:
        with pytest.raises(InputError, match="no event has min_rating=3"):
            source.read(file, min_rating=3)
        return
    read = source.read(file, min_rating=3)
    assert [event[:2] for event in told(read)] == [event[:2] for event in kept]
    assert read.removed == {"min_rating=3": len(rows) - len(kept)}
    users, items = (len({event[at] for event in source.events(rows)} - {event[at] for event in kept}) for at in (0, 1))
    assert read.lost == {"min_rating=3": (users, items)}
    words = [f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in ((users, "user"), (items, "item")) if n]
    assert described(read, "left out by min_rating=3") == " and with them ".join(
        [f"{len(rows) - len(kept)} interactions", *filter(None, [" and ".join(words)])]
    )


# Lines ----------------------------------------------------------------------------------------------------------------


@each(SEPARATED)
@BRIEF
@given(data=st.data())
def test_a_line_with_too_few_or_too_many_columns(file: Path, source: Source, data: st.DataObject) -> None:
    rows = data.draw(rows_of(source))
    place, more = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(1, 3))
    lines, number = source.lines(rows), source.line_of(rows, place)
    if data.draw(st.booleans()):
        lines[number - 1], got = lines[number - 1].split(source.separator)[0], 1
    else:
        lines[number - 1], got = lines[number - 1] + more * f"{source.separator}1", len(source.columns) + more
    named = "tabs" if source.separator == "\t" else repr(source.separator)
    if source.name == "pairs, tabs" and number == 1 and got == 1:
        named = "' '"  # no tab tells what separates
    said = refusal(source, stored(file, lines), longest=600)
    first, *others = re.split(r"; \d+ more faulty line", said, maxsplit=1)
    assert first == f", line {number}: expected {len(source.columns)} columns separated by {named}, got {got}"
    assert not others or named == "' '", "the other lines are as they were"


@each(SOURCES)
def test_nothing_but_a_header_or_blank_lines(file: Path, source: Source) -> None:
    for text in ("", "\n", " \n\t\r\n\r"):
        file.write_text(text, newline="")
        assert refusal(source, file) == " is empty"
    if source.header is not None:
        assert refusal(source, stored(file, [source.header, "", " "])) == " has a header but no events"


@each(HEADED)
def test_bad_headers(file: Path, source: Source) -> None:
    assert source.header is not None
    row, names = source.lines([Row("1", "2")])[1], source.header.split(source.separator)
    user = names[source.columns.index("user")]
    bare = user.removesuffix(":token")
    twice = source.separator.join([*names, user])
    said = refusal(source, stored(file, [twice, row]))
    assert said.startswith(f", line 1: column '{bare}' must stand once in the header, got ")
    lacking = source.header.replace(user, f"{user[0]}\x1b[31m{user[1:]}")
    said = refusal(source, stored(file, [lacking, row]))
    assert said.startswith(f", line 1: no column '{bare}' for user; the columns are ")
    assert "\x1b" not in said, "a terminal would obey it"
    many = source.separator.join(f"{'c' * 90}{number}:float" for number in range(3000))
    assert " and 2,970 more" in refusal(source, stored(file, [many, row]), longest=3000)
    assert refusal(source, stored(file, ["", source.header, row])).startswith(
        ", line 1: a header must name the columns"
    )


NAMES = st.text(PLAIN, min_size=1, max_size=3)


@BRIEF
@given(users=st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=4), data=st.data())
def test_a_user_without_items_and_one_on_two_lines(
    file: Path, users: dict[str, list[str]], data: st.DataObject
) -> None:
    lines = [" ".join([user, *items]) for user, items in users.items()]
    source = next(source for source in SOURCES if source.name == "sequences")
    place = data.draw(st.integers(0, len(lines)))
    said = refusal(source, stored(file, [*lines[:place], "lonely ", *lines[place:]]))
    assert said == f", line {place + 1}: user 'lonely' must be followed by at least one item"
    again = data.draw(st.sampled_from(list(users)))
    said = refusal(source, stored(file, [*lines, f"{again} 5"]))
    assert said == f", line {len(lines) + 1}: user {again!r} must have one line, this is another"


# Quotes ---------------------------------------------------------------------------------------------------------------

QUOTED = [source for source in SOURCES if source.quoted and "note" not in source.name]
ANYTHING = st.text(st.sampled_from("ab7 ,;\"\n\r\t'é\\"), min_size=1, max_size=5)
ONE_LINE = ANYTHING.filter(lambda text: not {"\n", "\r"} & set(text.strip()))
"""An id over several lines is what two stray quotes make of the rows between them, and is refused."""


def in_quotes(source: Source, rows: list[Row], note: str) -> str:
    """The file as Python's csv module writes it, every value in quotes."""
    made = StringIO(newline="")
    writer = csv.writer(made, delimiter=source.separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
    assert source.header is not None
    writer.writerow(source.header.split(source.separator))
    writer.writerows([row._asdict().get(column, note) for column in source.columns] for row in rows)
    return made.getvalue()


@each(QUOTED)
@settings(deadline=None, max_examples=20)
@given(rows=st.lists(st.builds(Row, ONE_LINE, ONE_LINE, TIMES, RATINGS), min_size=1, max_size=4), note=ANYTHING)
def test_values_in_quotes_hold_anything(file: Path, source: Source, rows: list[Row], note: str) -> None:
    text = in_quotes(source, rows, note)
    file.write_bytes(text.encode())
    assert told(source.read(file, min_rating=None)) == source.events(rows)
    broken = rows[0]._replace(**{source.roles()[-1]: "", "rating": "x" if "rating" in source.columns else "3"})
    file.write_bytes((text + in_quotes(source, [broken], note).partition("\n")[2]).encode())
    line = len(StringIO(text.replace("\r\n", "\n").replace("\r", "\n")).readlines()) + 1
    assert refusal(source, file).startswith(f", line {line}: "), "the line on which the bad row begins"


@each(QUOTED)
@BRIEF
@given(data=st.data())
def test_a_stray_quote_swallows_no_row(file: Path, source: Source, data: st.DataObject) -> None:
    """Python's and pandas' readers would both take the first of these files for one long value and go on."""
    plain = [Row(f"u{at}", f"i{at}") for at in range(data.draw(st.integers(2, 5)))]
    place = data.draw(st.integers(0, len(plain) - 2))
    rows = list(plain)
    rows[place] = rows[place]._replace(item='"open')
    if data.draw(st.booleans()):
        rows[place + 1] = rows[place + 1]._replace(item='"again')
    said = refusal(source, stored(file, source.lines(rows)))
    line = source.lines(rows)[place + 1]
    assert said.startswith(f", line {place + 2}: not a csv row: ")
    assert said.endswith(f"got {line!r}")


def test_every_reader_of_a_data_set_is_in_the_table() -> None:
    named = {
        layout["read"]["_target_"].rpartition(".")[2]
        for config in map(yaml.safe_load, map(Path.read_text, (conf_folder() / "dataset").glob("*.yaml")))
        for layout in config.get("layouts", [config] if "read" in config else [])
    }
    assert named | {"csv"} == {source.read.func.__name__ for source in SOURCES}
