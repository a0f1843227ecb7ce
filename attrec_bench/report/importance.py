"""A finished study in its storage -> how much each swept setting mattered."""

import json
from pathlib import Path

from attrec_bench.errors import InputError
from attrec_bench.results.ledger import FOLDER
from attrec_bench.sweeping.storage import opened

LEAST = 5
"""Complete trials below which an importance is chance alone."""

SEED = 0
"""Of fANOVA's forest: the same study gives the same shares."""


def importance(runs: Path, study: str, storage: str | None) -> list[tuple[str, float]]:
    """Return (key, share of the variance of a trial's value that it explains), the largest first.

    By fANOVA (Hutter, Hoos & Leyton-Brown, ICML 2014), as Optuna has it, over the complete trials; a pruned trial has
    no value of its own. InputError where the study cannot be read or has fewer than LEAST complete trials.
    """
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    where = storage or str(runs / FOLDER / "studies.journal")
    if "://" not in where and not _is_journal(Path(where)):
        raise InputError(f"no study at {where}: say storage=FILE or storage=postgresql://user@host/database")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials = opened(where).trials
    try:
        found = optuna.load_study(study_name=study, storage=trials)
    except KeyError as error:
        raise InputError(f"no study {study} at {where}") from error
    complete = found.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    if len(complete) < LEAST:
        raise InputError(f"{study} has {len(complete)} complete trials, importance needs {LEAST}")
    if len({trial.value for trial in complete}) == 1:
        raise InputError(f"all complete trials of {study} have one value")
    shares = get_param_importances(found, evaluator=FanovaImportanceEvaluator(seed=SEED))
    return sorted(shares.items(), key=lambda pair: -pair[1])


def _is_journal(file: Path) -> bool:
    """Whether a file is a journal of Optuna's. Asked before it is opened, which cuts a torn last line off."""
    try:
        with file.open() as stream:
            first = json.loads(stream.readline())
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and "op_code" in first
