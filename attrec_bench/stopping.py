"""Stopping: Ctrl-C and SIGTERM end a process soon, and a training at the end of its epoch if that is soon enough."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

GRACE = 0.7
"""Seconds that a stop waits for the end of an epoch: whoever pressed Ctrl-C has the prompt back within two."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(eq=False)
class Stop:
    """A request to stop that waits for a good moment; ``asked`` is its signal, None until somebody asks."""

    asked: int | None = None

    def obey(self) -> None:
        """Let the signal do what it would have done when it came, if there was one: a good moment has come."""
        if self.asked is not None:
            signal.raise_signal(self.asked)  # a second time: it waits no longer


@contextmanager
def stoppable(worth_waiting: Callable[[], bool]) -> Iterator[Stop]:
    """Let SIGINT and SIGTERM wait up to GRACE for ``obey``; at once where it is not worth it, or asked twice.

    What they do then is what they did before, also where another program (a cluster's launcher) has its own handler
    for them; a signal that is ignored stays ignored. Only the main thread can do this; elsewhere nothing changes.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.asked is None and worth_waiting():
            stop.asked = number
            timer.args = (threading.main_thread().ident, number)
            timer.start()
        else:
            _as_before(before[signal.Signals(number)], number, frame)

    timer = threading.Timer(GRACE, signal.pthread_kill)
    timer.daemon = True
    for number, handler in before.items():
        if handler not in (signal.SIG_IGN, None):
            signal.signal(number, handle)
    try:
        yield stop
    finally:
        timer.cancel()
        for number, handler in before.items():
            if signal.getsignal(number) is handle:
                signal.signal(number, handler)


def _as_before(handler: Any, number: int, frame: FrameType | None) -> None:
    """Do what a signal did before."""
    if callable(handler):
        handler(number, frame)
    else:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def end_on_term() -> None:
    """Let SIGTERM end this process as Ctrl-C does: half-made files are removed, and the exit code says which it was."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def exit_code(error: KeyboardInterrupt) -> int:
    """Return 128 plus the signal's number, as shells have it: 130 for Ctrl-C, 143 for SIGTERM.

    An interrupt that names no number (a worker's, which is asked to end in several ways) counts as Ctrl-C.
    """
    number = error.args[0] if error.args else None
    return 128 + (number if isinstance(number, int) else signal.SIGINT)


def leave(code: int) -> NoReturn:
    """End this process now. An ordinary exit takes torch and numba a second or more to put away, for nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not become a traceback
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
