"""MLflow kept short and quiet, from outside: by its environment variables and its loggers. Nothing is imported."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

SETTINGS = {  # a run must not wait for a server that is down
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@contextmanager
def impatient() -> Iterator[None]:
    """Give MLflow the SETTINGS that the user's environment does not give; afterwards it is as before."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def silent(*names: str) -> Iterator[None]:
    """Let the loggers of these names say nothing."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
