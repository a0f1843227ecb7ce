"""Bundle: a recorded run in one zip that others can check, without trust in who made it.

    record.json   configuration, data's sum, metrics, sums of the files below      ranks.npz    users [n], ranks [n]
    weights.pt    of a model that learns by gradient                               topk.tsv     user_id, item_id, score

``verify`` computes the test metrics from the ranks, and where the data are here, scores test and validation anew with
the weights. What else a record tells of its training, as its history and times, cannot be checked. Nothing in a bundle
is run: weights are read as tensors only, and a class that is not the suite's must be trusted by name.
"""

import io
import math
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attrec_bench.configuration import causes
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.errors import InputError, require, require_choice
from attrec_bench.evaluation.ranks import queries
from attrec_bench.history import HISTORIES, about_untrained, history_of, looking_back
from attrec_bench.plan import Plan
from attrec_bench.recommend import CPU, about_changes, plan_of, restored
from attrec_bench.rescoring import check_metrics, check_ranks, check_valid
from attrec_bench.results import store, whole
from attrec_bench.run import WEIGHTS

TOPK = "topk.tsv"
HEADER = "user_id\titem_id\tscore"
FILES = (store.RECORD, store.RANKS, WEIGHTS, TOPK)
CHUNK = 256
"""Users that are scored at once."""
CLOSE = 1e-4
"""Relative difference that a score may have on another machine."""

Lines = list[tuple[str, str, float]]


def export(
    runs: Path,
    run: str,
    out: Path,
    k: int,
    path: str | None,
    history: str = "known",
    titled: bool = False,
    titles: str | None = None,
) -> str:
    """Write the bundle of a recorded run, with the k best items of every user, and say so.

    ``history`` says which events lists look back on, and ``titles`` which file names the items, see ``recommend``;
    ``titled`` lists end with these names. A bundle's look back on what stands before the test and hold ids alone.
    Raises InputError for a run that is not there and where the data are not those of the run or have no titles.
    """
    require_choice("history", history, HISTORIES)
    if out.suffix not in (".tsv", ".zip"):
        raise InputError(f"out must end in .zip, a bundle, or in .tsv, the lists alone, got {str(out)!r}")
    if out.suffix == ".zip" and (history == "all" or titled):
        asked = "history=all" if history == "all" else "titles=true"
        raise InputError(f"{asked} is for lists alone, out=lists.tsv: those of a bundle stand for the test's ranks")
    folder = store.resolve(runs, run)
    record = store.read(folder)
    planned = plan_of(record, path, titles)
    events = history_of(planned, history)
    lines = topk(events, restored(folder, record, planned), k)
    notes = "".join(f"{line}\n" for line in about_changes(record, planned) + about_untrained(planned, events))
    lists = f"{k} items of each user, {looking_back(planned, events)}"
    text = as_text(lines, names_of(planned) if titled else None)
    if out.suffix == ".tsv":
        whole.write_text(out.resolve(), text)
        return f"wrote {out}: {lists}\n{notes}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in (store.RECORD, store.RANKS, WEIGHTS):
            if (folder / name).is_file():
                bundle.write(folder / name, name)
        bundle.writestr(TOPK, text)
    whole.write_bytes(out.resolve(), buffer.getvalue())
    return f"wrote {out}: run {record.identity[:16]}, {lists}\n{notes}"


def names_of(planned: Plan) -> dict[str, str]:
    """Return an item's id -> its title, on one line and without a tab; InputError where the data have none."""
    data = planned.interactions
    if data.titles is None:
        raise InputError(f"titles=true needs titles, and {data.name} has none: name their file, dataset.titles=FILE")
    return {item: " ".join(title.split()) for item, title in zip(data.item_ids, data.titles, strict=True)}


def as_text(lines: Lines, names: Mapping[str, str] | None) -> str:
    """Return lists as text with tabs, a header first; with ``names`` the title of each item last."""
    rows = [[user, item, f"{score:.9g}", *([] if names is None else [names[item]])] for user, item, score in lines]
    return "".join("\t".join(row) + "\n" for row in [[HEADER, *([] if names is None else ["title"])], *rows])


def verify(file: Path, path: str | None) -> str:
    """Check a bundle and return what was checked. Raises InputError that names the first mismatch."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "bundle"
        unpacked(file, folder)
        try:
            record = store.read(folder)
        except InputError as error:
            raise InputError(str(error).replace(str(folder), str(file))) from error
        said = [f"{file}: run {record.identity[:16]}, {record.model} on {record.data['name']}"]
        check_metrics(record)
        said.append(f"{len(record.metrics['test'])} test metrics follow from the ranks of {len(record.ranks)} targets")
        try:
            planned = plan_of(record, path, fetch=False)
        except Exception as error:
            # Hydra wraps what a source of data says
            told = next((str(each) for each in causes(error) if isinstance(each, InputError)), None)
            if told is None or "was trained on other data" in told:
                raise
            return "\n".join([*said, f"not scored again, and its validation metrics not checked: {told}"]) + "\n"
        said += about_changes(record, planned)
        model = restored(folder, record, planned)
        said.append(check_ranks(record, planned, model))
        said.append(check_valid(record, planned, model))
        lines = read_topk(folder / TOPK)
        check_topk(lines, *(topk(planned.split.known, model, most_of(lines) * more) for more in (1, 2)))
        return "\n".join([*said, f"scored again: the {len(lines)} lines of {TOPK} are its best items"]) + "\n"


def unpacked(file: Path, folder: Path) -> None:
    """Take the files of a bundle, and no others, out of the zip."""
    require(file.is_file(), "verify needs a bundle that exists", str(file))
    folder.mkdir()
    try:
        with zipfile.ZipFile(file) as bundle:
            for name in FILES:
                if name in bundle.namelist():
                    (folder / name).write_bytes(bundle.read(name))
                elif name != WEIGHTS:
                    raise InputError(f"{file} is no bundle: {name} is missing")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise InputError(f"{file} is no whole zip: {' '.join(str(error).split())}") from error


def check_topk(given: Lines, expected: Lines, more: Lines) -> None:
    """Raise InputError at the first line of the lists that the weights do not give; ``more`` are longer lists.

    Two items may change places where their scores differ as little as between two machines.
    """
    require(len(given) == len(expected), f"{TOPK} must have {len(expected)} lines", len(given))
    require(len({line[:2] for line in given}) == len(given), f"{TOPK} must name an item of a user once", "one twice")
    known = {line[:2]: line[2] for line in more}
    for number, (told, line) in enumerate(zip(given, expected, strict=True), 2):
        scores = (line[2], known.get(told[:2], math.nan))
        if told[0] != line[0] or not all(math.isclose(told[2], each, rel_tol=CLOSE, abs_tol=CLOSE) for each in scores):
            raise InputError(f"{TOPK}, line {number}, must be {line}, scored again, got {told}")


def read_topk(file: Path) -> Lines:
    """Tab-separated lists -> (user's id, item's id, score) a line; InputError names a line that is none."""
    header, *rows = file.read_text().splitlines() or [""]
    require(header == HEADER, f"{TOPK} must begin with {HEADER!r}", header)
    lines: Lines = []
    for number, row in enumerate(rows, 2):
        try:
            user, item, score = row.split("\t")
            lines.append((user, item, float(score)))
        except ValueError as error:
            raise InputError(f"{TOPK}, line {number}, must be a user, an item and a score, got {row!r}") from error
    return lines


def most_of(lines: Lines) -> int:
    """Return k: the length of the longest list."""
    users = [user for user, _, _ in lines]
    return int(np.unique(users, return_counts=True)[1].max()) if users else 1


@torch.inference_mode()
def topk(history: Interactions, model: Any, k: int) -> Lines:
    """Return the k best items that each user has not met in these events, best first."""
    lines = list[tuple[str, str, float]]()
    last = history.offsets[1:][np.diff(history.offsets) > 0] - 1
    for begin in range(0, len(last), CHUNK):
        chunk = history.take(last[begin : begin + CHUNK])
        asked = queries(history, chunk, maxlen=model.maxlen, device=CPU)
        scores = model.score(asked.users, asked.windows).clone()
        scores[:, PAD] = -torch.inf
        for row, user in enumerate(asked.users.tolist()):
            seen = history.items[history.offsets[user] : history.offsets[user + 1]]
            scores[row, torch.from_numpy(seen.astype(np.int64))] = -torch.inf
            best = scores[row].topk(min(k, int(scores[row].isfinite().sum())))
            lines += [
                (str(history.user_ids[user]), str(history.item_ids[item]), float(score))
                for score, item in zip(best.values.tolist(), best.indices.tolist(), strict=True)
            ]
    return lines
