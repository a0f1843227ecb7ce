"""How a worker is told to end: a signal stops what runs as Ctrl-C does, and a launcher hears its own error."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from attrec_bench.sweeping import endings
from attrec_bench.sweeping.endings import heeded

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    handlers = [signal.getsignal(number) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, handlers, strict=True):
        signal.signal(number, handler)


def refuses(*_: object) -> None:
    raise ValueError("timed-out too many times")


def test_sigterm_is_ctrl_c_once() -> None:
    tidied = []

    def told_twice() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            tidied.append(True)

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), heeded():
        told_twice()
    assert tidied, "the second signal disturbed nothing"


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_launchers_error_passes_the_trial_as_ctrl_c_and_reaches_the_launcher(number: signal.Signals) -> None:
    signal.signal(number, refuses)
    met: list[BaseException] = []

    def trial() -> None:
        try:
            os.kill(os.getpid(), number)
        except BaseException as error:
            met.append(error)
            raise

    with pytest.raises(ValueError, match="timed-out too many times"), heeded():
        trial()
    assert [type(error) for error in met] == [KeyboardInterrupt]


def test_a_launcher_that_requeues_ends_the_process_itself_and_slurms_sigterm_disturbs_nothing() -> None:
    def requeued(*_: object) -> None:
        raise SystemExit(-1)

    signal.signal(signal.SIGUSR2, requeued)
    tidied = []

    def trial() -> None:
        try:
            os.kill(os.getpid(), signal.SIGUSR2)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            tidied.append(True)

    with pytest.raises(SystemExit), heeded():
        trial()
    assert tidied


def test_a_launcher_that_lets_it_go_on_leaves_sigterm_as_it_was() -> None:
    signal.signal(signal.SIGUSR2, lambda *_: None)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), heeded():
        told_both()


def told_both() -> None:
    os.kill(os.getpid(), signal.SIGUSR2)
    os.kill(os.getpid(), signal.SIGTERM)


def test_errors_of_other_kinds_and_ctrl_c_pass_as_they_are() -> None:
    for error in (KeyError("users"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, heeded():
            raise error
        assert caught.value is error


def test_an_interrupt_that_was_lost_is_repeated_until_one_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, begun = list[int](), threading.Event()

    def interrupt() -> None:
        sent.append(len(sent))
        if len(sent) == 3:
            begun.set()

    for name, value in {"interrupt_main": interrupt, "BEGUN": begun, "AGAIN": 0.01}.items():
        monkeypatch.setattr(endings, name, value)
    monkeypatch.setattr(os, "read", lambda *_: b"")
    endings.end_with_input()
    assert sent == [0, 1, 2]
