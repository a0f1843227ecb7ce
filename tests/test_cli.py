"""The command line as a user meets it: each case is a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = ["dataset.n_users=60", "dataset.n_items=80", "dataset.n_interactions=1800", "train.epochs=2"]


def bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "ATTREC_BENCH_RUNS"}
    return subprocess.run(
        [sys.executable, "-m", "attrec_bench.cli", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def data_file(folder: Path, text: str) -> list[str]:
    (folder / "my.csv").write_text(text)
    return ["dataset=csv", "dataset.path=my.csv"]


HEADER = "user_id,item_id,rating,timestamp\n"
MISTAKES = {
    "a model that is not there": (["model=atrec"], "model must be one of", "did you mean 'attrec'?"),
    "a weight above one": (["w=1.5"], "w must lie in [0, 1], got 1.5", ""),
    "an empty window": (["maxlen=0"], "maxlen must be a whole number of at least 1, got 0", ""),
    "a seed in words": (["seed=one"], "seed must be a whole number of at least 0, got 'one'", ""),
    "a file that is not there": (["dataset=ml-100k", "dataset.path=/nowhere"], "/nowhere", ""),
    "a key that is not there": (["modle.w=1"], "got 'modle.w'", "did you mean 'model.w'?"),
    "a number in words": (["train.epochs=two"], "train.epochs must be a whole number of at least 1, got 'two'", ""),
    "a margin in words": (["gamma=wide"], "gamma must be at least 0 or null, got 'wide'", ""),
    "a word for true": (["protocol.refit=no"], "protocol.refit must be true or false, got 'no'", ""),
    "no thread": (["threads=0"], "threads must be a whole number of at least 1, got 0", ""),
    "a device that is not there": (["device=gpu"], "device must be auto or one this machine has (cpu", "got 'gpu'"),
    "a folder that cannot be": (["runs=/dev/null/x", "model=popularity"], "/dev/null", ""),
    "a class that is not there": (["model._target_=mypkg.Foo"], "mypkg", ""),
    "an optimizer that is not there": (["train.optimizer._target_=torch.optim.Foo"], "torch.optim.Foo", ""),
    "several values without -m": (
        ["model=attrec,bprmf"],
        "several values need -m, as in attrec-bench run -m, got 'model=attrec,bprmf'",
        "",
    ),
    "an override without a value": (["w"], "an override is KEY=VALUE", ""),
    "an address that is none": (["tracking.uri=foo"], "foo", ""),
    "candidates that are none": (["protocol.candidates=some"], "full, uniform-N or popularity-N, got 'some'", ""),
    "ties that are none": (["protocol.ties=best"], "must be one of expected, optimistic, pessimistic, got 'best'", ""),
    "no tie draw": (["protocol.tie_draws=0"], "protocol.tie_draws must be a whole number of at least 1", "got '0'"),
    "a keyword without +": (["model._target_=mypkg.Foo", "model.d=16"], "write +model.d=16, got 'model.d=16'", ""),
    "a key of another data set": (["dataset=csv", "dataset.kcore=5"], "'dataset.k_core'", "run --help dataset=csv"),
    "a semicolon": (["dataset.separator=;"], "\"dataset.separator=';'\"", ""),
    "a tie order that is not there": (["protocol.tie_order=fil"], "got 'fil'", "did you mean 'file'?"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_clear_line_and_an_exit_code(case: str, tmp_path: Path) -> None:
    arguments, rule, hint = MISTAKES[case]
    tracking = [] if any("tracking" in argument for argument in arguments) else ["tracking.uri=off"]
    done = bench("run", *tracking, *arguments, folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("attrec-bench: ")
    assert rule in lines[0]
    assert hint in lines[0]


FILES = {
    "an empty file": ("", "my.csv is empty"),
    "a missing column": ("user_id,item,rating,timestamp\n1,2,3,4\n", "item_id"),
    "one event": (HEADER + "1,2,3,4\n", "3 events"),
    "a rating that is not a number": (HEADER + "1,2,3,4\n1,3,good,5\n", "line 3"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_with_a_mistake_is_one_clear_line(case: str, tmp_path: Path) -> None:
    text, told = FILES[case]
    done = bench("run", "tracking.uri=off", "model=popularity", *data_file(tmp_path, text), folder=tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert told in lines[0]


def test_a_user_with_one_event_among_others_trains_only(tmp_path: Path) -> None:
    rows = "".join(f"{u},{i},5,{i}\n" for u in range(3) for i in range(6)) + "9,1,5,1\n"
    done = bench("run", "tracking.uri=off", "model=popularity", *data_file(tmp_path, HEADER + rows), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("popularity")


def test_overrides_may_stand_on_both_sides_of_a_flag(tmp_path: Path) -> None:
    done = bench("run", "model=popularity,random", "-m", "tracking.uri=off", *SMALL, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_one_failure_does_not_end_a_multirun(tmp_path: Path) -> None:
    done = bench("run", "-m", "tracking.uri=off", *SMALL, "model=attrec", "w=1.5,0.5", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("attrec ") == 1
    assert "w must lie in [0, 1], got 1.5" in done.stderr
    assert "1 of this command's runs failed" in done.stderr


def test_from_runs_to_a_table_and_a_recommendation(tmp_path: Path) -> None:
    done = bench("run", "-m", "model=popularity,bprmf,attrec", "seed=0,1", *SMALL, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(found") == 1, "popularity uses no seed"
    assert (tmp_path / "runs" / "mlflow.db").is_file()

    table = bench("table", "dataset=planted", "format=csv", "out=table.csv", folder=tmp_path)
    assert table.returncode == 0, table.stderr
    rows = (tmp_path / "table.csv").read_text().splitlines()
    assert sum(row.split(",")[3] == "attrec" for row in rows) == 4, "one line a metric"
    table = bench("table", "dataset=planted", "against=popularity", "test=wilcoxon", folder=tmp_path)
    assert "than popularity: two-sided paired tests (Wilcoxon's signed ranks)" in " ".join(table.stdout.split())
    assert "Improv. of attrec over popularity" in table.stdout

    for model in ("bprmf", "popularity"):
        run = next(line for line in done.stdout.splitlines() if line.startswith(model)).split("run ")[1].rstrip(")")
        assert bench("recommend", f"run={run}", "user=1", folder=tmp_path).returncode == 0
    run = next(line for line in done.stdout.splitlines() if line.startswith("attrec")).split("run ")[1].rstrip(")")
    told = bench("recommend", f"run={run}", "user=1", "k=3", folder=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "%" in told.stdout
    best = told.stdout[told.stdout.index("best items") :].splitlines()[1:]
    assert [line.split()[0] for line in best] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rum"], "got 'rum' (did you mean 'run'?)"),
        (["table"], "no folder of records at runs"),
        (["recommend", "run=1"], "recommend needs user=ID"),
        (["recommend", "dataset=ml-100k", "model=attrec"], "recommend needs run=ID"),
        (["run", "dataset=csv", "user=who"], "got 'user' (did you mean 'dataset.user'?)"),
        (["explain"], "no folder of records at runs"),
        (["data"], "data needs the name of a data set"),
        (["data", "audit"], "data audit needs the name of a data set first: attrec-bench data audit ml-100k"),
        (["data", "audit", "csv", "dataset.path=/nowhere"], "dataset.path must be a file that exists"),
        (["data", "ml100k"], "did you mean 'ml-100k'?"),
        (["table", "markdown"], "arguments must be KEY=VALUE, got 'markdown'"),
    ],
)
def test_verbs_explain_what_is_missing(arguments: list[str], told: str, tmp_path: Path) -> None:
    done = bench(*arguments, folder=tmp_path)
    assert done.returncode == 1
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", [[], ["table"], ["recommend"], ["explain"], ["data"], ["run"]])
def test_help_helps(verb: list[str], tmp_path: Path) -> None:
    done = bench(*verb, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "attrec-bench" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['x']; import attrec_bench.cli as c; c.main(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "pandas", "mlflow", "hydra", "numpy"} & set(done.stdout.split())


def test_a_data_set_describes_itself(tmp_path: Path) -> None:
    done = bench("data", "planted", *SMALL[:3], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1,800" in done.stdout


def test_an_audit_under_a_protocol(tmp_path: Path) -> None:
    rows = "".join(f"{u},{i},5,{i // 2}\n" for u in range(3) for i in range(6)) + "9,1,5,1\n"
    path = data_file(tmp_path, HEADER + rows)[1]
    done = bench("data", "audit", "csv", path, "dataset.min_user_events=2", "protocol.last_tie=first", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = dict(re.split(r" {2,}", line, maxsplit=1) for line in done.stdout.splitlines())
    assert lines["events"] == "18 (density 100.00%)"
    assert lines["left out by min_user_events=2"] == "1 events and with them 1 user"
    assert lines["split"] == "12 training, 3 validation and 3 test events"
    assert lines["events tied in time"].startswith("100.0% share")
