# Needs make and Python 3.11 or newer; everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
# Compiled modules are kept, also where the environment says otherwise: the tests start many processes.
export PYTHONDONTWRITEBYTECODE :=
# On all cores, a thread each: threads that wait for each other cost more than they bring.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n logical --maxprocesses 4 --dist worksteal
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test slow docs clean

help:
	@echo "make demo   train on scikit-learn's handwritten digits and write a report"
	@echo "make test   ruff, mypy, import-linter and the quick tests"
	@echo "make slow   all tests with types checked at each call; on MNIST where LOUPE_DATA_DIR has it"
	@echo "make docs   write the generated parts of the pages again"
	@echo "make clean  remove .venv"

demo: .venv/installed-to-train
	$(BIN)/loupe train digits

test: .venv/installed-to-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST)

# Shapes and types are checked at each call: that takes a third more time than the tests themselves.
slow: .venv/installed-to-test
	$(PYTEST) -m "slow or not slow" --jaxtyping-packages=loupe,beartype.beartype --durations=10

docs: .venv/installed-to-test
	$(BIN)/python tools/generate_docs.py

clean:
	rm -rf .venv

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: name a newer one, as in make demo PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/installed-to-train: .venv/made pyproject.toml constraints.txt
	@echo "Installing Loupe and PyTorch into .venv: about a minute on a quick line"
	$(INSTALL) -e '.[train]'
	@touch $@

.venv/installed-to-test: .venv/made pyproject.toml constraints.txt
	$(INSTALL) -e '.[train,parquet,labels,tune,dev]'
	@touch $@ .venv/installed-to-train
