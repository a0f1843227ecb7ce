"""The pages of docs/ do what they say: their files are written, their commands typed, by a user in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from attrec_bench.checks import CHECKS
from attrec_bench.configuration import conf_folder

DOCS = Path(__file__).resolve().parents[1] / "docs"
FILE = re.compile(r"^`(?P<name>[\w./]+)`\n\n```\w+\n(?P<text>.*?)^```$", re.M | re.S)
COMMANDS = re.compile(r"^```sh\n(?P<text>.*?)^```$", re.M | re.S)


def steps(page: str) -> list[tuple[str | None, str]]:
    """A page -> in its order (file name, its text) and (None, a command)."""
    text = (DOCS / page).read_text()
    files = [(found.start(), found["name"], found["text"]) for found in FILE.finditer(text)]
    typed = [(found.start(), None, line) for found in COMMANDS.finditer(text) for line in found["text"].splitlines()]
    return [(name, each) for _, name, each in sorted([*files, *typed], key=lambda step: step[0])]


def typed(command: str, folder: Path) -> str:
    """Run a command as a user's shell would and return what it prints; it must succeed."""
    environment = {key: value for key, value in os.environ.items() if key != "ATTREC_BENCH_RUNS"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_data_and_a_model_from_outside_go_through_run_sweep_and_table(tmp_path: Path) -> None:
    printed: dict[str, str] = {}
    for name, text in [*steps("add_data.md"), *steps("compare_your_model.md")]:
        if name is None:
            printed[text] = typed(text, tmp_path)
        else:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
    table, tuned = (printed[f"attrec-bench table dataset=mine{rest}"] for rest in ("", " tuned=true"))
    assert {"Mine (maxlen=1", "Mine (maxlen=3", "mine", "bprmf", "markov", "popularity"} <= rows_of(table)
    assert {"mine", "bprmf"} <= rows_of(tuned)
    assert "mine tuned in study mine-mine: 2 trials" in " ".join(tuned.split())
    side_by_side = next(text for command, text in printed.items() if "dataset=mine,planted" in command)
    assert side_by_side.split()[:2] == ["mine", "planted"], "each name over its columns"
    assert re.search(r"^Ours .*\d\.\d{4}", side_by_side, re.M)
    assert r"\cmidrule" in (tmp_path / "main.tex").read_text()
    checked = printed["python -m pytest -q test_mymodels.py"]
    assert re.search(rf"\b{len(CHECKS)} passed\b", checked), checked


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_ablation_gives_a_row_for_each_of_its_values(tmp_path: Path) -> None:
    folder = conf_folder() / "experiment" / "ablation"
    small = "dataset.n_users=40 dataset.n_items=60 dataset.n_interactions=900 train.epochs=1 tracking.uri=off"
    changed = 0
    for file in sorted(folder.glob("*.yaml")):
        values = yaml.safe_load(file.read_text())["hydra"]["sweeper"]["params"].values()
        told = typed(f"attrec-bench run -m experiment=ablation/{file.stem} {small} seed=0", tmp_path)
        runs = max(len(str(each).split(",")) for each in values)
        assert len(told.splitlines()) == runs, told
        changed += max(runs - 1, 1)  # the base is one of the values, but of the optimiser's
    rows = typed("attrec-bench table against=attrec format=csv-wide", tmp_path).splitlines()
    assert sum(",attrec,model," in line for line in rows) == changed + 1


def rows_of(table: str) -> set[str]:
    """The first words of each line, up to what a test asks for."""
    starts = ("Mine (maxlen=1", "Mine (maxlen=3", "mine", "bprmf", "markov", "popularity")
    return {start for line in table.splitlines() for start in starts if line.startswith(start)}
