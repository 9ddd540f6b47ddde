# One entry point for people and for CI. A fresh machine needs Python 3.11+ and Node 20.19+; `make setup` fetches the rest.
# Logic lives in tools/, so that this file stays a table of contents.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.DELETE_ON_ERROR:

# Where Python keeps no compiled module, each of the thousand processes of a test run compiles all of its modules again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PYPROJECTS := pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
FRONTEND_SOURCES := $(wildcard frontend/*.json frontend/*.js frontend/*.ts) $(shell find frontend/src frontend/static -type f 2>/dev/null)

PYTHON_READY := .venv/.setup-done
FRONTEND_READY := frontend/node_modules/.setup-done
E2E_READY := e2e/node_modules/.setup-done
SPA_BUILT := frontend/build/.build-done

# A file's tests stay together: they share what they started. Two processes more than processors, because tests wait for
# servers; each starts servers of its own, hence the bound. Files go in order: those of few and long tests are not last.
PROCESSES := $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n < 4 ? n + 2 : 5)))
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder --numprocesses
test-unit test-http test-drills e2e conformance drills: export TMPDIR := $(shell tools/scratch.sh)

.PHONY: help setup services run stack test lint types contracts test-unit test-http test-drills test-frontend e2e conformance drills fmt openapi bench bench-stack lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(PYTHON_READY) $(FRONTEND_READY) $(E2E_READY) $(SPA_BUILT) ## Install everything and build the app; repeats only what changed

services: ## Get the servers that tests start: MariaDB, Redis, Vault, toxiproxy, the proxies
	@tools/services.sh

run: $(PYTHON_READY) $(SPA_BUILT) ## Serve Paseport in one process on http://localhost:8080
	@$(BIN)/paseport run

stack: $(PYTHON_READY) $(SPA_BUILT) services ## Serve the production topology on https://localhost:8443; ARGS="--port 9443 …"
	@$(BIN)/python -m paseport_testkit.stack $(ARGS)

test: setup services ## Run every check and test below, then print a summary
	@MAKE="$(MAKE)" tools/run-tests.sh lint test-unit test-http test-drills+types+contracts+test-frontend+conformance e2e

lint: $(PYTHON_READY) ## Style, formatting, lock files, OpenAPI documents, the table of abuse cases
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/check_locks.py
	$(BIN)/python tools/check_openapi.py
	$(BIN)/python tools/check_security_table.py
	$(BIN)/python tools/check_docker.py

types: $(PYTHON_READY) ## mypy in strict mode
	$(BIN)/mypy libs/*/src services/*/src tools/*.py

contracts: $(PYTHON_READY) ## Which package may import which (.importlinter)
	$(BIN)/lint-imports --no-logo

test-unit: $(PYTHON_READY) $(E2E_READY) services ## Domain, port contracts, adapters, use cases
	$(BIN)/pytest $(SIDE_BY_SIDE) $(PROCESSES) libs services --ignore-glob='*/tests/http'

test-http: $(PYTHON_READY) $(SPA_BUILT) $(E2E_READY) services ## The services over HTTP
	$(BIN)/pytest $(SIDE_BY_SIDE) $(PROCESSES) services/{standalone,api,issuer}/tests/http

test-drills: $(PYTHON_READY) services ## The whole installation while its parts fail
	@failed=; \
	$(BIN)/pytest --numprocesses 3 --dist loadfile e2e/drills/failure_table || failed=1; \
	$(BIN)/pytest --numprocesses 2 --dist loadfile e2e/drills --ignore e2e/drills/failure_table || failed=1; \
	[ -z "$$failed" ]

drills: $(PYTHON_READY) services ## A hundred failovers under load; takes a quarter of an hour
	PASEPORT_DRILL_KILLS=100 $(BIN)/pytest -s -o faulthandler_timeout=1800 e2e/drills/test_redis_primary.py -k again_and_again

test-frontend: $(FRONTEND_READY) $(E2E_READY) ## Type checks and unit tests of the app and of its journeys
	cd frontend && npm run check && npm run test
	cd e2e && npm run check

e2e: setup ## Journeys in a browser (Chromium)
	@tools/run-e2e.sh

conformance: $(PYTHON_READY) $(E2E_READY) $(SPA_BUILT) services ## OpenID's modules and strict relying parties: on the reference, then on the stack
	cd e2e && npm run conformance && node conformance/table.js --check
	cd e2e && npm run conformance:stack && node conformance/table.js --check

fmt: $(PYTHON_READY) ## Format the code and apply safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(PYTHON_READY) $(FRONTEND_READY) ## Write frontend/openapi/*.json and the types generated from them
	$(BIN)/python -m paseport_standalone.openapi frontend/openapi
	cd frontend && npm run api:types

bench: $(PYTHON_READY) ## Measure this machine against the stated budgets
	$(BIN)/python -m bench

bench-stack: $(PYTHON_READY) services ## Measure the production stack: refreshing, signing, memory
	$(BIN)/python -m bench stack

lock: $(PYTHON_READY) ## Write the lock files again; UPGRADE=1 raises versions
	@UPGRADE="$(UPGRADE)" tools/lock.sh

clean: ## Remove everything that setup and the tests made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf frontend/node_modules frontend/build frontend/.svelte-kit e2e/node_modules e2e/test-results e2e/playwright-report
	find libs services tools bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(PYTHON_READY): requirements.lock bootstrap.lock $(PYPROJECTS) tools/setup-python.sh
	@tools/setup-python.sh
	@touch $@

$(FRONTEND_READY): frontend/package-lock.json tools/setup-node.sh
	@tools/setup-node.sh frontend
	@touch $@

$(E2E_READY): e2e/package-lock.json tools/setup-node.sh
	@tools/setup-node.sh e2e
	@touch $@

$(SPA_BUILT): $(FRONTEND_READY) $(FRONTEND_SOURCES)
	cd frontend && npm run build
	@touch $@
