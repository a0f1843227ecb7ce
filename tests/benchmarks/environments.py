"""Environments of the peers: made from PyPI on first use, each under .bench/, kept until what it holds changes."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".bench"
PATIENCE = 600
"""Seconds that an installation may take."""


@dataclass(frozen=True)
class Environment:
    """A name and what pip is asked for; no packages: the environment that runs the benchmark."""

    name: str
    packages: tuple[str, ...] = ()

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(FOLDER / self.name / "bin" / "python") if self.packages else sys.executable


def same_torch() -> str:
    """Return the requirement that only the build of torch in use here meets: a CPU build never becomes a CUDA one."""
    return f"torch=={metadata.version('torch')}"


OWN = Environment("attrec-bench")
IMPLICIT = Environment("implicit", ("implicit==0.7.3",))
# numpy 1.26 and pandas 2: RecBole 1.2.1 writes into copies that pandas 3 no longer hands on.
RECBOLE = Environment("recbole", ("recbole==1.2.1", "numpy==1.26.4", "pandas<3", "setuptools<81", same_torch()))
# RecLearn does not say that it needs pandas and tqdm.
TENSORFLOW = Environment("tensorflow", ("tensorflow-cpu==2.21.0", "reclearn==1.1.0", "pandas<4", "tqdm"))


def ready(environment: Environment) -> str | None:
    """Make the environment if it is not there -> None, or in one line why it cannot be had."""
    folder, wanted = FOLDER / environment.name, "\n".join(environment.packages)
    mark = folder / "ready"
    if not environment.packages or (mark.is_file() and mark.read_text() == wanted):
        return None
    print(f"installing {', '.join(environment.packages)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    install = [environment.python, "-m", "pip", "install", "--quiet", "--no-compile", *environment.packages]
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True, text=True)
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"its installation took more than {PATIENCE} s"
    except subprocess.CalledProcessError as error:
        return f"cannot be installed: {(error.stderr.strip().splitlines() or ['pip said nothing'])[-1]}"
    mark.write_text(wanted)
    return None
