"""Hand-made records for the tests of the results layer."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from attrec_bench.results.published.registry import Published
from attrec_bench.results.record import Record, consumed, identity
from attrec_bench.results.tables import Row, Table, tables

PROTOCOL: dict[str, Any] = {
    "name": "leave_one_out",
    "tie_order": "file",
    "last_tie": "last",
    "tie_seed": None,
    "refit": False,
}
TRAIN: dict[str, Any] = {"lr": 0.05, "batch_size": 1000, "monitor": "MRR"}
DATA: dict[str, Any] = {"name": "ml-100k", "sha256": "ab" * 32, "users": 943, "items": 1682, "interactions": 100000}


def make_record(
    model: str = "attrec",
    seed: int | None = 0,
    *,
    ranks: Sequence[float] = (1, 2.5, 30),
    keywords: dict[str, Any] | None = None,
    protocol: dict[str, Any] | None = None,
    train: dict[str, Any] | None = TRAIN,
    data: dict[str, Any] | None = None,
    dataset: dict[str, Any] | None = None,
    code: str = "c0dec0de" + "feedfeed",
    **fields: Any,
) -> Record:
    """A record whose identity fits; ``keywords`` are the model's, ``protocol`` changes PROTOCOL, ``data`` DATA.

    ``dataset`` are the data set's own settings.
    """
    facts = {**DATA, **(data or {})}
    config = {
        "dataset": {"name": facts["name"], **(dataset or {})},
        "protocol": {**PROTOCOL, **(protocol or {})},
        "model": {"_target_": f"baselines.{model}", **(keywords or {})},
        "train": train,
        "seed": seed,
    }
    record = Record(
        identity=identity(consumed(config, facts["sha256"], code)),
        model=model,
        config=config,
        data=facts,
        code=code,
        metrics={"valid": {"HR@10": 0.5, "MRR": 0.25}, "test": {"HR@10": 2 / 3, "MRR": 0.4777}},
        users=np.arange(len(ranks)),
        ranks=np.array(ranks, dtype=np.float64),
        history=[
            {"epoch": 1, "loss": 2.0, "seconds": 0.5, "HR@10": 0.5, "MRR": 0.25},
            {"epoch": 2, "loss": 1.5, "seconds": 0.5, "HR@10": 0.25, "MRR": 0.125},
        ],
        epochs=1,
        seconds={"fit": 1.0, "evaluate": 0.25},
        peak_memory_mib=300.5,
        versions={"python": "3.11.2", "attrec-bench": "0.1.0", "torch": "2.13.0"},
        git={"commit": "0123456789abcdef", "dirty": False},
        hardware={"cpu": "one", "cores": 2, "memory_mib": 1024, "platform": "Linux"},
        command=f"attrec-bench run model={model} seed={seed}",
        created="2026-01-02T03:04:05.678+00:00",
    )
    return replace(record, **fields)


def one(records: list[Record], metrics: tuple[str, ...] = ("HR@10", "MRR")) -> Table:
    (table,) = tables(records, metrics)
    return table


def row(table: Table, label: str) -> Row:
    (found,) = [each for each in table.rows if each.label == label]
    return found


def house(**fields: Any) -> list[Record]:
    """A small household: two floors, a ceiling, three models; HR@10 and MRR by hand from the ranks."""
    return [
        make_record("oracle", None, ranks=[1, 1], train=None, **fields),  # 1, 1
        make_record("popularity", None, ranks=[4, 50], train=None, **fields),  # 1/2, (1/4 + 1/50) / 2 = 0.135
        make_record("random", None, ranks=[100, 50], train=None, **fields),  # 0, 0.015
        make_record("attrec", 0, ranks=[1, 20], **fields),  # 1/2, 0.525
        make_record("attrec", 1, ranks=[2, 10], **fields),  # 1, 0.3
        make_record("bprmf", 0, ranks=[2, 20], **fields),  # 1/2, 0.275
        make_record("bprmf", 1, ranks=[4, 20], **fields),  # 1/2, 0.15
        make_record("caser", 0, ranks=[1, 25], **fields),  # 1/2, 0.52
    ]


def contest(**fields: Any) -> list[Record]:
    """Twenty users, one seed; HR@10: attrec 18, caser 10, popularity 8, bprmf 2 of them, each set within the last.

    attrec's class is not a baseline's, as in truth.
    """
    hits = {"popularity": 8, "bprmf": 2, "caser": 10, "attrec": 18}
    return [
        make_record(
            model,
            None if model == "popularity" else 0,
            ranks=[4.0] * number + [40.0] * (20 - number),
            train=None if model == "popularity" else TRAIN,
            keywords={"_target_": "attrec_bench.attrec.AttRec"} if model == "attrec" else None,
            **fields,
        )
        for model, number in hits.items()
    ]


PUBLISHED_PROTOCOL: dict[str, Any] = {
    "split": "leave_one_out",
    "last_tie": "last",
    "tie_order": "file",
    "seen_masked": True,
    "candidates": "full",
    "ties": "expected",
    "chosen_on": "validation",
    "refit": False,
    "min_rating": None,
    "k_core": None,
    "min_item_events": None,
    "min_user_events": None,
    "duplicates": "keep",
}
"""PROTOCOL in the fields of the registry of published values."""


def published_value(
    protocol: dict[str, Any] | None = None,
    counts: dict[str, int] | None = None,
    settings: dict[str, Any] | None = None,
    **fields: Any,
) -> Published:
    """A published value under the records' protocol, which ``protocol`` changes."""
    shown: dict[str, Any] = {"model": "caser", "label": "Caser", "dataset": "ml-100k", "metric": "HR@10", "value": 0.5}
    shown |= {"source": "a paper", "confidence": "V", "counts": counts or {}, "settings": settings or {}}
    return Published(**(shown | fields), protocol={**PUBLISHED_PROTOCOL, **(protocol or {})})


def start(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    """Python code in a process of its own that finds the package and the tests."""
    imports = "import os, signal, sys, time; from pathlib import Path; from attrec_bench.results import store, whole; "
    imports += "from tests.records import make_record; root = Path(sys.argv[1]); "
    command = [sys.executable, "-c", imports + code, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=Path(__file__).resolve().parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def names(root: Path) -> list[str]:
    """What lies in a folder, less the locks that every save leaves."""
    return sorted(path.name for path in root.iterdir() if path.name != ".locks")
