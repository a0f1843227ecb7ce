"""Where and with what a run was made: versions, git, hardware, memory, time. Nothing here ever fails a run."""

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of attrec_bench itself."""

BASELINES = "baselines"
"""The folder beside it that a run takes code from."""

PACKAGES = ("attrec-bench", "torch", "numpy", "hydra-core", "mlflow")
"""Whose versions a record names, next to Python's."""


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Package -> version, read from what is installed without importing it; "not installed" where it is not."""
    return {"python": platform.python_version()} | {name: _version(name) for name in packages}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def git_state(folder: Path = PACKAGE) -> dict[str, Any]:
    """Commit of the repository that tracks ``folder`` and whether its tree differs from it; None for both outside git.

    Every change of a tracked file counts, and a new file in ``folder`` or, beside it, in ``baselines`` or
    ``conf/protocol`` (a record does not tell which function split the data) unless git ignores it. A report, a model or
    a log of the user's elsewhere in the tree changes nothing that the commit is to tell, and neither does another new
    YAML in ``conf`` or ``sweeps``, where who works in the clone keeps her own: it changes no run that does not choose
    it, and one that does records what stands in it. A folder that git does not track (an environment inside somebody
    else's repository) is outside git: that repository's commit says nothing about our code.
    """
    outside = {"commit": None, "dirty": None}
    if not _git(folder, "ls-files", "--", "."):
        return outside
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return outside
    places = [
        place for place in (folder, folder.parent / BASELINES, folder.parent / "conf" / "protocol") if place.is_dir()
    ]
    new = any(_git(place, "ls-files", "--others", "--exclude-standard") for place in places)
    return {"commit": commit, "dirty": bool(changes) or new}


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of git in ``folder``, or None where git is missing, slow or refuses."""
    # inside a git hook GIT_DIR names another repository than the folder's own
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, env=environment)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def hardware() -> dict[str, Any]:
    """CPU model, the cores this process may use, memory in MiB and the platform."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mib": _memory_mib(),
        "platform": platform.platform(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _memory_mib() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (ValueError, OSError):
        return None


def reset_peak_memory() -> None:
    """Let the peak count from now on, so that each run of a multirun has its own; does nothing where Linux is not."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mib() -> float:
    """The most memory this process held since ``reset_peak_memory``, or ever where Linux is not; MiB, resident set."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def just_after(created: str) -> str:
    """Return the next millisecond."""
    return (datetime.fromisoformat(created) + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")
