# driftlog: verbs. `make demo` and `make test` do all set-up themselves.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
export VENV

.DEFAULT_GOAL := help
.PHONY: help demo test unit lint types format bench docs stop clean

help: ## show the verbs
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## replay nine months of flights through the whole pipeline (ARGS="--events all")
	@scripts/bootstrap demo
	@$(BIN)/driftlog demo $(ARGS)

test: ## lint, types and all tests, against a real Elasticsearch (ARGS="-k drift")
	@scripts/bootstrap dev
	@$(MAKE) --no-print-directory lint types
	@$(BIN)/pytest -q -n 4 --dist loadscope $(ARGS)

unit: ## the quick tests only
	@scripts/bootstrap dev
	@$(BIN)/pytest -q tests/unit src $(ARGS)

lint: ## ruff: rules and format
	@scripts/bootstrap dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

types: ## mypy, strict
	@scripts/bootstrap dev
	@$(BIN)/mypy --no-error-summary

format: ## rewrite to the project's format
	@scripts/bootstrap dev
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

bench: ## measure all figures of docs/benchmarks.md (about 20 minutes)
	@scripts/bootstrap dev
	@$(BIN)/python -m benchmarks

docs: ## write what is generated again: pages, dashboards, rules, roles
	@scripts/bootstrap dev
	@$(BIN)/python -m driftlog.cli.reference docs/cli.md
	@$(BIN)/python -m driftlog.config.reference docs/configuration.md
	@$(BIN)/python -m driftlog.present.kibana.write kibana/
	@$(BIN)/python -m driftlog.present.kibana.rule_files kibana/
	@$(BIN)/python -m driftlog.present.grafana.write
	@$(BIN)/python -m driftlog.store.role_files index_templates/roles

stop: ## stop the local Elasticsearch
	@if [ -x $(BIN)/driftlog ]; then $(BIN)/driftlog local stop; fi

clean: stop ## remove the virtual environment and the local Elasticsearch with its data
	@if [ -x $(BIN)/driftlog ]; then $(BIN)/driftlog local reset --yes || true; fi
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
