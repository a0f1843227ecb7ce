"""Notes on how far the rows of a table may be trusted: trainings that were cut short, few seeds, an unsure gain."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from attrec_bench.evaluation.comparison import Comparison
from attrec_bench.evaluation.statistics import LEVEL, ROUNDING
from attrec_bench.results.captions import count, seeds
from attrec_bench.results.draws import draws, levels, whole
from attrec_bench.results.record import Record

MANY = 0.2
"""Share of events that a training may leave out unsaid."""

Interval = tuple[float, float]

FEWEST = 3
"""Seeds, and tie draws where they vary, that an interval must rest on before it may judge another figure: of two, t is
12.7."""


def cut_short(rows: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return a note for each number of epochs that ended the training of some runs before their patience did.

    ``rows`` gives the records of each label. Such a model may still have been improving, so that another one's lead on
    it may be a matter of time.
    """
    by_limit: dict[int, list[str]] = {}
    for label, records in rows.items():
        for limit in sorted({record.config["train"]["epochs"] for record in records if _ended_by_limit(record)}):
            by_limit.setdefault(limit, []).append(label)
    return [_cut_short(limit, {label: rows[label] for label in labels}) for limit, labels in by_limit.items()]


def _cut_short(limit: int, rows: Mapping[str, Sequence[Record]]) -> str:
    records = [record for each in rows.values() for record in each]
    cut = sum(map(_ended_by_limit, records))
    return (
        f"{cut} of {count(len(records), 'run')} of {', '.join(rows)} {'was' if cut == 1 else 'were'} ended by the "
        f"limit of {count(limit, 'epoch')} and not by patience: longer training may change them"
    )


def _ended_by_limit(record: Record) -> bool:
    """Whether a training had all the epochs it was allowed and would have gone on with more: the trainer's own rule.

    The history is that of the training that chose the epoch, also where the model was trained again afterwards.
    """
    train = record.config["train"] or {}
    limit, patience, eval_every = (train.get(key) for key in ("epochs", "patience", "eval_every"))
    if record.epochs is None or limit is None or patience is None or eval_every is None:
        return False
    return bool(len(record.history) == limit and limit - record.epochs < patience * eval_every)


def untaught(rows: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return a note on the models whose windows left out many of the events that others learnt from.

    ``rows`` gives the records of each label.
    """
    shares = {
        label: max((record.never_targets or 0.0 for record in records), default=0.0) for label, records in rows.items()
    }
    return [f"{label}: {left_out(share)}" for label, share in shares.items() if share > MANY]


def left_out(share: float) -> str:
    """Say what ``train.windows=full`` costs, given the share of events that are never a target."""
    return (
        f"with train.windows=full {share:.0%} of the training events after a user's first are never a target, most of "
        "them of users with short histories; train.windows=padded learns from all"
    )


def thin(rows: Mapping[str, Sequence[Record]], intervals: Mapping[str, Mapping[str, Interval | None]]) -> list[str]:
    """Return one note on intervals that promise more than they rest on: two values, or values that happen to agree.

    ``rows`` gives the records of each label, ``intervals`` the interval of each of its metrics.
    """
    two: dict[str, list[str]] = {}
    for label, records in rows.items():
        for noun, number in levels(records).items():
            if number == 2 and any(intervals[label].values()):
                two.setdefault(noun, []).append(label)
    alike = {label: _alike(records, intervals[label]) for label, records in rows.items()}
    equal = "; ".join(f"{label} in {', '.join(metrics)}" for label, metrics in alike.items() if metrics)
    said = [
        f"The intervals of {', '.join(labels)} rest on two {noun}s, one degree of freedom (t = 12.7), and can reach "
        f"below 0: take more {noun}s"
        for noun, labels in two.items()
    ]
    said += [f"Equal values of all seeds ({equal}) are no certainty: counts can coincide"] if equal else []
    return [". ".join(said)] if said else []


def _alike(records: Sequence[Record], intervals: Mapping[str, Interval | None]) -> list[str]:
    """Return the metrics in which several seeds agree though their ranks do not."""
    if len(seeds(records)) < 2 or len(draws(records)) > 1:
        return []
    if all(np.array_equal(record.ranks, records[0].ranks) for record in records[1:]):
        return []  # the seed changes nothing, which is no coincidence
    return [metric for metric, interval in intervals.items() if interval is not None and not has_width(interval)]


def draws_alone(rows: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return a note on the rows with one seed and several tie draws, whose intervals cannot tell of seeds."""
    alone = [label for label, records in rows.items() if levels(records).get("seed") == 1 < len(draws(records))]
    if not alone:
        return []
    return [
        f"The intervals of {', '.join(alone)} hold tie draws only: of one seed, they say nothing of what other seeds "
        "would give"
    ]


def has_width(interval: Interval) -> bool:
    """Whether an interval is more than one value and the rounding of its sum."""
    low, high = interval
    return high - low > ROUNDING


def unjudged(records: Sequence[Record], interval: Interval | None) -> str:
    """Return why the interval of a row cannot judge another figure; nothing where it can.

    It must rest on several values of every level that could move the row's value.
    """
    sizes = levels(records)
    if interval is None:
        over = " x ".join(count(number, noun) for noun, number in sizes.items()) or "no seed"
        return f"no interval: {over}{'' if whole(records) else ', of which some runs are missing'}"
    few = [count(number, noun) for noun, number in sizes.items() if number < FEWEST]
    if few:
        return f"not judged by our interval: {' and '.join(few)}"
    return (
        "" if has_width(interval) else f"not judged by our interval: equal {' and '.join(f'{noun}s' for noun in sizes)}"
    )


def unsure(improvement: Mapping[str, float | None], found: Iterable[Comparison]) -> list[str]:
    """Return a note on the metrics in which an improvement that is shown is not significant.

    ``improvement`` gives the share of each metric, None where none is shown; ``found`` are the comparisons of that
    model with its baseline.
    """
    open_ones = [each for each in found if improvement[each.metric] is not None and not significant(each)]
    if not open_ones:
        return []
    model, baseline = open_ones[0].model, open_ones[0].baseline
    metrics = ", ".join(each.metric for each in open_ones)
    return [f"Improv. of {model} over {baseline}: not significant in {metrics}, after Holm's correction"]


def significant(each: Comparison) -> bool:
    """Whether a difference is told from 0 at the level of every test, after correction."""
    return each.corrected <= 1 - LEVEL


def marked(each: Comparison) -> bool:
    """Whether a difference is told by a mark: significant, and its mean on the side that the test finds."""
    return significant(each) and not each.contrary


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
    return len({record.config["seed"] for record in records}) == len(seeds(records)) == 1
