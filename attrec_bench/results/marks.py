"""Marks: to which MLflow stores a record has been sent, kept in mlflow.json beside it; and the stores' addresses.

A mark holds the stamp of the record that was sent: another record in its place counts as not sent.
"""

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from attrec_bench.errors import InputError
from attrec_bench.results import store, whole

DATABASE, MARKER = "mlflow.db", "mlflow.json"
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
SCHEMES = ("http", "https", "sqlite", *PORTS)


def store_uri(root: Path, uri: str | None) -> str:
    """Return the address of the MLflow store: ``uri``, or for None a sqlite file in the runs folder."""
    if uri is None:
        return f"sqlite:///{(root / DATABASE).resolve()}"
    if _scheme(uri) not in SCHEMES:
        choices = ", ".join(f"{name}://" for name in SCHEMES)
        raise InputError(f"tracking.uri must begin with one of {choices}, got {uri!r}")
    return uri


def sqlite_path(address: str) -> Path | None:
    """Return the file of a sqlite store, None for another store."""
    scheme, _, path = address.partition(":///")
    return Path(path) if scheme == "sqlite" else None


def reach(address: str) -> None:
    """Raise OSError within 5 s unless something listens at a database's address; MLflow would try for 100 s."""
    parts = urlsplit(address)
    if parts.hostname and _scheme(address) in PORTS:
        socket.create_connection((parts.hostname, parts.port or PORTS[_scheme(address)]), timeout=5).close()


def _scheme(uri: str) -> str:
    """postgresql+psycopg2://... -> postgresql."""
    return urlsplit(uri).scheme.partition("+")[0]


def shown(uri: str) -> str:
    """Return the address without the user and the password it may hold: fit for marks and messages."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def stamp(folder: Path) -> int:
    """When the record in ``folder`` was written, in ns: what tells it from one that replaced it, without reading it."""
    return (folder / store.RECORD).stat().st_mtime_ns


def sent_as(folder: Path, address: str, experiment: str) -> str | None:
    """MLflow's run id for the record that lies in ``folder`` now, or None where this store has not got it."""
    try:
        sent = _marks(folder)[shown(address)][experiment]
        return str(sent["run"]) if sent["stamp"] == stamp(folder) else None
    except (OSError, LookupError, TypeError):
        return None  # no mark, one of an older format, or no record


def mark(folder: Path, address: str, experiment: str, run_id: str, stamp: int) -> None:
    """Note that this store has got the record with this stamp."""
    marks = _marks(folder)
    marks.setdefault(shown(address), {})[experiment] = {"run": run_id, "stamp": stamp}
    whole.write_text(folder / MARKER, json.dumps(marks, indent=1))


def _marks(folder: Path) -> dict[str, dict[str, Any]]:
    """Read {address: {experiment: {run: id, stamp: ns}}}."""
    try:
        marks = json.loads((folder / MARKER).read_text())
        return {address: dict(runs) for address, runs in marks.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # no mark, or a broken one: the store itself is asked before anything is sent
