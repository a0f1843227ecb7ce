"""A bundle says what its run's record says, and any change to it is found."""

import re
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attrec_bench import bundle as bundles
from attrec_bench import recommend
from attrec_bench.bundle import TOPK, export, read_topk, unpacked, verify
from attrec_bench.configuration import composed, explained
from attrec_bench.errors import InputError
from attrec_bench.evaluation.metrics import means
from attrec_bench.recommend import plan_of
from attrec_bench.rescoring import check_metrics
from attrec_bench.results import store
from attrec_bench.results.record import Record, consumed, identity
from attrec_bench.run import WEIGHTS, run
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


def forged(bundle: Path, target: Path, **changes: Any) -> Path:
    """A bundle whose record was changed by somebody who mended every sum; the lists are the old ones."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "bundle"
        unpacked(bundle, folder)
        record = replace(store.read(folder), **changes)
        weights = (folder / WEIGHTS).read_bytes() if (folder / WEIGHTS).is_file() else None
        own = store.save(Path(place), record, lambda to: weights and (to / WEIGHTS).write_bytes(weights))
        with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name) if name == TOPK else (own / name).read_bytes())
    return target


def bundled(folder: Path, *words: str) -> Path:
    """A small run of its own as a bundle."""
    overrides = [*SMALL, *words, f"runs={folder / 'runs'}"]
    (model,) = [word.removeprefix("model=") for word in words if word.startswith("model=")]
    record, _ = run(composed(overrides), model, " ".join(["attrec-bench", "run", *overrides]))
    export(folder / "runs", record.identity, folder / "bundle.zip", 3, None)
    return folder / "bundle.zip"


def test_a_forger_who_mends_the_sums_is_found_by_the_weights(bundle: Path, tmp_path: Path) -> None:
    record = record_of(bundle)
    ranks = np.maximum(record.ranks - 1, 1)
    metrics = {**record.metrics, "test": means(ranks, users=record.users)}
    with pytest.raises(InputError, match="ranks differ when scored again"):
        verify(forged(bundle, tmp_path / "forged.zip", ranks=ranks, metrics=metrics), None)


def on_another_machine(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """Weights that give scores other than here by about this share of them, as sums in another order do."""

    def restored(*given: Any) -> Any:
        model = recommend.restored(*given)
        random = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for each in model.parameters():
                each.mul_(1 + share * torch.randn(each.shape, generator=random))
        return model

    monkeypatch.setattr(bundles, "restored", restored)


def test_ranks_and_lists_may_differ_by_the_rounding_of_scores_and_by_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = ["dataset.n_users=900", "dataset.n_items=1500", "dataset.n_interactions=30000"]  # so that some are close
    bundle = bundled(tmp_path, *many, "model=bprmf")
    on_another_machine(monkeypatch, 3e-6)
    said = verify(bundle, None)
    found = re.search(r"(\d+) of (\d+) ranks are the recorded ones, and the others are but for the rounding", said)
    assert found, said
    assert int(found[2]) > int(found[1]) > 0.9 * int(found[2])
    assert "validation metrics are the recorded ones but for the rounding of scores" in said
    on_another_machine(monkeypatch, 3e-3)
    with pytest.raises(InputError, match="ranks differ when scored again"):
        verify(bundle, None)


def test_the_ties_of_a_model_that_counts_are_no_rounding(tmp_path: Path) -> None:
    bundle = bundled(tmp_path, "model=popularity")
    assert "every rank is the recorded one" in verify(bundle, None)
    record = record_of(bundle)
    tied = np.flatnonzero(record.ranks % 1)
    assert len(tied), "a target that ties with an odd number of items stands at half a rank"
    ranks = record.ranks.copy()
    ranks[tied] -= 0.5
    metrics = {**record.metrics, "test": means(ranks, users=record.users)}
    with pytest.raises(InputError, match="ranks differ when scored again"):
        verify(forged(bundle, tmp_path / "forged.zip", ranks=ranks, metrics=metrics), None)


def test_lists_that_name_an_item_twice_are_refused(bundle: Path, tmp_path: Path) -> None:
    def twice(content: bytes) -> bytes:
        header, first, _, *rest = content.split(b"\n")
        return b"\n".join([header, first, first, *rest])

    with pytest.raises(InputError, match="must name an item of a user once"):
        verify(changed(bundle, tmp_path / "changed.zip", TOPK, twice), None)


@pytest.mark.parametrize(
    ("part", "name", "value", "why"),
    [
        ("test", "HR@10", 0.99, r"HR@10 of run [0-9a-f]{16} must be 0\.\d+, from its ranks, got 0\.99"),
        ("test", "HR@2", 0.99, r"HR@2 of run [0-9a-f]{16} must be 0\.\d+, from its ranks, got 0\.99"),  # no run has it
        ("test", "MRR", "0.5", r"MRR of run .* from its ranks, got 0\.5"),
        ("test", "Gold", 1.0, "metric must be HR@K, .*, got 'Gold'"),
        ("valid", "MRR", 0.99, r"MRR of run [0-9a-f]{16} must be 0\.\d+, on validation, scored again, got 0\.99"),
        ("valid", "HR@2", 0.99, r"HR@2 of run .* on validation, scored again, got 0\.99"),
        ("valid", "Gold", 1.0, "metric must be HR@K, .*, got 'Gold'"),
    ],
)
def test_no_metric_of_a_record_can_be_forged(
    bundle: Path, tmp_path: Path, part: str, name: str, value: Any, why: str
) -> None:
    metrics = dict(record_of(bundle).metrics)
    metrics[part] = {**metrics[part], name: value}
    with pytest.raises(InputError, match=why):
        verify(forged(bundle, tmp_path / "forged.zip", metrics=metrics), None)


def test_a_further_metric_that_the_ranks_give_is_counted(bundle: Path, tmp_path: Path) -> None:
    record = record_of(bundle)
    test = {**record.metrics["test"], **means(record.ranks, ["HR@2"], record.users)}
    said = verify(forged(bundle, tmp_path / "more.zip", metrics={**record.metrics, "test": test}), None)
    assert f"{len(test)} test metrics follow from the ranks" in said


@pytest.mark.parametrize(
    ("words", "checked"),
    [
        (["model=random"], True),
        (["model=itemknn"], True),
        (["model=itemknn", "protocol.refit=true"], True),
        (["model=attrec", "train.epochs=1", "protocol=ratio"], True),
        (["model=bprmf", "train.epochs=1", "protocol.refit=true"], False),
    ],
)
def test_validation_is_scored_again_but_of_a_model_that_learnt_from_it(
    words: list[str], checked: bool, tmp_path: Path
) -> None:
    bundle = bundled(tmp_path, *words)
    record = record_of(bundle)
    assert (
        f"its {len(record.metrics['valid'])} validation metrics are the recorded ones" in verify(bundle, None)
    ) == checked
    metrics = {**record.metrics, "valid": {**record.metrics["valid"], "MRR": 0.99}}
    lying = forged(bundle, tmp_path / "forged.zip", metrics=metrics)
    if checked:
        with pytest.raises(InputError, match=r"MRR of run .* on validation, scored again"):
            verify(lying, None)
    else:
        assert "not checked: its validation metrics, which are of the model before it learnt" in verify(lying, None)


def test_without_the_data_it_is_said_that_validation_was_not_checked(bundle: Path, tmp_path: Path) -> None:
    record = record_of(bundle)
    model = {**record.config["model"], "_target_": "somebody.elses.Model"}
    config = {**record.config, "model": model}
    code = identity(consumed(config, record.data["sha256"], record.code))
    said = verify(forged(bundle, tmp_path / "other.zip", config=config, identity=code), None)
    assert "not scored again, and its validation metrics not checked: " in said


def record_of(bundle: Path) -> Record:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "bundle"
        unpacked(bundle, folder)
        return store.read(folder)


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


def test_data_that_are_not_here_are_no_mismatch(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user,item,time\n" + "".join(f"u{u},i{(u + t) % 7},{t}\n" for u in range(6) for t in range(5)))
    columns = ("dataset=csv", f"dataset.path={log}", "dataset.user=user", "dataset.item=item", "dataset.time=time")
    words = [*columns, "model=popularity", "tracking.uri=off", f"runs={tmp_path / 'runs'}"]
    record, _ = run(composed(words), "popularity", " ".join(["attrec-bench", "run", *words]))
    bundle = tmp_path / "bundle.zip"
    export(tmp_path / "runs", record.identity[:8], bundle, 5, None)
    assert "every rank is the recorded one" in verify(bundle, None)
    log.unlink()
    said = verify(bundle, None)
    assert "test metrics follow from the ranks of 6 targets" in said
    assert "not scored again, and its validation metrics not checked: dataset.path must be a file that exists" in said


def test_verify_downloads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTREC_BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("attrec_bench.data.locate._download", lambda *_: pytest.fail("it downloads"))
    target = {"_target_": "baselines.popularity.Popularity"}
    command = "attrec-bench run dataset=ml-100k model=popularity"
    given = make_record("popularity", None, train=None, keywords=target, command=command)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - as Hydra wraps it
        plan_of(given, None, fetch=False)
    told = explained(caught.value)
    assert told is not None
    assert told.startswith("ml-100k is not on this machine and has no download: put u.data into")
