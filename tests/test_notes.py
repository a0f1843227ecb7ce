"""notes=short: a table for a paper says what a reader needs beside the numbers, in every format."""

from html import unescape
from pathlib import Path

import pytest

from attrec_bench import verbs
from attrec_bench.errors import InputError
from attrec_bench.report.footnotes import with_settings
from attrec_bench.results.against import compared
from attrec_bench.results.formats import FORMATS, SHEETS, render
from attrec_bench.results.ledger import Ledger, footed
from attrec_bench.results.publications import with_published
from attrec_bench.results.record import Record
from attrec_bench.results.store import save
from attrec_bench.results.tables import Table, tables, told
from tests.records import TRAIN, contest, make_record, published_value

NEEDED = (
    "HR@10 and MRR under leave-one-out on ml-100k (943 users, 1,682 items, 100,000 interactions), all unseen items "
    "ranked; mean ± half its 95 % interval (Student's t) over the seeds of each row.",
    "each user's last event is the test, the one before it the validation",
    "ties count by their expected rank",
    "Events of one second stand in the order of the file",
    "better and ‡ worse than caser, the strongest baseline by HR@10: two-sided paired tests",
    "after Holm's correction over 4 tests",
    "below Popularity: it has learnt less than counting gives",
    "rest on one seed",
    "Published values: a paper; in parentheses those that cannot be compared with ours.",
    "1 of 1 run of fpmc was ended by the limit of 7 epochs and not by patience",
    "Not compared with caser, since the test users are not the same: fpmc",
    "Seeds differ: bprmf 0; fpmc 3; caser 0; attrec 0",
)
"""What changes the meaning of a number, or explains a mark."""

LEFT_OUT = (
    "Epochs are chosen",
    "of the test events are with an item of no training event",
    "Made with attrec-bench",
    "sha256",
    "HR@10 against caser, with 95% intervals",
    "Published beside caser",
    "tuned in study",
    "older record of the same seed left out",
    "Settings that differ from the YAML files",
)


def records() -> list[Record]:
    """A contest with a row that cannot be compared and was cut off, and a record that a newer one replaces."""
    train = {**TRAIN, "epochs": 7, "patience": 3, "eval_every": 1}
    history = [{"epoch": epoch, "loss": 1.0, "seconds": 0.5, "MRR": 0.25} for epoch in range(1, 8)]
    cut = make_record("fpmc", 3, ranks=[40.0, 5.0, 40.0], train=train, epochs=7, history=history)
    twin = make_record("caser", ranks=[9.0], data={"name": "my-copy"}, created="2020-01-01T00:00:00+00:00")
    audit = {"tied_events": None, "tied_users": None, "repeats": 0.0, "unseen_test": 0.003, "later_train": None}
    return [twin, *contest(data={"audit": audit}), cut]


def full() -> list[Table]:
    ledger = Ledger(
        *("s", "caser", tuple(record.identity for record in records()), "MRR", 2, 0, 0, 0, (0.1, 0.2), 3.0),
        *({"w": "0-1"}, {"w": 0.5}, {}, 0.2, 0.2, 0.2),
    )
    known = [published_value({"candidates": "uniform-100"}), published_value(metric="MRR", source="elsewhere")]
    made = with_published(compared(tables(records(), ["HR@10", "MRR"])), known)
    return with_settings(footed(made, [ledger]))


def words(made: list[Table], format: str) -> str:
    """All of a format's words on one line, without what only escapes them."""
    text = unescape(render(made, format))
    for sign, plain in ((r"$^\ddagger$", "‡"), (r"$\pm$", "±"), ("\\", "")):
        text = text.replace(sign, plain)
    return " ".join(text.split())


@pytest.mark.parametrize("format", ["terminal", *(name for name in FORMATS if name not in SHEETS)])
def test_short_keeps_what_a_reader_needs_and_full_says_all(format: str) -> None:
    short, long = (words(told(full(), notes), format) for notes in ("short", "full"))
    for said in NEEDED:
        assert said in short, said
        assert said in long, said
    for said in LEFT_OUT:
        assert said not in short, said
        assert said in long, said


def test_short_leaves_every_number_and_mark_as_it_is() -> None:
    for format in SHEETS:
        assert render(told(full(), "short"), format) == render(full(), format)
    (before,), (after,) = full(), told(full(), "short")
    grids = [render([each], "terminal").partition("\n\n")[0] for each in (before, after)]
    assert grids[0] == grids[1]


@pytest.mark.parametrize(("option", "there"), [([], True), (["notes=full"], True), (["notes=short"], False)])
def test_the_verbs_have_the_choice(option: list[str], there: bool, tmp_path: Path) -> None:
    for record in contest():
        save(tmp_path / "runs", record)
    verbs.table_verb([f"runs={tmp_path / 'runs'}", "format=markdown", f"out={tmp_path / 'table.md'}", *option])
    verbs.report_verb([f"runs={tmp_path / 'runs'}", f"out={tmp_path / 'report.html'}", *option])
    for file in ("table.md", "report.html"):
        text = (tmp_path / file).read_text()
        assert ("Made with attrec-bench" in text) == there
        assert ("HR@10 against caser" in text) == there
        assert "Holm's correction over 8 tests" in unescape(text)


def test_another_choice_is_the_users_mistake(tmp_path: Path) -> None:
    for verb in (verbs.table_verb, verbs.report_verb):
        with pytest.raises(
            InputError, match=r"notes must be one of full, short, got 'shrot' \(did you mean 'short'\?\)"
        ):
            verb([f"runs={tmp_path}", "notes=shrot"])
    with pytest.raises(InputError, match="notes must be one of full, short, got 'none'"):
        told([], "none")
