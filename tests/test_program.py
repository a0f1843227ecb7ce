"""Which version of the code counts in a table: the one on disk if there are records of it, else the newest one."""

from pathlib import Path

import pytest

from attrec_bench.results.code import PACKAGE, meaning, version_of
from attrec_bench.results.program import code_on_disk, of_one_program
from attrec_bench.results.record import Record
from attrec_bench.results.select import select
from tests.records import make_record, one

DAYS = [f"2026-01-0{day}T00:00:00+00:00" for day in range(1, 8)]
MINE = {"_target_": "mymodels.Mine"}


def on_disk(**codes: str) -> dict[str, str]:
    return {f"baselines.{model}": code for model, code in codes.items()}


def test_an_edit_that_was_taken_back_does_not_stay_in_the_table() -> None:
    records = [
        make_record("caser", 0, created=DAYS[0]),
        make_record("caser", 1, created=DAYS[1]),
        make_record("caser", 0, created=DAYS[2], code="c0dec0de" + "ed17ed17"),
        make_record("bprmf", created=DAYS[3]),
    ]
    now = on_disk(caser="c0dec0de" + "feedfeed", bprmf="c0dec0de" + "feedfeed")
    kept, notes = of_one_program(records, now.get)
    assert kept == [records[0], records[1], records[3]]
    assert notes == [
        "Left out, made by another version of the code than that on disk now (table code=... shows them): "
        "1 record of caser (code=c0dec0deed17ed17)"
    ]
    assert select(records, {"code": "c0dec0deed17ed17"}) == [records[2]]
    assert of_one_program(records, lambda _: None)[0] == records[2:]  # not known: the newest


def test_the_shared_code_on_disk_counts_before_the_newest() -> None:
    new = "0ddba115" + "feedfeed"
    records = [
        make_record("caser", created=DAYS[0]),
        make_record("bprmf", created=DAYS[1], code="c0dec0de" + "0ld00000"),
        make_record("caser", created=DAYS[2], code=new),
    ]
    here = on_disk(caser="c0dec0de" + "feedfeed", bprmf="c0dec0de" + "n0recor5")
    kept, (note,) = of_one_program(records, here.get)
    assert kept == records[:2]  # of bprmf's own file there is no record as it is now: the newest one
    assert note.endswith("than that on disk now (table code=... shows them): 1 record of caser (code=0ddba115)")
    gone = on_disk(caser="ffffffff" + "feedfeed")
    kept, (note,) = of_one_program(records, gone.get)
    assert kept == records[2:]
    assert "than the newest record" in note
    assert "1 record of caser, 1 record of bprmf (code=c0dec0de)" in note


def test_a_start_of_the_code_selects_and_a_wrong_one_does_not() -> None:
    records = [make_record(), make_record(seed=1, code="0ddba115" + "feedfeed")]
    assert select(records, {"code": "0ddb"}) == records[1:]
    assert select(records, {"code": "0ddba115,c0de"}) == records


def test_the_code_on_disk_is_that_of_a_run() -> None:
    root = PACKAGE.parent
    assert code_on_disk("baselines.caser.Caser") == version_of([root / "baselines" / "caser.py"])
    assert code_on_disk("attrec_bench.attrec.AttRec") == version_of([root / "attrec_bench" / "attrec.py"])
    assert code_on_disk("no.such.Model") is None
    assert code_on_disk("Model") is None


def test_an_own_models_file_is_read_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "mymodels.py"
    first, second = "x = 1\n", "raise SystemExit\n"
    file.write_text(second)
    edited = code_on_disk("mymodels.Mine")
    meaning.cache_clear()
    file.write_text(first)
    taken_back = code_on_disk("mymodels.Mine")
    assert edited is not None
    assert taken_back is not None
    assert edited != taken_back

    def mine(created: str, code: str, seed: int = 0) -> Record:
        return make_record("Mine", seed, keywords=MINE, created=created, code=code)

    records = [mine(DAYS[0], taken_back), mine(DAYS[1], edited), mine(DAYS[2], edited, 1)]
    assert [record for row in one(records).rows for record in row.records] == records[:1]
    file.write_text("def\n")
    meaning.cache_clear()
    assert code_on_disk("mymodels.Mine") is None
    assert [record for row in one(records).rows for record in row.records] == records[1:]
