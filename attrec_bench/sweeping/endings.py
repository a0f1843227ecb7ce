"""How a worker is told to end: always as if by Ctrl-C, so that it gives its trial back at once.

Ctrl-C                                     KeyboardInterrupt, Python's own
standard input ends                        the sweep that started this worker is gone
SIGTERM                                    scancel, a time limit: SIGKILL follows within seconds
SIGUSR1, SIGUSR2, where a launcher has     a time limit or preemption comes; submitit requeues the job or raises an
a handler for them                         ordinary error, which would be taken for the trial's own
"""

import os
import signal
import threading
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

BEGUN = threading.Event()
"""That an interrupt has been heard. Python drops one that arrives in a finalizer, so it may have to be repeated."""

AGAIN = 1.0
"""Seconds between two interrupts."""


@contextmanager
def heeded() -> Iterator[None]:
    """Take these signals as Ctrl-C. What a launcher's handler has raised comes out in the end: it waits for it."""
    if threading.current_thread() is threading.main_thread():  # a launcher may use others, which get no signals
        signal.signal(signal.SIGTERM, end_with_term)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            handler = signal.getsignal(number)
            if callable(handler):
                signal.signal(number, interrupting(handler))
    try:
        yield
    except KeyboardInterrupt as stop:
        BEGUN.set()
        if stop.__cause__ is not None:
            raise stop.__cause__ from None
        raise


def end_with_term(*_: object) -> None:
    """Raise KeyboardInterrupt, once: a second signal must not disturb what the first has begun."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=until_heard, daemon=True).start()
    raise KeyboardInterrupt("SIGTERM")


def until_heard() -> None:
    """Interrupt this process again and again until an ending has begun."""
    while not BEGUN.wait(AGAIN):
        interrupt_main()


def interrupting(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], None]:
    """Return a handler whose ordinary errors are KeyboardInterrupts.

    The SIGTERM with which Slurm follows up a requeue must not disturb the ending that has begun.
    """

    def handle(number: int, frame: Any) -> None:
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            handler(number, frame)
        except Exception as error:
            raise KeyboardInterrupt(str(error)) from error
        signal.signal(signal.SIGTERM, before)  # it goes on

    return handle


def end_with_input() -> None:
    """Interrupt this process when standard input ends. Not through sys.stdin, whose lock a dying process trips over."""
    while os.read(0, 1024):
        pass
    interrupt_main()
    until_heard()
