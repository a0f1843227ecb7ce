"""A class that was run before it had a YAML: its record takes the YAML's name when that asks for the same run.

Without, one model would be two rows of a table, `Decay` and `decay`, and be compared with itself.
"""

import json
from dataclasses import replace
from pathlib import Path

from attrec_bench.results import store, whole
from attrec_bench.results.record import Record


def called(root: Path, found: Record, name: str) -> Record:
    """Return a record that was found, called ``name`` from now on if it bears its class's own name for want of a YAML.

    One that a YAML's choice has named keeps its name, as does every record that is asked for by its class: two choices
    with equal settings, and the order in which they are run, change nothing.
    """
    if not _asks(found, name):
        return found
    with store.lock(root, found.identity):
        now = store.find(root, found.identity)  # as it is since it was found: replaced by force, or named already
        if now is None or not _asks(now, name):
            return found if now is None else now
        _rename(store.folder_of(root, now.identity), name)
        return replace(now, model=name)


def _asks(record: Record, name: str) -> bool:
    """Whether ``name`` is a YAML's choice, and the record has none."""
    own = str(record.config["model"]["_target_"]).rpartition(".")[2]
    return record.model == own != name and "model._target_=" in record.command


def _rename(folder: Path, name: str) -> None:
    """Write record.json anew, in one step; weights, ranks and marks stay as they are. The run's lock must be held.

    MLflow's copy is replaced with the next sending: the marks are those of the file that was.
    """
    stored = json.loads((folder / store.RECORD).read_bytes())
    stored["record"]["model"] = name
    whole.write_text(folder / store.RECORD, store.text_of(stored))
