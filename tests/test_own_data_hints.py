"""What a newcomer's own file is refused for, with what to write or to say in its place."""

import re
import shlex
import zipfile
from pathlib import Path

import pytest

from attrec_bench.data_report import data_report
from tests.test_own_data import TEXTS, fact, refused

# Another layout -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["pairs", "sequences"])
@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_a_csv_in_place_of_another_layout_is_told_how_to_be_read(tmp_path: Path, layout: str, separator: str) -> None:
    file = tmp_path / "shop.csv"
    file.write_text(TEXTS["csv"].replace(",", separator))
    said = refused(layout, f"dataset.path={file}")
    hint = said.partition("(a csv with a header is read by ")[2].partition(":")[0]
    words = [word.removeprefix("dataset=") for word in shlex.split(hint)]
    assert words[0] == "csv"
    assert fact(data_report([*words, f"dataset.path={file}"]), "items") == "5"


def test_what_is_no_csv_gets_no_hint_of_one(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("ann a b\nann\n")
    for layout in ("pairs", "sequences"):
        assert "read by" not in refused(layout, f"dataset.path={file}")


@pytest.mark.parametrize("layout", ["pairs", "sequences"])
@pytest.mark.parametrize("separator", [" ", "\t"])
def test_another_layout_in_place_of_a_csv_is_named(tmp_path: Path, layout: str, separator: str) -> None:
    file = tmp_path / "mine.txt"
    file.write_text({"pairs": "7 3\n7 4\n9 4\n", "sequences": "7 3 4\n9 4\n"}[layout].replace(" ", separator))
    said = refused("csv", f"dataset.path={file}")
    assert f"by dataset={layout}" in said
    assert fact(data_report([layout, f"dataset.path={file}"]), "interactions").startswith("3 ")


def test_a_csv_without_a_header_is_told_to_get_one(tmp_path: Path) -> None:
    file, rows = tmp_path / "mine.csv", "7,3,2024-07-09\n7,4,2024-07-10\n"
    file.write_text(rows)
    said = refused("csv", f"dataset.path={file}")
    assert said.startswith(
        f"{file}, line 1: no column 'user_id' for user; the columns are 7, 3, 2024-07-09 (a line of v"
    )
    header = re.search(r"as (\S+) does", said)
    assert header is not None
    file.write_text(f"{header[1]}\n{rows}")
    assert fact(data_report(["csv", f"dataset.path={file}"]), "interactions").startswith("2 ")


# Cells and roles ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["csv", "inter"])
@pytest.mark.parametrize("roles", [("user", "item"), ("user", "time"), ("item", "rating")])
def test_one_column_for_two_roles(tmp_path: Path, layout: str, roles: tuple[str, str]) -> None:
    file, read = tmp_path / "mine", "" if layout == "csv" else "read."
    file.write_text(TEXTS[layout])
    given = [f"dataset.{read}{role}=mine" for role in roles]
    assert refused(layout, f"dataset.path={file}", *given).endswith(
        f"{roles[0]} and {roles[1]} must be two columns, got 'mine' for both"
    )


@pytest.mark.parametrize(
    ("cell", "said", "mended"),
    [
        ("4,5;1", "rating must be a number, got '4,5' (write 4.5, with a decimal point)", "4.5;1"),
        ("-0,25;1", "rating must be a number, got '-0,25' (write -0.25, with a decimal point)", "-0.25;1"),
        ("4,5,6;1", "rating must be a number, got '4,5,6'", ""),
        ("4;7,5", "date, got '7,5' (write 7.5, with a decimal point)", "4;7.5"),
        ("4;31.12.2023", "date, got '31.12.2023' (write 2023-12-31, with the year first)", "4;2023-12-31"),
        (
            "4;1.2.2023 08:15",
            "date, got '1.2.2023 08:15' (write 2023-02-01, with the year first)",
            "4;2023-02-01 08:15",
        ),
        ("4;12/31/2023", "date, got '12/31/2023' (write 2023-MM-DD, with the year first)", ""),
        ("4;31.12.20235", "date, got '31.12.20235'", ""),
    ],
)
def test_numbers_and_dates_of_other_countries_are_told_what_to_write(
    tmp_path: Path, cell: str, said: str, mended: str
) -> None:
    file, words = tmp_path / "shop.csv", ["dataset.separator=';'"]
    file.write_text(f"user_id;item_id;rating;timestamp\nann;a;{cell}\n")
    assert refused("csv", f"dataset.path={file}", *words).endswith(said)
    if mended:
        file.write_text(f"user_id;item_id;rating;timestamp\nann;a;{mended}\n")
        assert fact(data_report(["csv", f"dataset.path={file}", *words]), "interactions").startswith("1 ")


# Files of another kind ------------------------------------------------------------------------------------------------


def test_a_name_that_promises_gzip_or_a_spreadsheet(tmp_path: Path) -> None:
    file = tmp_path / "x.csv.gz"
    for content in (bytes(range(255, 0, -1)), b"\0\1\2", TEXTS["csv"].encode("utf-16")):
        file.write_bytes(content)
        said = refused("csv", f"dataset.path={file}")
        assert said == f"{file}: not a gzip file, whatever its name says: it must begin with bytes 1f 8b"
    file.write_text(TEXTS["csv"])
    assert fact(data_report(["csv", f"dataset.path={file}"]), "items") == "5", "a browser has unpacked it"
    book = tmp_path / "shop.xlsx"
    with zipfile.ZipFile(book, "w") as made:
        made.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    assert refused("csv", f"dataset.path={book}").startswith(f"{book}: a zip archive or a spreadsheet, not a text: ")


# Quotes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [3, 40_000], ids=["to the end", "more than a value may hold"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_the_line_is_named_on_which_a_quote_opens_that_is_not_closed(tmp_path: Path, rows: int, ending: str) -> None:
    before = 'user_id,item_id,timestamp,note\nann,a,1,"fine ""here"""\nann,b,2, "two\nlines, closed"\n'
    opened = 'ann,c,3,"open\n'
    for start, line in (("", 5), ('"ann\'s",c,3,"two\n', None)):
        text = before + start + opened + "ann,d,4,none\n" * rows
        (tmp_path / "x.csv").write_bytes(text.replace("\n", ending).encode())
        said = refused("csv", f"dataset.path={tmp_path / 'x.csv'}")
        if line is None:  # the second quote closes the first one
            assert said.startswith(f"{tmp_path / 'x.csv'}, line 5: not a csv row: ")
        else:
            assert said.endswith(
                f", line {line}: not a csv row: the quote that opens here must be closed, got 'ann,c,3,\"open'"
            )
