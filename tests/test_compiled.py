"""What is kept of the compiled loops is taken up again only while no file of theirs has changed."""

import os
import subprocess
import sys
from pathlib import Path

from attrec_bench.kernels import compiled

CALLED = "from attrec_bench.kernels.compiled import loop\n\n@loop\ndef inner(x):\n    return x + 1\n"
CALLING = """
from attrec_bench.kernels.compiled import loop
from called import inner

@loop
def outer(x):
    return 10 * inner(x)
"""
PROGRAM = """
import sys
from attrec_bench.kernels import compiled
compiled.STAMP = sys.argv[1]
import calling
print(calling.outer(1), sum(calling.outer.stats.cache_hits.values()))
"""


def told(folder: Path, stamp: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "NUMBA_CACHE_DIR": str(folder / "kept")}
    command = [sys.executable, "-c", PROGRAM, stamp]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_loop_is_compiled_anew_when_one_that_it_calls_has_changed(tmp_path: Path) -> None:
    (tmp_path / "called.py").write_text(CALLED)
    (tmp_path / "calling.py").write_text(CALLING)
    assert told(tmp_path, "one") == "20 0"
    assert told(tmp_path, "one") == "20 1", "taken from the disk"
    (tmp_path / "called.py").write_text(CALLED.replace("x + 1", "x + 2"))
    assert told(tmp_path, "two") == "30 0"


def test_the_stamp_is_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "b.py").write_text("2")
    first = compiled.stamp_of(tmp_path)
    assert compiled.stamp_of(tmp_path) == first
    (tmp_path / "b.py").write_text("3")
    assert compiled.stamp_of(tmp_path) != first
