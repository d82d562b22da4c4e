PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: env train test check bench clean

env: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

train: env  ## train and score a model with every default
	$(BIN)/python train.py

test: env  ## the whole test suite
	$(BIN)/python -m pytest

check: env  ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: env  ## speed, as ratios measured in one run
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache
