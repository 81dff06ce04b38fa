# Everything that one types here. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# Written when an installation is complete: it is made again only when one of these files changes.
PINS := pyproject.toml constraints.txt
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
CODE := schemas streams sinks
LONGEST := 300

# The first is read by pip for what it installs, the second for what builds it.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# `exec`: no shell stays between make and dmstream, so that the one ends with the other.
.PHONY: run
run: $(INSTALLED) ## Start the whole pipeline here, feed a demonstration day, serve until Ctrl-C
	@exec $(BIN)/dmstream up --demo --end-with-parent

.PHONY: demo
demo: $(INSTALLED) ## The same, and stop after the table of metrics
	@exec $(BIN)/dmstream up --demo --exit --end-with-parent

.PHONY: test
test: $(INSTALLED_DEV) ## Run all tests: units, real processes, and processes killed while they work
	@exec $(BIN)/python -m pytest --durations=5 tests/unit tests/pipeline tests/browser tests/faults

.PHONY: test-quick
test-quick: $(INSTALLED_DEV) ## Run the unit tests only (seconds)
	@exec $(BIN)/python -m pytest tests/unit

.PHONY: bench-state
bench-state: $(INSTALLED_DEV) ## Measure bytes per conversation, recovery and rate with up to 1,000,000 (minutes)
	@exec $(BIN)/python -m bench.state

.PHONY: bench-latency
bench-latency: $(INSTALLED_DEV) ## Measure from a webhook in to its automatic answer out, at 100/s
	@exec $(BIN)/python -m bench.latency

.PHONY: bench-views
bench-views: $(INSTALLED_DEV) ## Measure the dashboard's questions on 20,000,000 events (some ten minutes)
	@exec $(BIN)/python -m bench.views --write

.PHONY: check
check: $(INSTALLED_DEV) check-lines ## Check format, lint, types, layers and the length of files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: check-lines
check-lines: ## Fail where a module is longer than 300 lines
	@find $(CODE) -name '*.py' -exec wc -l {} + | awk '$$2 != "total" && $$1 > $(LONGEST) \
		{print $$2 ": " $$1 " lines, more than $(LONGEST): make it two modules"; long = 1} \
		END {exit long}'

.PHONY: format
format: $(INSTALLED_DEV) ## Format the code and mend what can be mended without thinking
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: install
install: $(INSTALLED) ## Make .venv with the pinned versions (also done by run and demo)

.PHONY: install-dev
install-dev: $(INSTALLED_DEV) ## The same with the tools for tests and checks

.PHONY: openapi
openapi: $(INSTALLED) ## Write docs/openapi.json anew, from the routes and their models
	$(BIN)/python -m streams.api.openapi > docs/openapi.json

.PHONY: constraints
constraints: ## Pin the newest versions that pyproject.toml allows, anew
	.ci/pin-versions constraints.txt

.PHONY: clean
clean: ## Remove .venv and caches; the data folder stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CODE) tests -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): $(PINS)
	@.ci/make-venv $(VENV)
	$(BIN)/python -m pip install --editable .
	@touch $@

$(INSTALLED_DEV): $(PINS)
	@.ci/make-venv $(VENV)
	$(BIN)/python -m pip install --editable '.[dev]'
	@touch $(INSTALLED) $@
