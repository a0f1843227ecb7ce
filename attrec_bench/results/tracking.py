"""Record -> MLflow and back. No other file imports mlflow, and this one only inside functions: it costs seconds.

The runs folder is the truth. A record that MLflow did not take stays there, without a mark in mlflow.json,
and ``send_pending`` sends it the next time.
"""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from attrec_bench.errors import InputError
from attrec_bench.results import entries, machine, store, whole
from attrec_bench.results.marks import mark, reach, sent_as, shown, sqlite_path, stamp, store_uri
from attrec_bench.results.quiet import impatient, silent
from attrec_bench.results.record import Record

EXPERIMENT = "attrec-bench"
ARTIFACTS = ".mlflow"
"""Where the artifacts of a local store go, beside the runs; hidden, so that nobody takes it for a run."""

log = logging.getLogger(__name__)


def send(folder: Path, uri: str | None = None, experiment: str = EXPERIMENT) -> bool:
    """Copy one run's record to MLflow. False, with one warning line, where that failed: it stays to be sent."""
    return _send([folder], folder.parent, uri, experiment) == 1


def send_pending(root: Path, uri: str | None = None, experiment: str = EXPERIMENT) -> int:
    """Send every record under ``root`` that this store has not got; how many it has got now that it had not before."""
    address = store_uri(root, uri)
    # by the marks alone: this is asked after every run of a sweep, and reading all records each time would be quadratic
    pending = [folder for folder in store.folders(root) if sent_as(folder, address, experiment) is None]
    return _send(pending, root, uri, experiment)


def fetch(uri: str, experiment: str = EXPERIMENT) -> list[Record]:
    """Records from MLflow's artifacts, oldest first; a run that holds none that is whole gives a warning line.

    Raises InputError where the store cannot be reached or has no such experiment.
    """
    address = store_uri(Path(), uri)
    if (path := sqlite_path(address)) and not path.exists():
        raise InputError(f"tracking.uri must name a store that exists, got {uri!r}")
    try:
        with _mlflow(address) as client, tempfile.TemporaryDirectory() as folder:
            return list(_fetch(client, shown(uri), experiment, Path(folder)))
    except failures() as error:
        raise InputError(f"MLflow at {shown(uri)} cannot be read: {line_of(error)}") from error


@dataclass(frozen=True)
class Target:
    """Where records go: a store and an experiment in it."""

    client: Any
    address: str
    experiment: str
    experiment_id: str


@contextmanager
def reached(root: Path, address: str, experiment: str) -> Iterator[Target]:
    """Yield an experiment of a store, both made if need be; raises one of ``failures`` where that is not possible."""
    with _mlflow(address) as client:
        yield Target(client, address, experiment, _experiment_id(client, experiment, root, address))


def _send(folders: list[Path], root: Path, uri: str | None, experiment: str) -> int:
    """Send in order, over records that fail by themselves; where the store does, stop: the next would wait for it."""
    address, took = store_uri(root, uri), list[bool]()
    if not folders:
        return 0
    try:
        with reached(root, address, experiment) as target:
            for folder in folders:
                took.append(_taken(target, folder))
    except failures() as error:
        left = len(folders) - len(took)
        stay = "1 record stays" if left == 1 else f"{left} records stay"
        log.warning(
            "MLflow at %s fails; %s in %s, to be sent the next time: %s", shown(address), stay, root, line_of(error)
        )
    return sum(took)


def _taken(target: Target, folder: Path) -> bool:
    """Whether the store has got the record now. Where it has not, but takes something else, the record is to blame:
    that costs one warning line. Raises what MLflow raises where the store takes nothing.
    """
    try:
        _send_once(target, folder)
    except store.UNREADABLE + failures() as error:
        target.client.set_experiment_tag(target.experiment_id, "last_refusal", machine.now())  # is the store there?
        log.warning("run %s is not sent to MLflow at %s: %s", folder.name, shown(target.address), line_of(error))
        return False
    return True


def _send_once(target: Target, folder: Path) -> None:
    """Send a record unless the store has it, and mark its folder. One process at a time, so that none is sent twice.

    ``force`` may replace the record meanwhile. The stamp is taken first, so that the mark then fits no record.
    """
    with whole.lock_of(folder.parent, f"{folder.name}.mlflow"):
        if sent_as(folder, target.address, target.experiment) is None:
            stamped = stamp(folder)
            record = store.read(folder)
            run_id = _sent_before(target, record) or _copy(target, record, folder)
            mark(folder, target.address, target.experiment, run_id, stamped)


def _sent_before(target: Target, record: Record) -> str | None:
    """Id of the whole run of this identity, or None. Halves, and what was replaced or renamed since, are deleted."""
    kept = None
    for run in target.client.search_runs([target.experiment_id], f"tags.identity = '{record.identity}'"):
        created, name = (run.data.tags.get(key, "") for key in ("created", "model"))
        same = (created, name) == (record.created, record.model)
        if run.info.status == "FINISHED" and (same or created > record.created):
            kept = run.info.run_id
        else:
            target.client.delete_run(run.info.run_id)
    return kept


def _copy(target: Target, record: Record, folder: Path) -> str:
    """Write one record's MLflow run."""
    return write(target, entries.of_record(record), [folder / file for file in (store.RECORD, store.RANKS)])


def write(target: Target, entry: entries.Entry, files: Iterable[Path] = ()) -> str:
    """Write one MLflow run and return its id. It stays RUNNING until all of it is there."""
    tags = dict(entry.tags)
    run = target.client.create_run(target.experiment_id, start_time=entry.begin, tags=tags, run_name=entry.name)
    run_id: str = run.info.run_id
    add(target, run_id, entry)
    for file in files:
        target.client.log_artifact(run_id, str(file))
    target.client.set_terminated(run_id, entry.status, entry.end)
    return run_id


def add(target: Target, run_id: str, entry: entries.Entry) -> None:
    """Write an entry's params and numbers, in as few calls as MLflow allows."""
    from mlflow.entities import Metric, Param

    params = [Param(key, value) for key, value in entry.params.items()]
    points = [Metric(key, value, entry.end, step) for key, value, step in entry.points]
    for start in range(0, len(params), entries.PARAMS_A_CALL):
        target.client.log_batch(run_id, params=params[start : start + entries.PARAMS_A_CALL])
    for start in range(0, len(points), entries.POINTS_A_CALL):
        target.client.log_batch(run_id, metrics=points[start : start + entries.POINTS_A_CALL])


def _fetch(client: Any, address: str, experiment: str, folder: Path) -> Iterator[Record]:
    found = client.get_experiment_by_name(experiment)
    if found is None:
        names = ", ".join(sorted(each.name for each in client.search_experiments()))
        raise InputError(f"MLflow at {address} has no experiment {experiment!r}; it has {names}")
    left_out: tuple[type[Exception], ...] = (InputError, *failures())
    token, order = None, ["attributes.start_time ASC"]
    records = "attributes.status = 'FINISHED' and tags.identity != ''"  # studies and their trials have no such tag
    while True:
        page = client.search_runs([found.experiment_id], records, order_by=order, page_token=token)
        for run in page:
            target = folder / run.info.run_id
            target.mkdir()
            try:
                for file in (store.RECORD, store.RANKS):
                    client.download_artifacts(run.info.run_id, file, str(target))
                yield store.read(target)
            except left_out as error:
                log.warning("run %s of MLflow at %s is left out: %s", run.info.run_id, address, line_of(error))
        token = page.token
        if not token:
            return


@contextmanager
def _mlflow(address: str) -> Iterator[Any]:
    """Yield a client of the store, made if need be, with MLflow's patience short and its chatter off."""
    with impatient(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        reach(address)
        with silent("mlflow", "alembic", "urllib3"):
            if path := sqlite_path(address):
                _create_sqlite(path)
            yield MlflowClient(tracking_uri=address)


def _create_sqlite(path: Path) -> None:
    """Make a new sqlite store, once: processes that find it half made fail in MLflow's migrations, and break it.

    It is made under another name and renamed, so that a kill leaves no half store either.
    """
    if path.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if path.exists():
            return
        temporary = path.with_name(f".{path.name}.new")
        temporary.unlink(missing_ok=True)  # a killed process left it: the lock is ours now
        database = SqlAlchemyStore(f"sqlite:///{temporary}", str(path.parent.resolve() / ARTIFACTS))
        database.engine.dispose()
        os.rename(temporary, path)


def _experiment_id(client: Any, name: str, root: Path, address: str) -> str:
    """Id of the experiment, made if need be. A server says itself where artifacts go, a database does not."""
    from mlflow.exceptions import MlflowException

    if found := client.get_experiment_by_name(name):
        return str(found.experiment_id)
    place = None if address.startswith("http") else str(root.resolve() / ARTIFACTS)
    try:
        return str(client.create_experiment(name, artifact_location=place))
    except MlflowException:  # another process was faster
        if found := client.get_experiment_by_name(name):
            return str(found.experiment_id)
        raise


def failures() -> tuple[type[Exception], ...]:
    """What MLflow raises when a store is away, full or broken, or its driver is missing; requests' own are OSErrors."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, OSError, ImportError


def line_of(error: BaseException) -> str:
    """One line. Under MLflow's own words lies the cause, e.g. that the connection was refused."""
    while not isinstance(error, InputError) and (cause := error.__cause__ or error.__context__):
        error = cause
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 200 or isinstance(error, InputError) else said[:200] + "..."
