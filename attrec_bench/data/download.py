"""Download: a URL and its sha256 -> a file that is whole, however often the connection broke.

    URL -> FILE.part (grows, also over several runs) -> sum fits -> FILE

The caller holds a lock. Every failure of the network or the disk is an OSError; a wrong sum is an InputError.
"""

import hashlib
import json
import sys
import zipfile
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from attrec_bench.errors import InputError

ATTEMPTS = 4
"""How often a broken connection is taken up again before the user has to."""
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
SUMS = ".sums.json"
"""Beside downloaded files: name -> sha256 as they were when their archive's sum had been checked."""
_BLOCK = 1 << 16
_NOTHING_LEFT = 416  # the answer to a Range that starts at the end of the file


def fetch(url: str, sha256: str, target: Path) -> Path:
    """Download ``url`` to ``target``, going on from ``target``.part; returns ``target``."""
    part = target.with_name(target.name + ".part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _append(url, part)
            break
        except HTTPError:
            raise  # the server said no: asking again does not help
        except (OSError, HTTPException) as error:
            if attempt == ATTEMPTS:
                kept = _size(part)
                hint = f"; {kept} bytes are kept and the next try goes on there" if kept else ""
                raise ConnectionError(f"{error}{hint}") from error
    found = _sha256(part)
    if found != sha256:
        part.unlink()
        raise InputError(f"{url}: sha256 must be {sha256}, got {found}; the file was deleted, so try again")
    return part.replace(target)


def _append(url: str, part: Path) -> None:
    """One connection: append to ``part`` what it still lacks, or write it anew if the server knows no ranges."""
    start = _size(part)
    request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response: HTTPResponse = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        if start and error.code == _NOTHING_LEFT:
            return
        raise
    with response:
        start = start if response.status == 206 else 0
        with part.open("ab" if start else "wb") as file:
            _copy(response, file, start, part.stem)


def _copy(response: HTTPResponse, file: BinaryIO, start: int, label: str) -> None:
    """Response -> file under a progress bar; ConnectionError if it ends before its announced length."""
    total = None if response.length is None else start + response.length
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(label, total=total, completed=start)
        size = start
        while block := response.read(_BLOCK):
            file.write(block)
            size += len(block)
            progress.update(task, completed=size)
    if total is not None and size < total:
        raise ConnectionError(f"connection closed after {size} of {total} bytes")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def note_sums(folder: Path, names: list[str]) -> None:
    """Write down the sums of files that have just been downloaded, whole."""
    sums = {name: _sha256(folder / name) for name in names if (folder / name).is_file()}
    part = folder / f"{SUMS}.part"
    part.write_text(json.dumps(sums))
    part.replace(folder / SUMS)


def check_sum(file: Path) -> None:
    """Raise InputError where a file that was downloaded, or one that came with it, is not as it was any more."""
    try:
        sums = json.loads((file.parent / SUMS).read_text())
        changed = [name for name, known in sums.items() if _sha256(file.parent / name) != known]
    except FileNotFoundError as error:
        if error.filename is None or Path(error.filename).name == SUMS:
            return  # put there by hand, or by an older version
        changed = [Path(error.filename).name]
    except (ValueError, AttributeError):
        changed = [SUMS]
    if changed:
        raise InputError(
            f"{file.parent / changed[0]} is not as it was downloaded; delete the folder {file.parent}, and the same "
            "command downloads it again"
        )


def unpack(archive: Path, members: list[str], folder: Path) -> None:
    """Take ``members`` out of a zip into ``folder``, flat: a/b.c becomes b.c, whatever a is.

    Each file appears whole, and the first of ``members`` last: whoever sees it sees the others too.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            for member in reversed(members):
                target = folder / Path(member).name
                part = target.with_name(target.name + ".part")
                try:
                    part.write_bytes(content.read(member))
                    part.replace(target)
                finally:
                    with suppress(FileNotFoundError):
                        part.unlink()
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(
            f"{archive.name} is not the zip with {', '.join(members)} that it should be: {error}"
        ) from error
