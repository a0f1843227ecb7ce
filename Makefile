# The two commands of the README's first screen, and what CI runs.
PYTHON ?= python3.11
BIN := .venv/bin
# Beside the runs of your own and not among them: the demo must not stand in their tables.
RUNS := runs-demo

# Compiled once and kept: a process that compiles torch anew needs eight more seconds to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all lint bench bench-card bench-growth clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -qq --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[dev]'
	@touch $@

# Trains every model on planted data, whose truth is known, for at most 25 epochs, and prints their table.
demo: .venv/ready
	$(BIN)/attrec-bench run -m dataset=planted model=random,popularity,bprmf,caser,attrec,oracle train.epochs=25 \
		runs=$(RUNS)
	$(BIN)/attrec-bench table dataset=planted runs=$(RUNS)

test: .venv/ready lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m 'not slow'

test-all: .venv/ready lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: .venv/ready
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

# Epochs, rankings, start-up and memory beside the peers', which the first call installs from PyPI into .bench/.
bench: .venv/ready
	$(BIN)/python -m tests.benchmarks

# The same works on a CUDA card, and how far its losses and ranks are from the CPU's.
bench-card: .venv/ready
	$(BIN)/python -m tests.benchmarks.card

bench-growth: .venv/ready
	$(BIN)/python -m tests.benchmarks.growth

clean:
	rm -rf .venv .bench runs $(RUNS) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
