"""The report in a real browser: sorting, opening a value's runs, keyboard, phone, light and dark, no complaint."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import BINARY, Page, browser
from tests.reports import field_of_models, ledger_of, page_of

pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no chromium on this machine: the page is not tried in a browser"
)

ROWS = "[...document.querySelectorAll('.sortable tbody')].map(b => [...b.rows].map(r => r.cells[COLUMN].textContent))"
CONTRAST = """
(() => {
  const light = color => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2];
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const ratio = color => { const own = light(color);
    return (Math.max(own, paper) + .05) / (Math.min(own, paper) + .05); };
  return [...document.querySelectorAll('p, td, th, a, summary, figcaption, caption, li')]
    .filter(e => !e.closest('.chosen')).map(e => ratio(getComputedStyle(e).color));
})()
"""
"""Contrast of every text with the page, as WCAG 2.2 defines it."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    records = field_of_models()
    made = folder / "report.html"
    made.write_text(page_of(records, folder, ledgers=[ledger_of(records)]), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, file: Path) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        tab.size(1280, 900)
        tab.open(file)
        yield tab
        assert tab.complaints() == []
        assert set(tab.requested()) == {file.resolve().as_uri()}


@pytest.fixture
def fresh(page: Page, file: Path) -> Page:
    page.size(1280, 900)
    page.open(file)
    return page


def rows(page: Page, column: int) -> list[list[str]]:
    found: list[list[str]] = page.value(ROWS.replace("COLUMN", str(column)))
    return found


def click(page: Page, selector: str, place: int = 0) -> None:
    page.value(f"document.querySelectorAll({selector!r})[{place}].click()")


def sorts(page: Page) -> list[str]:
    found: list[str] = page.value(
        "[...document.querySelectorAll('.sortable thead th')].map(h => h.getAttribute('aria-sort'))"
    )
    return found


def number(shown: str) -> float:
    return float(shown.split(maxsplit=1)[0].rstrip("†‡↓"))


def test_a_header_sorts_high_to_low_and_then_low_to_high_within_the_blocks(fresh: Page) -> None:
    before = rows(fresh, 2)
    click(fresh, ".sortable thead button", 2)
    assert sorts(fresh) == ["none", "none", "descending", "none"]
    once = rows(fresh, 2)
    assert once == [
        block if kind == 3 else sorted(block, key=number, reverse=True) for kind, block in enumerate(before)
    ]
    click(fresh, ".sortable thead button", 2)
    assert sorts(fresh) == ["none", "none", "ascending", "none"]
    assert [list(map(number, block)) for block in rows(fresh, 2)[:3]] == [
        sorted(map(number, block)) for block in before[:3]
    ]
    click(fresh, ".sortable thead button", 0)
    assert sorts(fresh) == ["ascending", "none", "none", "none"]
    assert rows(fresh, 0)[1] == sorted(rows(fresh, 0)[1])


def test_a_column_of_words_and_blanks_sorts_by_its_numbers(fresh: Page) -> None:
    fresh.value(
        "[...document.querySelectorAll('.sortable tbody')[1].rows]"
        ".forEach((r, i) => r.cells[3].textContent = ['', '(0.4727)', '0.5', '-1', '1 x 3'][i])"
    )
    click(fresh, ".sortable thead button", 3)
    assert rows(fresh, 3)[1] == ["1 x 3", "0.5", "(0.4727)", "-1", ""]


def test_the_keyboard_reaches_the_headers_and_sorts(fresh: Page) -> None:
    label = "document.activeElement.textContent"
    for _ in range(30):
        fresh.press("Tab")
        if fresh.value(label) == "HR@10":
            break
    assert fresh.value(label) == "HR@10"
    assert float(fresh.value("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")) >= 2
    fresh.press("Enter", "\r")
    assert sorts(fresh)[1] == "descending"


def test_a_value_opens_its_runs_and_marks_its_column(fresh: Page) -> None:
    opened = "[...document.querySelectorAll('details.runs')].map(d => d.open)"
    assert not any(fresh.value(opened))
    link = "document.querySelectorAll('.sortable tbody tr')[2].cells[2].querySelector('a')"
    fresh.value(f"{link}.click()")
    target = fresh.value(f"{link}.hash")
    assert fresh.value("[...document.querySelectorAll('.runs[open] > summary')].map(s => '#' + s.id)") == [target]
    assert fresh.value("'#' + document.activeElement.id") == target
    marked = fresh.value("[...document.querySelectorAll('.chosen')].map(c => c.dataset.column)")
    assert marked == ["1", "1"]
    assert fresh.value("'#' + document.querySelector('.chosen').closest('.runs').querySelector('summary').id") == target


def test_a_name_in_the_legend_brings_out_its_line(fresh: Page) -> None:
    charts = "document.querySelector('#t0-hits .charts')"
    faint = f"[...{charts}.querySelectorAll('.series')].map(s => s.classList.contains('faint'))"
    count = len(fresh.value(faint))
    click(fresh, "#t0-hits .legend button", 1)
    assert fresh.value(faint) == [place != 1 for place in range(count)]
    assert fresh.value(f"{charts}.querySelectorAll('[aria-pressed=true]').length") == 1
    click(fresh, "#t0-hits .legend button", 1)
    assert fresh.value(faint) == [False] * count


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_in_light_and_in_dark(fresh: Page, dark: bool) -> None:
    fresh.size(1280, 900, dark)
    red = int(fresh.value("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0]"))
    assert (red < 64) == dark
    contrasts: list[Any] = fresh.value(CONTRAST)
    assert len(contrasts) > 100
    assert min(contrasts) >= 4.5


def test_a_phone_scrolls_the_tables_and_not_the_page(fresh: Page) -> None:
    fresh.size(390, 844)
    click(fresh, ".sortable tbody a")
    assert fresh.value("document.documentElement.scrollWidth") == 390
    scrolling = fresh.value("[...document.querySelectorAll('.wide')].filter(b => b.scrollWidth > b.clientWidth).length")
    assert scrolling > 0
    wide = fresh.value(
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.wide, svg, pre'))"
        ".filter(e => e.getBoundingClientRect().right > 391).map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []


def test_without_script_a_value_still_leads_to_its_runs(tmp_path: Path, file: Path) -> None:
    plain = tmp_path / "plain.html"
    text = file.read_text(encoding="utf-8")
    plain.write_text(text[: text.index("<script>")] + text[text.index("</script>") + len("</script>") :])
    with browser(tmp_path / "profile") as tab:
        tab.open(plain)
        tab.value("document.querySelector('.sortable tbody a').click()")
        assert tab.value("document.activeElement.outerHTML") == '<summary id="t0-runs-0">popularity</summary>'
        assert tab.complaints() == []
