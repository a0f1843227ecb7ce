"""Hand-made reports for tests, and an HTML reader that knows only the standard library."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from attrec_bench.report.page import page
from attrec_bench.report.part import Material
from attrec_bench.results.against import compared
from attrec_bench.results.ledger import Ledger
from attrec_bench.results.record import Record
from attrec_bench.results.tables import Table, tables
from tests.records import TRAIN, make_record

METRICS = ("HR@10", "MRR")
VOID = ("meta", "br", "hr", "img", "input", "link")


@dataclass(eq=False)
class Element:
    """A tag with its attributes, the elements in it and the text of it all."""

    tag: str
    attributes: dict[str, str]
    inside: list["Element"] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str, css: str = "") -> list["Element"]:
        """Every element of this tag below, in the order of the page; with ``css``, of this class."""
        return [
            each
            for child in self.inside
            for each in ([child] if child.tag == tag else []) + child.all(tag)
            if not css or css in each.attributes.get("class", "").split()
        ]

    def everything(self) -> list["Element"]:
        return [each for child in self.inside for each in (child, *child.everything())]


class Reader(HTMLParser):
    """HTML -> Element; a tag that is not closed, or closed and not open, is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open = [Element("", {})]
        self.feed(text)
        self.close()
        assert len(self.open) == 1, f"<{self.open[-1].tag}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> where <{self.open[-1].tag}> is open"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for each in self.open:
            each.text += data


def read(text: str) -> Element:
    return Reader(text).open[0]


def field_of_models(ws: Sequence[float] = (0.2, 0.5, 0.8)) -> list[Record]:
    """Twenty users, two seeds: a floor, a ceiling, caser, bprmf, and attrec at several values of w."""

    def ranks(hits: int) -> list[float]:
        return [4.0] * hits + [40.0] * (20 - hits)

    records = [
        make_record("popularity", None, ranks=ranks(3), train=None),
        make_record("oracle", None, ranks=ranks(20), train=None),
    ]
    for seed in (0, 1):
        records += [
            make_record("bprmf", seed, ranks=ranks(2 + seed)),
            make_record("caser", seed, ranks=ranks(7 + seed)),
            *(
                make_record(
                    "attrec",
                    seed,
                    ranks=ranks(19 - int(10 * w) + seed),
                    keywords={"_target_": "attrec_bench.attrec.AttRec", "w": w},
                    train=TRAIN,
                )
                for w in ws
            ),
        ]
    return records


def table_of(records: Sequence[Record], metrics: Sequence[str] = METRICS) -> Table:
    (table,) = compared(tables(records, metrics))
    return table


def material(records: Sequence[Record], runs: Path, *, ledgers: Sequence[Ledger] = ()) -> Material:
    return Material(table_of(records), "t0", runs, tuple(ledgers))


def page_of(records: Sequence[Record], runs: Path, *, ledgers: Sequence[Ledger] = ()) -> str:
    return page([material(records, runs, ledgers=ledgers)])


def ledger_of(records: Sequence[Record], model: str = "caser") -> Ledger:
    """The account of a search of five trials behind a model's records."""
    return Ledger(
        study=f"ml-100k-{model}",
        model=model,
        identities=tuple(record.identity for record in records if record.model == model),
        monitor="MRR",
        trials=5,
        pruned=1,
        failed=0,
        killed=0,
        values=(0.1, 0.3, 0.2, 0.35, 0.25),
        cpu_seconds=60.0,
        space={"model.d": "8 to 64 (log)"},
        winner={"model.d": 32},
        edges={},
        searched=0.35,
        valid=0.33,
        test=0.31,
    )
