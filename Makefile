# `make demo` and `make test` need Python 3.11 or newer and a package registry; they build the rest in .venv.

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python, \
    $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

BIN := .venv/bin
READY := .venv/ready

# Tiny models gain nothing from several threads, so each process has one.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

RUN ?= runs/shipped
CROSSVAL ?= runs/shipped-folds

.PHONY: help demo test test-slow test-all lint format docs bench fuzz audit model dist clean

help:
	@echo 'make demo       trace AUDIO (or a synthetic clip), then train and test on synthetic speech'
	@echo 'make test       run the linters, the doctests and the fast tests'
	@echo 'make test-slow  run the tests marked slow'
	@echo 'make test-all   run everything that test and test-slow run'
	@echo 'make lint       run ruff, mypy and import-linter'
	@echo 'make format     sort imports and format the code'
	@echo 'make docs       build the documentation in site'
	@echo 'make bench      measure the speed and rewrite benchmarks/results.md'
	@echo 'make fuzz       test 20,000 damaged inputs and rewrite results/fuzz.json'
	@echo 'make audit      check the pinned dependencies for known vulnerabilities (needs the network)'
	@echo 'make model      package the model of RUN with the metrics of CROSSVAL'
	@echo 'make dist       build the wheel and the source distribution in dist, and check both'
	@echo 'make clean      remove .venv, build, dist, site and the caches of the tools'

# AUDIO is a recording of yours: make demo AUDIO=my.wav
demo: $(READY)
	$(BIN)/emotrace demo $(if $(AUDIO),--audio "$(AUDIO)")

test: lint
	$(PYTEST) -m 'not slow'

test-slow: $(READY)
	$(PYTEST) -m slow

test-all: test test-slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Offline, and strict: a broken link is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(READY)
	$(BIN)/python benchmarks/run.py

# FUZZ holds options: FUZZ='--seed 7' for other inputs, FUZZ='--make NUMBER' to write one input to standard output.
fuzz: $(READY)
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzz $(FUZZ)

# pip-audit lives in an environment of its own: what it depends on is not what is audited.
audit: $(READY)
	test -x .venv/audit/bin/pip-audit || { $(PYTHON) -m venv .venv/audit && \
	    .venv/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit; }
	.venv/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

# RUN is a folder written by `emotrace train --corpus emodb`, with the recipe that CROSSVAL was measured with.
model: $(READY)
	$(BIN)/python research/ship_model.py $(RUN) $(CROSSVAL)

dist: $(READY)
	$(BIN)/python -m build
	$(BIN)/python tests/dist.py dist

# constraints.txt pins torch too: an open range could install several gigabytes of CUDA.
$(READY): pyproject.toml constraints.txt
	@test -n '$(PYTHON)' || { echo 'found no Python 3.11 or newer; install one, or run make PYTHON=/path/to/python' >&2; exit 2; }
	@echo 'building .venv with $(PYTHON); the first time this takes minutes'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' || { \
	    echo 'pip could not install everything, perhaps because a package has no wheel for this system;' \
	    'docs/how-to/install.md lists the systems that were tried' >&2; exit 2; }
	@touch $@

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
