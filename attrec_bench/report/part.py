"""What a section of the report is made from, and what it gives: a Part, or a word on what would fill it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from attrec_bench.results.ledger import Ledger
from attrec_bench.results.tables import Table


@dataclass(frozen=True)
class Material:
    """One table, compared with its baseline, and what lies around it.

    ``key`` begins the ids of its elements, so that several tables can share a page; ``runs`` is the folder of the
    records; ``ledgers`` are those of the sweeps behind its rows, ``storage`` says where their studies lie; ``path`` is
    where the data lie now, if not where they lay.
    """

    table: Table
    key: str
    runs: Path
    ledgers: tuple[Ledger, ...] = ()
    storage: str | None = None
    path: str | None = None


@dataclass(frozen=True)
class Part:
    """A section: HTML under a title, or, where there is nothing to show, one line of text on what would fill it."""

    name: str
    title: str
    body: str = ""
    missing: str = ""


def paragraph(words: str) -> str:
    """Plain text -> a paragraph."""
    return f"<p>{escape(words)}</p>"


def element(tag: str, words: str, **attributes: object) -> str:
    """Plain text -> an element; an attribute of None is left out, and ``class_`` is ``class``."""
    return f"<{tag}{attributes_of(attributes)}>{escape(words)}</{tag}>"


def attributes_of(attributes: Mapping[str, object]) -> str:
    """{"class_": "x", "aria_label": "y"} -> ' class="x" aria-label="y"'."""
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    return "".join(f' {key}="{escape(str(value))}"' for key, value in pairs if value is not None)


def row_header(label: str) -> str:
    """A row's label -> its header cell, the settings after the model's name in small type: they can be many."""
    name, opening, settings = label.partition(" (")
    small = f" {element('small', f'({settings}')}" if opening else ""
    return f'<th scope="row">{escape(name)}{small}</th>'


def boxed_table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """Plain words -> a table in a box of its own, which scrolls; the first cell of a row is its header."""
    columns = "".join(element("th", name, scope="col") for name in head)
    lines = "\n".join(
        f"<tr>{row_header(first)}{''.join(element('td', cell) for cell in rest)}</tr>" for first, *rest in rows
    )
    return box(
        f"<table>{element('caption', caption)}\n<thead><tr>{columns}</tr></thead>\n<tbody>\n{lines}\n</tbody></table>",
        caption,
    )


def box(inner: str, label: str) -> str:
    """HTML -> a box that scrolls sideways by itself, with the keyboard too."""
    return f'<div class="wide" tabindex="0" role="region"{attributes_of({"aria_label": label})}>{inner}</div>'
