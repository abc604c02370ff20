# The two commands a newcomer needs are `make run` and `make test`; both do all the set-up themselves.
#
#   make run     the wizard (without a terminal: the starter preset in the sandbox, as plain lines)
#   make test    the everyday tests this machine can run; says what it skipped and why
#   make acceptance  the slow ones: the main job on real machines, killed, resumed, taken down
#   make lint    formatting, lint, types and import contracts
#   make bench   the measurements behind docs/benchmarks.md
#   make clean   remove the Python environment
#
# SETUP=no      never install system packages (the sandbox then rehearses)
# RERUNS=1      run a test that fails once more and name it (CI does: dozens of booting machines share two cores)
# PYTHON=...    the Python to build the environment with (3.11 or newer)

# The first that really runs: a version manager's shim may be on the PATH for a Python that is not chosen.
ifndef PYTHON
PYTHON := $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$name && break; done)
PYTHON := $(or $(PYTHON),python3)
endif
SETUP  ?= yes
VENV   := .venv
BIN    := $(VENV)/bin
TESTS  ?= tests
WORKERS ?= 3
RERUNS ?= 0
PYTEST := $(BIN)/python -m pytest -rfEsR --reruns $(RERUNS) --durations=25

.PHONY: run test acceptance lint bench clean system
.DEFAULT_GOAL := run

# System packages of the sandbox, one announced apt transaction; needs only Python's standard library.
system:
	@$(PYTHON) -m provisioners.sandbox.setup $(if $(filter no,$(SETUP)),--check,--install)

$(VENV)/installed: pyproject.toml | system
	@echo "Building the Python environment in $(VENV) ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "drucloud needs Python 3.11 or newer; set PYTHON=...")'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Adding the tools for tests ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: system $(VENV)/installed
	@if [ -t 0 ] && [ -t 2 ]; then exec $(BIN)/drucloud; \
	 else exec $(BIN)/drucloud replay starter --target sandbox --display plain --yes; fi

test: system $(VENV)/installed-dev
	$(PYTEST) --durations-min=3 -m "not slow" -n $(WORKERS) --dist loadgroup $(TESTS)

acceptance: system $(VENV)/installed-dev
	$(PYTEST) -m slow $(TESTS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: system $(VENV)/installed-dev
	PYTHONPATH=. $(BIN)/python bench/ui.py
	@echo "bench/site.py needs a standing deployment of a real site: see docs/benchmarks.md" >&2

clean:
	rm -rf $(VENV)
