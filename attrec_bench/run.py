"""Plan -> trained model -> Record: train, choose on validation, test once, write down."""

import io
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from attrec_bench.contract import Counter, Learner, Scorer
from attrec_bench.data.audit import audit, footnote
from attrec_bench.data.interactions import Interactions, Ints
from attrec_bench.data.splits import Split
from attrec_bench.errors import require_bool, require_number, require_whole
from attrec_bench.evaluation.candidates import lists, ranks_in
from attrec_bench.evaluation.metrics import Ranks, means
from attrec_bench.evaluation.ranks import look
from attrec_bench.plan import Plan, plan
from attrec_bench.results import checkpoint, machine, store
from attrec_bench.results.cautions import MANY, left_out
from attrec_bench.results.record import Record
from attrec_bench.training.batches import batches, never_targets
from attrec_bench.training.progress import reporter
from attrec_bench.training.steps import in_its_fastest_form
from attrec_bench.training.trainer import Keeper, Progress, as_module, fit, monitored

WEIGHTS = "weights.pt"

log = logging.getLogger(__name__)

Keep = Callable[[torch.nn.Module, torch.device], AbstractContextManager[Keeper | None]]
"""Opens what keeps the state of a training of this model."""


def run(config: DictConfig, name: str, command: str) -> tuple[Record, bool]:
    """Train, choose, test and record one model, or find the record of the same run. Return (record, found).

    ``name`` is the model's choice on the command line, ``command`` what repeats the run.
    Raises InputError for a mistake in the configuration, FloatingPointError for a model that diverges.
    """
    require_whole("threads", config.threads, 1)
    require_bool("force", config.force)
    if config.checkpoint is not None:
        require_number(
            "checkpoint", config.checkpoint, "be a number of seconds of at least 0, or null", lambda n: n >= 0
        )
    torch.set_num_threads(config.threads)
    machine.reset_peak_memory()
    planned, root = plan(config, name), Path(config.runs)
    with store.lock(root, planned.identity):
        found = store.find(root, planned.identity)
        if found is not None or config.force:  # of an earlier training, which has ended
            checkpoint.discard(root, planned.identity)
        if found is not None and not config.force:
            return found, True
        model, record = trained(planned, command, checkpoint.Place(root, planned.identity, config.checkpoint))
        record = replace(record, created=store.in_order(root, record.created, found))
        if found is not None:
            log.info("%s", repeated(found, record))
        store.save(root, record, lambda folder: save_weights(model, folder / WEIGHTS), force=config.force)
        checkpoint.discard(root, planned.identity)
        return record, False


def repeated(before: Record, again: Record) -> str:
    """Say whether a run that was trained again has led to the same ranks."""
    run = f"run {again.identity[:16]} was trained again"
    if np.array_equal(before.ranks, again.ranks):
        return f"{run}, to the same rank of every target as recorded"
    moved = float(np.mean(before.ranks != again.ranks))
    old, new = (each.metrics["test"]["MRR"] for each in (before, again))
    return f"{run}, to other ranks for {moved:.1%} of the targets: MRR {new:.6f}, recorded was {old:.6f}"


def validated(config: DictConfig, name: str, watch: Callable[[dict[str, float]], None]) -> float:
    """Train one configuration and return the best value of ``train.monitor`` on validation. No test event is in reach.

    ``watch`` is called with each epoch's row of the history and may raise to stop; a model that is fitted in one go has
    one row, that of epoch 1. Errors are those of ``run``.
    """
    planned = plan(config, name)
    split = planned.split.blind()
    blind = replace(planned, split=split, interactions=split.known)
    model, progress = learnt(blind, split, validate=True, watch=watch)
    if isinstance(model, Learner):
        return progress.best_value
    users, ranks = scored(blind, model, split.before, split.valid, progress, "valid")
    row = {"epoch": 1, **means(ranks, users=users)}
    value = monitored(row, config.train.monitor)
    watch(row)
    return value


def trained(planned: Plan, command: str, place: checkpoint.Place) -> tuple[Scorer, Record]:
    """Train, choose on validation, test once; ``place`` is for what an interrupted training goes on from."""
    split, data = planned.split, planned.interactions
    started = perf_counter()
    model, progress = learnt(planned, split, validate=True, keep=partial(place.kept, "fit"))
    valid_users, valid = scored(planned, model, split.before, split.valid, progress, "valid")
    seconds = {"fit": perf_counter() - started + progress.earlier}
    if planned.config["protocol"]["refit"]:
        started = perf_counter()
        keep = partial(place.kept, "refit")
        model, again = learnt(planned, split.refit(), validate=False, epochs=progress.best_epoch, keep=keep)
        seconds["refit"] = perf_counter() - started + again.earlier
    tested = perf_counter()
    users, test = scored(planned, model, split.known, split.test, progress, "test")
    seconds["test"] = perf_counter() - tested
    return model, Record(
        identity=planned.identity,
        model=planned.name,
        config=planned.config,
        data={
            "name": planned.config["dataset"]["name"],
            "sha256": data.sha256,
            "users": data.n_users,
            "items": data.n_items,
            "interactions": len(data),
            "clock": data.clock,
            "removed": dict(data.removed),
            "lost": {setting: list(each) for setting, each in data.lost.items()},
            "audit": footnote(audit(data, split.refit() if planned.config["protocol"]["refit"] else split)),
        },
        code=planned.code,
        metrics={"valid": means(valid, users=valid_users), "test": means(test, users=users)},
        users=users,
        ranks=test,
        history=progress.history,
        epochs=progress.best_epoch or None,
        seconds=seconds,
        peak_memory_mib=machine.peak_memory_mib(),
        versions=machine.versions(),
        git=planned.git,
        hardware=machine.hardware() | {"device": str(planned.device)},
        command=command,
        created=machine.now(),
        never_targets=unlearnt(planned, model, split) if isinstance(model, Learner) else None,
    )


def learnt(
    planned: Plan,
    split: Split,
    *,
    validate: bool,
    epochs: int | None = None,
    watch: Callable[[dict[str, float]], None] | None = None,
    keep: Keep | None = None,
) -> tuple[Scorer, Progress]:
    """Make a model and let it learn from ``split.train``; chosen on ``split.valid`` or trained for ``epochs``.

    ``watch`` is called with each epoch's row of the history and may raise to stop; ``keep`` opens what keeps the state.
    """
    model = on_device(planned.build_model(), planned.device)
    if isinstance(model, Counter):
        model.fit(split.train)
    if not isinstance(model, Learner):
        return model, Progress()
    settings = dict(planned.config["train"]) | ({} if epochs is None else {"epochs": epochs})
    trainer = {key: settings.pop(key) for key in ("epochs", "patience", "eval_every", "monitor")}
    del settings["optimizer"]
    data = batches(
        split.train, maxlen=model.maxlen, T=model.T, seed=planned.config["seed"], device=planned.device, **settings
    )
    if validate and (share := unlearnt(planned, model, split)) > MANY:
        log.warning("%s", left_out(share))
    asked = lists(
        split.before, split.valid, planned.ranking, maxlen=model.maxlen, device=planned.device, purpose="valid"
    )
    with torch.no_grad():  # once, and before an hour of training: it would cost a tenth of a short ranking
        as_module(model).eval()
        look(model, asked.asked)
    keeping = nullcontext() if keep is None else keep(as_module(model), planned.device)
    with reporter(planned.name, trainer["epochs"], trainer["monitor"]) as show, keeping as keeper:

        def report(row: dict[str, float]) -> None:
            show(row)
            if watch is not None:
                watch(row)

        def validation() -> dict[str, float]:
            return means(ranks_in(model, asked, name=planned.name, looked=True), users=asked.users)

        progress = fit(
            model,
            data,
            optimizer=in_its_fastest_form(planned.optimizer, planned.device),
            validate=validation if validate else None,
            report=report,
            keeper=keeper,
            **trainer,
        )
    return model, progress


def unlearnt(planned: Plan, model: Learner, split: Split) -> float:
    """Return the share of the training events after a user's first that are never a target."""
    windows = planned.config["train"]["windows"]
    return never_targets(split.train, maxlen=model.maxlen, T=model.T, windows=windows)


def scored(
    planned: Plan, model: Scorer, history: Interactions, targets: Interactions, progress: Progress, purpose: str
) -> tuple[Ints, Ranks]:
    """Return the user and the rank of each target [n]; an error names the epoch that was chosen."""
    name = f"{planned.name} of epoch {progress.best_epoch}" if progress.history else planned.name
    asked = lists(history, targets, planned.ranking, maxlen=model.maxlen, device=planned.device, purpose=purpose)
    return asked.users, ranks_in(model, asked, name=name)


def on_device(model: Any, device: torch.device) -> Any:
    """Move a model's parameters and buffers, where it has some.

    A card is told to compute in float32 and in the same order each time; its library for recurrent networks would
    otherwise round to 10 bits.
    """
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = False, True
    return model.to(device) if isinstance(model, torch.nn.Module) else model


def save_weights(model: Any, file: Path) -> None:
    """Write the parameters of a model that learns by gradient; others are counted anew from the data."""
    if isinstance(model, torch.nn.Module) and isinstance(model, Learner):
        buffer = io.BytesIO()  # torch.save itself says of a full disk "unexpected pos 62400"
        torch.save(model.state_dict(), buffer)
        file.write_bytes(buffer.getvalue())
