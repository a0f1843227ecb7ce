"""A bundle says what its run's record says, and any change to it is found."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from attrec_bench.bundle import TOPK, check_metrics, export, read_topk, verify
from attrec_bench.configuration import composed
from attrec_bench.errors import InputError
from attrec_bench.recommend import plan_of
from attrec_bench.results import store
from attrec_bench.run import run
from tests.records import make_record
from tests.test_run import SMALL


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    words = [*SMALL, "model=bprmf", f"runs={folder / 'runs'}"]
    record, _ = run(composed(words), "bprmf", " ".join(["attrec-bench", "run", *words]))
    export(folder / "runs", record.identity[:8], folder / "bundle.zip", 5, None)
    return folder / "bundle.zip"


def changed(bundle: Path, target: Path, name: str, change: Callable[[bytes], bytes | None]) -> Path:
    """A copy with one file changed, or left out."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(target, "w") as new:
        for each in old.namelist():
            content = change(old.read(each)) if each == name else old.read(each)
            if content is not None:
                new.writestr(each, content)
    return target


def test_a_bundle_is_verified(bundle: Path) -> None:
    said = verify(bundle, None)
    assert "metrics follow from the ranks" in said
    assert "every rank is the recorded one" in said
    assert f"lines of {TOPK} are its best items" in said


def test_the_lists_hold_unseen_items_best_first(bundle: Path, tmp_path: Path) -> None:
    (folder,) = store.folders(bundle.parent / "runs")
    record = store.read(folder)
    export(bundle.parent / "runs", record.identity, tmp_path / "lists.tsv", 3, None)
    lines = read_topk(tmp_path / "lists.tsv")
    planned = plan_of(record, None)
    known, data = planned.split.known, planned.interactions
    seen = {(data.user_ids[u], data.item_ids[i]) for u, i in zip(known.users, known.items, strict=True)}
    assert not seen & {(user, item) for user, item, _ in lines}
    for begin in range(0, len(lines), 3):
        users, _, scores = zip(*lines[begin : begin + 3], strict=True)
        assert len(set(users)) == 1
        assert list(scores) == sorted(scores, reverse=True)
    # a target that its model ranks first stands first in its user's list, one of rank 4 or more in none
    for target, rank in enumerate(record.ranks):
        user, item = data.user_ids[record.users[target]], data.item_ids[planned.split.test.items[target]]
        listed = [line[1] for line in lines if line[0] == user]
        assert (item in listed) == (rank <= 3)


def other_metric(content: bytes) -> bytes:
    return content.replace(b'"HR@10": 0', b'"HR@10": 1', 1)


def other_ranks(content: bytes) -> bytes:
    return content[:-30] + bytes([content[-30] ^ 1]) + content[-29:]


CHANGES: dict[str, tuple[str, Callable[[bytes], bytes | None], str]] = {
    "metric": (store.RECORD, other_metric, "checksum does not fit"),
    "ranks": (store.RANKS, other_ranks, "ranks.npz is not as it was written"),
    "weights": ("weights.pt", lambda content: content[:-1] + b"?", "weights.pt is not as it was written"),
    "item": (TOPK, lambda content: content.replace(content.split()[4], b"nobody", 1), "line 2, must be"),
    "short": (TOPK, lambda content: content.rsplit(b"\n", 2)[0] + b"\n", "lines, got"),
    "text": (TOPK, lambda content: content + b"a\tb\tc\n", "must be a user, an item and a score"),
    "header": (TOPK, lambda content: content[1:], "must begin with"),
    "no ranks": (store.RANKS, lambda _: None, "ranks.npz is missing"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_any_change_is_named(bundle: Path, tmp_path: Path, case: str) -> None:
    name, change, why = CHANGES[case]
    with pytest.raises(InputError, match=why):
        verify(changed(bundle, tmp_path / "changed.zip", name, change), None)


def test_a_forger_who_mends_the_sums_is_found_by_the_weights(bundle: Path, tmp_path: Path) -> None:
    (folder,) = store.folders(bundle.parent / "runs")
    record = store.read(folder)
    from dataclasses import replace

    from attrec_bench.evaluation.metrics import means

    ranks = np.maximum(record.ranks - 1, 1)
    forged = replace(record, ranks=ranks, metrics={**record.metrics, "test": means(ranks, users=record.users)})
    place = store.save(
        tmp_path, forged, lambda to: (to / "weights.pt").write_bytes((folder / "weights.pt").read_bytes())
    )
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(tmp_path / "forged.zip", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) if name == TOPK else (place / name).read_bytes())
    with pytest.raises(InputError, match="ranks differ when scored again"):
        verify(tmp_path / "forged.zip", None)


def test_metrics_must_follow_from_the_ranks() -> None:
    with pytest.raises(InputError, match=r"of run [0-9a-f]{16} must be [0-9.]+, from its ranks, got"):
        check_metrics(make_record(ranks=(1, 2.5, 30)))


def test_what_is_no_bundle_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="no whole zip"):
        verify(tmp_path / "a.zip", None)
    with pytest.raises(InputError, match="verify needs a bundle that exists"):
        verify(tmp_path / "b.zip", None)


@pytest.mark.parametrize("name", ["lists.csv", "lists"])
def test_a_file_of_another_kind_is_not_written_as_a_zip(bundle: Path, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"out must end in \.zip, a bundle, or in \.tsv, the lists alone, got "):
        export(bundle.parent / "runs", "any", tmp_path / name, 3, None)
    assert not (tmp_path / name).exists()
