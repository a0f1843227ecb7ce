"""A recorded run -> what its model recommends to one user, with the window it looked at."""

import logging
import shlex
from dataclasses import replace
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf, open_dict

from attrec_bench import targets
from attrec_bench.configuration import composed
from attrec_bench.contract import Counter
from attrec_bench.data.interactions import PAD, Interactions
from attrec_bench.data.reading import titled
from attrec_bench.errors import InputError, require_choice
from attrec_bench.evaluation.ranks import queries
from attrec_bench.history import HISTORIES, about_untrained, history_of, looking_back, trained_on
from attrec_bench.outside import files_of, is_own, shown
from attrec_bench.plan import Plan, build, class_of, plan
from attrec_bench.results import store
from attrec_bench.results.program import SHARED
from attrec_bench.results.record import Record
from attrec_bench.run import WEIGHTS

CPU = torch.device("cpu")

UNFILTERED = {
    "titles": None,
    "min_rating": None,
    "duplicates": "keep",
    "min_user_events": None,
    "min_item_events": None,
    "k_core": None,
}
"""A data set's settings under which nothing is left out, and nothing named."""

log = logging.getLogger(__name__)


def recommend(
    runs: Path, run: str, user: str, k: int, path: str | None, titles: str | None = None, history: str = "known"
) -> str:
    """Runs folder, start of a run's identity, a user's original id -> lines of text.

    ``path`` says where the run's data lie now, if not where they lay, ``titles`` which file names its items, if not
    the one that the run was given, and ``history`` (``HISTORIES``) which events the model looks back on. Raises
    InputError for a run or a user that is not there, and when the data are not those of the run.
    """
    require_choice("history", history, HISTORIES)
    folder = store.resolve(runs, run)
    record = store.read(folder)
    planned = plan_of(record, path, titles)
    if user not in planned.interactions.user_ids:
        raise InputError(_not_there(record, path, planned.interactions, user))
    index = user_index(planned.interactions, user)
    events = history_of(planned, history)
    if not (events.users == index).any():
        raise InputError(
            f"user {user!r} has no event before the test, so there is nothing to recommend from; "
            "history=all looks back on all events"
        )
    return text(record, planned, restored(folder, record, planned), events, index, k)


def restored(folder: Path, record: Record, planned: Plan) -> Any:
    """Return a recorded run's model as it was trained: its weights read, its counts made anew from its training events.

    Raises InputError where the weights are not as they were written, or do not fit the class as it is now.
    """
    model: Any = planned.build_model()
    if isinstance(model, Counter):
        model.fit(trained_on(planned))
    if (folder / WEIGHTS).is_file():
        weights = torch.load(store.checked_file(folder, WEIGHTS), weights_only=True)
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            why = " ".join(str(error).split())
            said = changed_code(record, planned) or "the model is made otherwise"
            raise InputError(f"the weights of run {record.identity[:16]} do not fit: {said} ({why})") from error
    if isinstance(model, torch.nn.Module):
        model.eval()
    return model


def plan_of(record: Record, path: str | None, titles: str | None = None, *, fetch: bool = True) -> Plan:
    """Rebuild a recorded run's plan: model and protocol as recorded, only the data's place from its command.

    Without ``fetch`` data that are not on this machine are not downloaded: InputError. Titles are no part of a run:
    ``titles`` names another file of them, and one that is gone is told and not missed.
    """
    config = _config_of(record, path)
    if not fetch and "url" in config.dataset:
        config.dataset.url = None
    recorded = config.dataset.get("titles")
    if recorded is not None:
        config.dataset.titles = None
    require_class(record)
    planned = plan(config, record.model)
    if planned.interactions.sha256 != record.data["sha256"]:
        raise InputError(
            f"run {record.identity[:16]} was trained on other data (sha256 {record.data['sha256'][:16]}) than "
            f"{record.data['name']} holds now ({planned.interactions.sha256[:16]}); give dataset.path=FILE for the "
            f"earlier ones, or train on today's: {record.command}"
        )
    return _with_titles(planned, config.dataset.get("path"), recorded, titles)


def _config_of(record: Record, path: str | None) -> DictConfig:
    given = [each for each in shlex.split(record.command)[2:] if not each.lstrip("+~").startswith("hydra")]
    try:
        config = composed(given + ([] if path is None else [f"dataset.path={path}"]), trusted=False)
    except MissingConfigException as error:
        file = f"conf/{error.missing_cfg_file}.yaml"
        raise InputError(
            f"run {record.identity[:16]} was made with {file}, which is looked for in the current folder "
            f"({Path.cwd()}) and is not there: start the same command in the folder of that conf/ and the class"
        ) from error
    with open_dict(config):
        config.model = OmegaConf.create(dict(record.config["model"]))
        config.protocol = OmegaConf.merge(config.protocol, record.config["protocol"])
        config.device, config.w, config.gamma, config.maxlen = "cpu", None, None, None
    return config


def require_class(record: Record) -> None:
    """Raise InputError where the file of the run's class is not found; one that is not trusted is not looked for."""
    target = str(record.config["model"]["_target_"])
    targets.check({"_target_": target})
    module = target.partition(".")[0]
    if find_spec(module) is None:
        raise InputError(
            f"run {record.identity[:16]} is of the class {target}, whose {module}.py is looked for in the current "
            f"folder ({Path.cwd()}) and is not there: start the same command in the folder where it lies"
        )


def changed_code(record: Record, planned: Plan) -> str | None:
    """Return what has changed since the run, as "decaymodel.py has"; None where its program is today's.

    A record knows the sum of what every run goes through and that of the model's own files together.
    """
    shared, own = (slice(0, SHARED), slice(SHARED, None))
    files = files_of(class_of(planned.config["model"]["_target_"]))
    names = [shown(file) if is_own(file) else f"{file.stem}.py of this suite" for file in files]
    parts = [" or ".join(names)] if planned.code[own] != record.code[own] else []
    parts += ["the training or ranking of this suite"] if planned.code[shared] != record.code[shared] else []
    return f"{' and '.join(parts)} {'have' if len(parts) > 1 else 'has'} changed since this run" if parts else None


def about_changes(record: Record, planned: Plan) -> list[str]:
    """Return the note that a list may not be the one that the run's own program would give; none where it is that."""
    said = changed_code(record, planned)
    return [] if said is None else [f"note: {said}: the recorded run's own model might give another list"]


def _with_titles(planned: Plan, path: str | None, recorded: str | None, titles: str | None) -> Plan:
    """The same plan, whose items are called as ``titles`` says, else as the file that the run was given does."""
    named = recorded if titles is None else titles
    if named is None:
        return planned
    beside = None if path is None else Path(path).expanduser()
    try:
        return replace(planned, interactions=titled(planned.interactions, named, beside))
    except InputError as error:
        if titles is not None:
            raise
        log.warning("%s; items are shown by their ids", error)
        return planned


def user_index(data: Interactions, user: str) -> int:
    """Original id -> index; the user must be there."""
    return int(np.flatnonzero(data.user_ids == user)[0])


def _not_there(record: Record, path: str | None, data: Interactions, user: str) -> str:
    """Why nothing can be recommended to this user: filters have left out all the user's events, or there are none."""
    config = _config_of(record, path)
    config.dataset.update({name: value for name, value in UNFILTERED.items() if name in config.dataset})
    whole: Interactions = build(config.dataset)
    if user in whole.user_ids:
        events = int(np.sum(whole.users == user_index(whole, user)))
        return f"user {user!r} has {events} events, and the run left out all of them: {', '.join(data.removed)}"
    near = get_close_matches(user, data.user_ids.tolist(), n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    every = f"; for every user: attrec-bench export run={record.identity[:16]} out=lists.tsv" if user == "all" else ""
    examples = ", ".join(data.user_ids[:5])
    return f"user must be one of the {data.n_users} users ({examples}, ...), got {user!r}{hint}{every}"


@torch.inference_mode()
def text(record: Record, planned: Plan, model: Any, history: Interactions, user: int, k: int) -> str:
    """Return the lines: the window with its attention, then the k best unseen items with their scores."""
    own, data = history.users == user, planned.interactions
    asked = queries(history, history.take(np.flatnonzero(own)[-1:]), maxlen=model.maxlen, device=CPU)
    scores = model.score(asked.users, asked.windows)[0].clone()
    scores[torch.from_numpy(history.items[own].astype(np.int64))] = -torch.inf
    scores[PAD] = -torch.inf
    best = scores.topk(min(k, int(scores.isfinite().sum())))
    lines = [f"{record.model} ({record.identity[:16]}) on {record.data['name']}, user {data.user_ids[user]}"]
    lines += about_changes(record, planned) + about_untrained(planned, history.take(own))
    if model.maxlen:
        lines += window_lines(data, model, asked.windows)
    lines.append(
        f"the {len(best.values)} best items that the user has not met, {looking_back(planned, history, user)}:"
    )
    for place, (score, item) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True), 1):
        lines.append(f"{place:>4}  {score:>10.4f}  {title(data, item)}")
    return "\n".join(lines) + "\n"


def window_lines(data: Interactions, model: Any, windows: torch.Tensor) -> list[str]:
    """Return a line for each item of the window [1, L], the latest last, with the attention it receives."""
    attention = model.received_attention(windows)[0] if hasattr(model, "received_attention") else None
    lines = ["its last items" + (", and the attention each receives:" if attention is not None else ":")]
    for place, item in enumerate(windows[0].tolist()):
        if item != PAD:
            weight = f"{float(attention[place]):>9.1%}  " if attention is not None else " " * 6
            lines.append(f"{weight}{title(data, item)}")
    return lines


def title(data: Interactions, item: int) -> str:
    """Return the item's title where the data have one, and its original id."""
    own = data.item_ids[item]
    return f"item {own}" if data.titles is None or data.titles[item] == own else f"{data.titles[item]} ({own})"
