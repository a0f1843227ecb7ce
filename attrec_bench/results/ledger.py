"""Ledger: what the search behind a tuned row has cost and found, so that nobody has to take it on trust.

One small file a study, root/.sweeps/STUDY.json, written when its winner has been trained on fresh seeds.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from attrec_bench.errors import InputError
from attrec_bench.results import whole
from attrec_bench.results.captions import count
from attrec_bench.results.record import Record, plain, text
from attrec_bench.results.tables import CEILINGS, FLOORS, MODEL, Table

FOLDER = ".sweeps"
"""In the runs folder: journal, ledgers, workers' logs. Hidden, so that nobody takes it for a run."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ledger:
    """The account of one study.

    identities   of the winner's runs               trials        that count, complete or pruned
    monitor      metric that the search maximised   pruned, failed, killed   killed ones were repeated
    values       of the counted trials in their order; a pruned trial has the value it had reached
    cpu_seconds  of all trials, also those that do not count
    space        key -> range in words              winner        key -> best value
    edges        key -> "lowest" or "highest", for best values on an end of their range
    searched     validation value of the best trial in the search: chosen as the highest, so too high
    valid, test  the same metric of the winner's runs on fresh seeds, mean
    seeded       False where the seed changes nothing: the winner has then one run, with the value of the search
    """

    study: str
    model: str
    identities: tuple[str, ...]
    monitor: str
    trials: int
    pruned: int
    failed: int
    killed: int
    values: tuple[float, ...]
    cpu_seconds: float
    space: Mapping[str, str]
    winner: Mapping[str, Any]
    edges: Mapping[str, str]
    searched: float
    valid: float
    test: float
    seeded: bool = True  # what ledgers did not say before models without a seed could be swept


def write(root: Path, ledger: Ledger) -> Path:
    """Write a ledger whole; an older one of the study is replaced."""
    file = root / FOLDER / f"{ledger.study}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    whole.write_text(file, json.dumps(plain(asdict(ledger)), indent=1))
    return file


def read_all(root: Path) -> list[Ledger]:
    """Every ledger under ``root``, by the study's name. One that cannot be read gives a warning and is left out."""
    found = []
    for file in sorted((root / FOLDER).glob("*.json")):
        try:
            stored = json.loads(file.read_text())
            tuples = {name: tuple(stored[name]) for name in ("identities", "values")}
            found.append(Ledger(**(stored | tuples)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s holds no readable ledger: %s", file, " ".join(str(error).split()))
    return found


def tuned(records: Sequence[Record], ledgers: Sequence[Ledger]) -> list[Record]:
    """Return the records that are a winner's, and those of floors and ceilings, which have nothing to tune.

    InputError where none is a winner's.
    """
    winners = {identity for ledger in ledgers for identity in ledger.identities}
    if not any(record.identity in winners for record in records):
        raise InputError("no record is of a sweep's winner; attrec-bench sweep makes some")
    return [record for record in records if record.identity in winners or record.model in (*FLOORS, *CEILINGS)]


def footed(tables: Sequence[Table], ledgers: Sequence[Ledger]) -> list[Table]:
    """Return the tables with the accounts of their tuned rows as notes; unequal budgets are told in the caption."""
    return [_footed(table, ledgers) for table in tables]


def _footed(table: Table, ledgers: Sequence[Ledger]) -> Table:
    there = {record.identity for row in table.rows for record in row.records}
    own = [ledger for ledger in ledgers if there & set(ledger.identities)]
    sentences = (*table.sentences, *filter(None, [unequal(own)]))
    notes = (*table.notes, *unsearched(table, own))
    return replace(table, sentences=sentences, notes=notes, details=(*table.details, *map(note, own)))


def unsearched(table: Table, ledgers: Sequence[Ledger]) -> list[str]:
    """Return a note where some models of a table are winners of a search and others were never searched."""
    trials = {identity: ledger.trials for ledger in ledgers for identity in ledger.identities}
    searched: dict[str, int] = {}
    others: dict[str, str] = {}
    for row in table.rows:
        found = [trials[record.identity] for record in row.records if record.identity in trials]
        if found:
            searched[row.label] = max(found)
        elif row.kind == MODEL:
            others[row.label] = row.records[0].model
    tuned_models = {row.records[0].model for row in table.rows if row.label in searched}
    left = [label for label, model in others.items() if model not in tuned_models]
    if not searched or not left:
        return []
    told = ", ".join(f"{label} ({count(number, 'trial')})" for label, number in searched.items())
    return [f"Not alike in effort: {told} won a search, {', '.join(left)} had none: a difference may be the search's"]


def note(ledger: Ledger) -> str:
    """Return the account in one line."""
    ends = [f"{number} {what}" for what in ("pruned", "failed", "killed") if (number := getattr(ledger, what))]
    trials = f"{ledger.trials} trials" + (f" ({', '.join(ends)})" if ends else "")
    again = "with fresh seeds" if ledger.seeded else "in the run for the table (the seed changes nothing)"
    edges = ", ".join(f"{key}={text(ledger.winner[key])} is the {end}" for key, end in ledger.edges.items())
    return (
        f"{ledger.model} tuned in study {ledger.study}: {trials}, {ledger.cpu_seconds:.0f} CPU-seconds, "
        f"{len(ledger.space)} swept keys; on an edge of its range: {edges or 'none'}; "
        f"{ledger.monitor} on validation {ledger.searched:.4f} in the search and {ledger.valid:.4f} {again}, "
        f"on test {ledger.test:.4f} (gap {ledger.valid - ledger.test:+.4f})"
    )


def unequal(ledgers: Sequence[Ledger]) -> str | None:
    """Return a sentence for the caption where the budgets were not equal; None where they were."""
    budgets = {ledger.study: ledger.trials for ledger in ledgers}
    if len(set(budgets.values())) < 2:
        return None
    return "Budgets were unequal: " + ", ".join(f"{study} {trials} trials" for study, trials in budgets.items()) + "."


def expected_best(values: Sequence[float]) -> list[float]:
    """Values of n trials -> for k = 1 ... n the expected best of k of them, drawn without replacement.

    Of n values v_1 <= ... <= v_n the best of k is v_i in C(i-1, k-1) of the C(n, k) draws. Dodge et al., EMNLP 2019
    ("Show Your Work"), ask for this curve; they draw with replacement.
    """
    ordered, n = np.sort(np.asarray(values, dtype=np.float64)), len(values)
    places = np.arange(1, n + 1)
    shares = np.full(n, 1 / max(n, 1))  # [n]: C(i-1, k-1) / C(n, k), at first of k = 1
    found = []
    for k in range(1, n + 1):
        found.append(float(shares @ ordered))
        if k < n:  # the coefficients themselves leave the range of floats near n = 1,030
            shares *= np.maximum(places - k, 0) / (n - k) * ((k + 1) / k)
    return found
