# `make run` starts the service, `make test` tests it; `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
SERVICE := .venv/.service-installed
TOOLS := .venv/.tools-installed

$(SERVICE): requirements.lock pyproject.toml bin/setup
	@bin/setup requirements.lock
	@touch $@

$(TOOLS): requirements-dev.lock pyproject.toml bin/setup
	@bin/setup requirements-dev.lock
	@touch $(SERVICE) $@

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1 	/p' Makefile

.PHONY: setup
setup: $(TOOLS) ## make .venv with the service and every tool of this Makefile

.PHONY: run
run: $(SERVICE) ## run the service with its sample (KAFKA=local or host:port, ONCE=1 ends after the story, PORT=8000, RESET=1 starts afresh)
	@$(if $(KAFKA),LEDGER_KAFKA=$(KAFKA) LEDGER_SINGLE_BROKER=true) $(BIN)/credit-ledger up $(if $(filter-out 0,$(ONCE)),--once) $(if $(PORT),--port $(PORT)) $(if $(filter-out 0,$(RESET)),--reset)

.PHONY: test
test: $(TOOLS) ## run the whole test suite (STRICT_PARTS=1: a part left out is a failure; ARGS='-k name')
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: faults
faults: $(TOOLS) ## inject every fault into real processes, and play 10 000 simulated histories
	@FAULTS=all SIMULATOR_SEEDS=10000 $(BIN)/python -m pytest tests/faults tests/simulator $(ARGS)

.PHONY: bench
bench: $(TOOLS) ## measure against the eventsourcing library (tests/benchmarks)
	@$(BIN)/python -m pytest tests/benchmarks -n 0 -s $(ARGS)

.PHONY: format
format: $(TOOLS) ## format the code
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix-only --quiet

.PHONY: lint
lint: $(TOOLS) ## check format and style
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check

.PHONY: types
types: $(TOOLS) ## check the types
	@$(BIN)/mypy

.PHONY: contracts
contracts: $(TOOLS) ## check who may import whom
	@$(BIN)/lint-imports

.PHONY: ci
ci: ## what CI runs, ending with a fresh clone
	@.ci/run

.PHONY: lock
lock: $(TOOLS) ## write the lock files anew from pyproject.toml
	@bin/lock

.PHONY: clean
clean: ## remove the environment and the caches (the ledger's home stays)
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
