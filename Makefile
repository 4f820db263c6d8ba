# Two commands: `make run` and `make test`. Each does all its own set-up.
#   make run    [PORT=8000] [DRIVERS=300] [SCENARIO=file.toml] [PROFILE=services]    everything on loopback; Ctrl-C ends it and prints the ledger
#   make test   [SEED=1] [COVERAGE=1]                              every test, in lanes beside each other, and their sum
#   make test   ARGS="-m 'not ray' -k codec"                      the tests that pytest's options select, in one process
#   make test-fast                                                the tests that need no service, no Ray and no browser
#   make coverage                                                 lines and branches that the fast tests reach
#   make check                                                    lint, types, imports, generated files
#   make bench  [ONLY=engine_move]                                measurements beside their rivals
#   make docs                                                     the documentation as pages, in .site
#   make lock                                                     resolve the hashed lock files again
#   make clean
SHELL := /bin/sh
.DEFAULT_GOAL := run

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
DOCS_VENV := .venv-docs
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
UI_SOURCES := $(shell find ui -path ui/node_modules -prune -o -path ui/dist -prune -o -type f -print)

FAST := not (ray or services or browser or packaging or slow)

export PORT DRIVERS SCENARIO PROFILE

.PHONY: run test test-fast test-connect coverage check bench docs lock clean setup setup-dev

run: setup
	@exec $(BIN)/code-delivery up

# Lanes are those of tests/house/lanes.py. A seed (SEED=N) repeats the order of the tests and hypothesis' examples.
test: setup-dev
	@$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),$(BIN)/python tests/house/lanes.py $(if $(SEED),--seed $(SEED)) $(if $(COVERAGE),--coverage))

test-fast: setup-dev
	@$(BIN)/python -m pytest -m "$(FAST)" -n auto --dist worksteal -q $(ARGS)

coverage: setup-dev
	@$(BIN)/python -m pytest -m "$(FAST)" -n auto --dist worksteal -q --cov --cov-report=term $(ARGS)

test-connect:
	@if command -v mvn >/dev/null; then echo "==> The sink of Kafka Connect"; mvn -q -B -f connect/elasticsearch-sink package; \
	else echo "skipped the tests of Kafka Connect's sink: Maven is not installed"; case "$$CODE_DELIVERY_REQUIRE" in *services*) exit 1;; esac; fi

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/house/words.py
	$(BIN)/python -m engine.contract.json_schema --check connect/schemas
	$(BIN)/python -m api.openapi --check ui/src/api/openapi.json
	$(BIN)/python docs/generate.py --check
	cd ui && npm run check

bench: setup-dev
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

setup: $(VENV)/.run ui/dist/index.html
setup-dev: $(VENV)/.dev ui/dist/index.html

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is `$(PYTHON) --version`. Name another with PYTHON=..."; exit 1; }
	@echo "==> Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "==> Python packages (hashed)"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "==> Python packages for tests (hashed)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(DOCS_VENV)/.docs: requirements/docs.txt
	@echo "==> Python packages for the documentation (hashed)"
	@$(PYTHON) -m venv $(DOCS_VENV)
	@$(DOCS_VENV)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/docs.txt
	@touch $@

ui/node_modules/.package-lock.json: ui/package-lock.json ui/package.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is needed to build the map."; exit 1; }
	@echo "==> Web packages"
	@cd ui && npm ci --no-fund --no-audit
	@touch $@

ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	@echo "==> Building the map"
	@cd ui && npm run build
	@touch $@

docs: $(DOCS_VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs build --quiet
	@echo "==> .site/index.html"

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header
lock:
	$(LOCK) --extra build --extra all -o requirements/run.txt
	$(LOCK) --extra build --extra all --extra dev -c requirements/run.txt -o requirements/dev.txt
	$(LOCK) --extra docs -c requirements/dev.txt -o requirements/docs.txt

clean:
	rm -rf $(VENV) $(DOCS_VENV) connect/elasticsearch-sink/target ui/node_modules ui/dist dist .data .site .mypy_cache .ruff_cache .pytest_cache .test-results .coverage .hypothesis .import_linter_cache benchmarks/out
