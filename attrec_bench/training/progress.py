"""A progress bar on a terminal, nothing elsewhere: logs and pipes stay clean."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def reporter(name: str, epochs: int, monitor: str) -> Iterator[Callable[[dict[str, float]], None]]:
    """Yield a function that takes each epoch's row of the history and shows where training stands."""
    if not sys.stderr.isatty():
        yield lambda row: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, best = bar.add_task(name, total=epochs, state=""), 0.0

        def report(row: dict[str, float]) -> None:
            nonlocal best
            best = max(best, row.get(monitor, 0.0))
            bar.update(task, advance=1, state=f"loss {row['loss']:.4g}  validation {monitor} {best:.4f} at best")

        yield report


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on a terminal that something without steps is going on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield
