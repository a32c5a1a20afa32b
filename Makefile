# `make demo` and `make test` need Python 3.11 or newer and a package registry; they build the rest in .venv.

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python, \
    $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

BIN := .venv/bin
READY := .venv/ready

RUN ?= runs/emodb
CROSSVAL ?= results/emodb-loso10

.PHONY: help demo test fuzz lint bench docs model format clean

help:
	@echo 'make demo    the main job on the built-in synthetic corpus'
	@echo 'make test    lint, doctests and tests'
	@echo 'make fuzz    20,000 damaged inputs; rewrites results/fuzz.json'
	@echo 'make lint    ruff, mypy and import-linter alone'
	@echo 'make bench   speed beside peers; rewrites benchmarks/results.md'
	@echo 'make docs    the documentation site, in site/'
	@echo 'make model   put $(RUN) into the package, with the figures of $(CROSSVAL)'
	@echo 'make format  put imports and layout right'
	@echo 'make clean   remove .venv and what the tools cached'

demo: $(READY)
	$(BIN)/emotrace demo

# Tiny models gain nothing from many threads. Each process trains and exports models to test for itself.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# FUZZ: --seed 7 for other inputs; a failing one is named, and --make NUMBER writes it again.
fuzz: $(READY)
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzz $(FUZZ)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python benchmarks/run.py

# Offline, and strict: a broken link is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# RUN: emotrace train --corpus emodb --root EMODB --output runs/emodb, the recipe being that of CROSSVAL
model: $(READY)
	$(BIN)/python research/ship_model.py $(RUN) $(CROSSVAL)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# constraints.txt pins torch too: an open range would bring several gigabytes of CUDA.
$(READY): pyproject.toml constraints.txt
	@test -n '$(PYTHON)' || { echo 'found no Python 3.11 or newer; install one, or say make PYTHON=/path/to/python' >&2; exit 2; }
	@echo 'building .venv with $(PYTHON): minutes the first time'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
