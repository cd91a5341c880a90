# make demo   the demo site, with live traffic           make demo ARGS="--port 9000 --open"
# make test   the tests, up to 4 at a time               make test ARGS="-n 0 tests/test_checks.py -k path"
# make lint   ruff and the import contract               make types   mypy
# make clean  remove everything that make made           make demo PYTHON=python3.13

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: demo test lint types wheel clean

demo: $(VENV)/.demo
	@exec $(BIN)/python manage.py demo $(ARGS)

# Tests start hundreds of processes: none is to compile the project again where PYTHONDONTWRITEBYTECODE is set.
test: $(VENV)/.test
	@$(BIN)/python -m compileall -q benchmarks demo signal_monitor tests
	PYTHONDEVMODE=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 $(ARGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.lint
	$(BIN)/mypy

wheel: $(VENV)/.test
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) .nox build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# One stamp per dependency group, so that a second run installs nothing: made again when pyproject.toml is newer.
# Dependency groups need pip 25.1; Python 3.11 brings pip 23.2.
$(VENV)/.%: pyproject.toml $(BIN)/python
	@echo 'Installing the project and its $* dependencies into $(VENV), once...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group $*
	@touch $@

.PRECIOUS: $(VENV)/.%

# The only proof that `python -m venv` works is to run it: Debian ships the module without what it needs.
$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"; \
	  echo "  Debian, Ubuntu: sudo apt install python3 python3-venv"; \
	  echo "  macOS:          brew install python@3.13"; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is `$(PYTHON) --version 2>&1`; Python 3.11 or newer is needed. If you have one, name it:"; \
	  echo "  make demo PYTHON=python3.13"; \
	  echo "  To install one: sudo apt install python3.13 python3.13-venv, or brew install python@3.13"; exit 1; } >&2
	@rm -rf $(VENV); $(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); \
	  echo "$(PYTHON) -m venv does not work. Debian and Ubuntu keep it in a package of its own:"; \
	  echo "  sudo apt install python3-venv        (or python3.13-venv, as your $(PYTHON) is called)"; \
	  echo "  On macOS: brew install python@3.13"; exit 1; } >&2
