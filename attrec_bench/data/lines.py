"""Lines: the bytes of a file -> its numbered lines, or the values on them.

A line ends at LF, CRLF or CR and nowhere else: not where ``splitlines`` would also end it, which a title or an id may
hold. A line of nothing but blanks is no line. Numbers count from 1.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from csv import Error as CsvError
from csv import field_size_limit
from csv import reader as csv_reader
from io import StringIO
from pathlib import Path

from attrec_bench.errors import InputError, shown

FEW = 3
"""How many faulty lines are told after the first."""

_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
_END = re.compile("\r\n|\n|\r")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BLANKS = " \t\v\f\r\n"  # what bytes.strip takes away; str.strip would also take blanks that an id may hold


def decode(path: Path, data: bytes) -> str:
    """UTF-8 bytes -> text; InputError names the line of the first byte that is not, and a NUL is not either."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        where, got = f"{path}, line {_line_of(data, error.start)}", f"got byte 0x{data[error.start]:02x}"
        coding = "UTF-16" if data.startswith(_UTF16) else "WINDOWS-1252"
        convert = f"if it is {coding}: iconv -f {coding} -t UTF-8 FILE > NEW"
        raise InputError(f"{where}: not UTF-8, {got}; {convert}") from error
    no_nul(path, data)
    return text


def no_nul(path: Path, data: bytes) -> None:
    """Raise InputError, which names the line, for a NUL byte: numpy and pandas would silently end a text there."""
    place = data.find(b"\0")
    if place >= 0:
        where = f"{path}, line {_line_of(data, place)}"
        raise InputError(f"{where}: not UTF-8, got byte 0x00; if it is UTF-16: iconv -f UTF-16 -t UTF-8 FILE > NEW")


def lines(text: str) -> Iterator[tuple[int, str]]:
    """(Number, line without its end) of each line with anything on it."""
    for number, line in enumerate(_END.split(text), start=1):
        if line.strip(_BLANKS):
            yield number, line


def rows(path: Path, text: str, separator: str, *, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """(Number, values) of each line with anything on it; a value in quotes may run over several: the first counts.

    InputError for quotes that are not closed or not followed by a separator: what they swallow would be lost.
    """
    if not quoted:
        for number, line in lines(text):
            yield number, line.split(separator)
        return
    reader = csv_reader(StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    number = 1
    try:
        for row in reader:
            if len(row) > 1 or "".join(row).strip(_BLANKS):
                yield number, row
            number = reader.line_num + 1
    except CsvError as error:
        fault = str(error)
        if "field limit" in fault or "end of data" in fault:  # quotes that are not closed lead to the one or the other
            rest = _END.split(text, maxsplit=number - 1)[-1]
            fault, place = f"a value must have at most {field_size_limit():,} characters", _open_quote(rest, separator)
            if place is not None:
                fault, number = "the quote that opens here must be closed", number + len(_END.findall(rest[:place]))
        line = _END.split(text, maxsplit=number)[number - 1]
        raise InputError(f"{path}, line {number}: not a csv row: {fault}, got {shown(line)}") from error


def _open_quote(text: str, separator: str) -> int | None:
    """Where in the row at the beginning of ``text`` the quote stands that is not closed; None: a value is too long."""
    plain, place = re.compile(f"[^\r\n{re.escape(separator)}]*+"), 0
    while place < len(text):
        while text.startswith(" ", place):
            place += 1
        found = (_QUOTED if text.startswith('"', place) else plain).match(text, place)
        if found is None:
            return place
        if len(found[0]) > field_size_limit():
            return None
        place = found.end() + 1
    return None


class Faults:
    """The lines of a file that break a rule: all are looked for, so that they can be mended at once.

    ``with faults.of_a_line(): ...`` notes an InputError that begins with the line, and ``told`` raises what was noted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.noted: list[str] = []

    @contextmanager
    def of_a_line(self) -> Iterator[None]:
        """Note the fault of this line, if it has one, and go on after it."""
        try:
            yield
        except InputError as fault:
            self.noted.append(str(fault))

    def told(self) -> None:
        """Raise one InputError: the first fault, how many more lines are faulty, and the first few of these."""
        if not self.noted:
            return
        first, *more = self.noted
        if not more:
            raise InputError(first)
        few = "; ".join(each.removeprefix(f"{self.path}, ") for each in more[:FEW])
        rest = "; ..." if len(more) > FEW else ""
        raise InputError(f"{first}; {len(more):,} more faulty line{'s' * (len(more) > 1)}: {few}{rest}")


@contextmanager
def of_a_csv(data: bytes) -> Iterator[None]:
    """Add to an InputError, where the first line of ``data`` has several cells of one, how a csv is read."""
    try:
        yield
    except InputError as error:
        first = re.split(b"[\r\n]", data.lstrip(_BLANKS.encode()), maxsplit=1)[0]
        cells = {mark: first.split(mark.encode()) for mark in ",;|"}
        mark = next((mark for mark, found in cells.items() if len(found) > 1 and all(map(bytes.strip, found))), None)
        if mark is None:
            raise
        given = "" if mark == "," else f" \"dataset.separator='{mark}'\""
        columns = "dataset.user=, dataset.item= and dataset.time= name its columns"
        raise InputError(f"{error} (a csv with a header is read by dataset=csv{given}: {columns})") from error


def _line_of(data: bytes, place: int) -> int:
    """The number of the line on which this byte stands."""
    before = data[:place]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1
