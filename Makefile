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
# What dmstream is compared with lives in an environment of its own.
PEERS := .venv-peers
INSTALLED_PEERS := $(PEERS)/.installed
CODE := schemas streams sinks
LONGEST := 300
# Whole modules, since their tests share processes; the long ones first, so that nobody waits for
# them in the end.
SIDE_BY_SIDE := -n auto --dist loadfile --no-loadscope-reorder

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
test: $(INSTALLED_DEV) ## Run the tests; some on Apache Kafka too, where Java and Maven are
	@exec $(BIN)/python -m pytest $(SIDE_BY_SIDE) --durations=10 \
		tests/faults tests/pipeline tests/browser tests/unit

.PHONY: test-long
test-long: $(INSTALLED_DEV) ## The tests that take minutes as well: faults of all kinds, three nodes, more on Apache Kafka
	@DM_TEST_LONG=1 exec $(BIN)/python -m pytest $(SIDE_BY_SIDE) --durations=10 \
		tests/faults tests/pipeline tests/browser tests/unit

.PHONY: test-quick
test-quick: $(INSTALLED_DEV) ## Run the unit tests only (seconds)
	@exec $(BIN)/python -m pytest -n auto --dist loadfile tests/unit

# make soak ARGS='--minutes 60 --kafka apache --seed 7'
.PHONY: soak
soak: $(INSTALLED_DEV) ## Hurt the pipeline for 15 minutes, then check every promise (ARGS='--kafka apache')
	@exec $(BIN)/python -m tests.faults.soak $(ARGS)

.PHONY: bench
bench: $(INSTALLED_DEV) $(INSTALLED_PEERS) ## Measure every row of docs/performance.md, against peers (20 minutes)
	@exec $(BIN)/python -m bench

.PHONY: bench-quick
bench-quick: $(INSTALLED_DEV) $(INSTALLED_PEERS) ## The comparisons with peers in two minutes; fails where one is below half of its goal
	@exec $(BIN)/python -m bench --quick

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

.PHONY: settings
settings: $(INSTALLED) ## Write docs/settings.md anew, from the settings
	$(BIN)/python -m streams.local.settings_page > docs/settings.md

.PHONY: constraints
constraints: ## Pin the newest versions that pyproject.toml allows, anew
	.ci/pin-versions constraints.txt

.PHONY: clean
clean: ## Remove .venv, .venv-peers and caches; the data folder stays
	rm -rf $(VENV) $(PEERS) .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CODE) tests -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): $(PINS)
	@.ci/make-venv $(VENV)
	$(BIN)/python -m pip install --editable .
	@touch $@

$(INSTALLED_DEV): $(PINS)
	@.ci/make-venv $(VENV)
	$(BIN)/python -m pip install --editable '.[dev]'
	@touch $(INSTALLED) $@

# Without our pins: one of the peers wants an older pydantic. Where there is no Go, or no way to its
# modules, row 7 says that it was not measured.
$(INSTALLED_PEERS): bench/requirements-peers.txt pyproject.toml $(wildcard bench/peers/go_gateway/*)
	@.ci/make-venv $(PEERS)
	PIP_CONSTRAINT= $(PEERS)/bin/python -m pip install --editable . -r bench/requirements-peers.txt
	@cp -r bench/peers/go_gateway $(PEERS)/
	@(cd $(PEERS)/go_gateway && go build -mod=mod -o ../bin/gateway-go .) \
		|| echo "bench/peers/go_gateway was not built: row 7 will not be measured"
	@touch $@
