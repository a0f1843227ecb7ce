"""Notes on how far the rows of a table may be trusted beside one another: trainings that were cut short, one seed."""

from collections.abc import Mapping, Sequence

from attrec_bench.results.record import Record


def cut_short(rows: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return a note for each number of epochs that was too few for some runs: the last one allowed was their best.

    ``rows`` gives the records of each label. Such a model was still improving, so that another one's lead on it may be
    a matter of time.
    """
    by_limit: dict[int, list[str]] = {}
    for label, records in rows.items():
        limits = {limit for record in records if (limit := _limit(record)) and record.epochs == limit}
        for limit in sorted(limits):
            by_limit.setdefault(limit, []).append(label)
    return [_cut_short(limit, {label: rows[label] for label in labels}) for limit, labels in by_limit.items()]


def _cut_short(limit: int, rows: Mapping[str, Sequence[Record]]) -> str:
    records = [record for each in rows.values() for record in each]
    cut = sum(record.epochs == limit for record in records)
    return (
        f"{cut} of {len(records)} runs of {', '.join(rows)} chose their last allowed epoch ({limit}): longer training "
        "may change them"
    )


def _limit(record: Record) -> int | None:
    """Return how many epochs a run was allowed; None for a model without epochs."""
    return None if record.config["train"] is None else record.config["train"].get("epochs")


def one_seed(marked: Mapping[str, Sequence[Record]], baseline: Sequence[Record]) -> list[str]:
    """Return a note on the marked rows whose comparison with the baseline rests on one seed of either.

    Models without a seed give the same with any, so that nothing is missing there.
    """
    labels = [label for label, records in marked.items() if _is_one_seed(records) or _is_one_seed(baseline)]
    if not labels:
        return []
    return [
        f"The marks of {', '.join(labels)} rest on one seed: they are about these runs, not about what other seeds "
        "would give"
    ]


def _is_one_seed(records: Sequence[Record]) -> bool:
    seeds = {record.config["seed"] for record in records}
    return len(seeds) == 1 and seeds != {None}
