# Each target does its own set-up: a fresh machine needs Python 3.12 or newer, and make.
#
#   make demo      simulate the shipped ADCC protocol, print the lysis table, write results/demo/report.html
#   make teach     the teaching page in a browser (its files are fetched once, with npm)
#   make test      the tests (minutes)               make lint      style, format, import contracts
#   make test-slow the precise and long ones         make compare   published lysis data beside the simulation
#   make bench     speed, as JSON                    make mutants   seeded faults that the tests must notice
#   make hostile   broken inputs, damaged files, kills, as JSON: no silent wrong number, no lost run (hostile-slice: 90 s of it)
#   make clean     remove the environment and caches (results stay)
#
# Another interpreter: make demo PYTHON=/path/to/python3.13

VENV := .venv
BIN := $(VENV)/bin
# The quick tests on all cores; more than eight processes only compile the same kernels.
PARALLEL := --numprocesses logical --maxprocesses 8 --dist worksteal
# The slow ones in two processes: tests of Slurm and of the browser wait far more than they compute.
PARALLEL_SLOW := --numprocesses 2 --dist loadgroup
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# The first interpreter that is new enough and can make an environment; only asked for when one has to be made. A name
# on the path is no proof: a pyenv shim exists for versions that are not selected and fails when it is called.
PYTHON ?= $(shell for python in python3.12 python3.13 python3.14 python3 python; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 \
	&& { echo $$python; break; }; done)

.PHONY: demo teach page-files test test-slow lint bench compare mutants hostile hostile-slice clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	$(BIN)/adcc run scenarios/adcc_protocol.toml --out results/demo

teach: $(VENV)/.installed-teach
	$(BIN)/adcc teach --prepare
	$(BIN)/adcc teach

# What the tests in a browser need beside Chromium; without it they are skipped, or fail where a browser is required.
page-files: $(VENV)/.installed-dev
	@$(BIN)/adcc teach --prepare || echo "the tests of the teaching page in a browser will not run"

test: $(VENV)/.installed-dev page-files
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL) $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-dev page-files
	$(BIN)/python -m pytest -m slow $(PARALLEL_SLOW) $(PYTEST_ARGS)

mutants: $(VENV)/.installed-dev
	$(BIN)/python tests/mutants.py

hostile: $(VENV)/.installed-dev page-files
	$(BIN)/python -m benchmarks.hostile

hostile-slice: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.hostile --slice

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/speed/well.py
	$(BIN)/python benchmarks/statistics/size_and_coverage.py
	$(BIN)/python benchmarks/statistics/combination_coverage.py
	$(BIN)/python benchmarks/statistics/hook.py
	$(BIN)/python benchmarks/cluster/scale.py

compare: $(VENV)/.installed
	$(BIN)/adcc compare benchmarks/in_vitro_lysis/*/scenario.toml --out results/compare

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Three stamps, so that the demo does not wait for the tools, and two parallel goals never install at the same time.
$(VENV)/.installed: pyproject.toml constraints.txt
	@if [ ! -x $(BIN)/python ] || ! $(BIN)/python -c ''; then \
		[ -n "$(PYTHON)" ] || { echo "adccsim needs Python 3.12 or newer with venv (Debian: apt install python3-venv); none was found. make PYTHON=..." >&2; exit 1; }; \
		echo "setting up $(VENV) with $(PYTHON): a minute or two, once"; rm -rf $(VENV); $(PYTHON) -m venv $(VENV); fi
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-teach: $(VENV)/.installed
	$(INSTALL) --editable '.[teach]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-teach
	$(INSTALL) --editable '.[teach,cluster,calibrate,notebook,test,dev]'
	@touch $@
