# Two commands on a fresh machine: `make run` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help setup run test e2e lint type fmt migrate bench chaos lock clean
PYTHON_IN_VENV := .venv/bin/python

help: ## List every target
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Install everything for development into .venv and build the front end
	@deploy/bootstrap.sh dev
	@deploy/frontend.sh

run: ## Start everything on this machine and stay in front; Ctrl-C stops it
	@deploy/bootstrap.sh run
	@deploy/frontend.sh
	@$(PYTHON_IN_VENV) -m compileall -q shared services 2>/dev/null || true
	@exec $(PYTHON_IN_VENV) -m services.standalone

test: setup ## Run lint, types, import rules and all tests
	@deploy/test-servers.sh
	@$(MAKE) --no-print-directory lint type
	@exec $(PYTHON_IN_VENV) -m pytest

e2e: setup ## Run only the tests with real processes and a real browser
	@deploy/test-servers.sh
	@exec $(PYTHON_IN_VENV) -m pytest tests/e2e

lint: ## Check style and the import rules
	@deploy/bootstrap.sh dev
	@$(PYTHON_IN_VENV) -m ruff check .
	@$(PYTHON_IN_VENV) -m ruff format --check .
	@$(PYTHON_IN_VENV) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

type: ## Check types
	@deploy/bootstrap.sh dev
	@$(PYTHON_IN_VENV) -m mypy --strict shared services

fmt: ## Format the code and repair what ruff can
	@deploy/bootstrap.sh dev
	@$(PYTHON_IN_VENV) -m ruff check --fix .
	@$(PYTHON_IN_VENV) -m ruff format .

migrate: ## Bring the database of DATABASE_URL to the newest schema; safe to run twice
	@deploy/bootstrap.sh run
	@exec $(PYTHON_IN_VENV) -m shared.db.migrate

bench: setup ## Measure speed and memory under eight loads, 6 to 10 minutes (see docs/performance.md)
	@deploy/test-servers.sh
	@exec $(PYTHON_IN_VENV) -m tests.bench

chaos: setup ## Break everything that can break while executions run, about 15 minutes (see docs/reliability.md)
	@deploy/test-servers.sh
	@exec $(PYTHON_IN_VENV) -m tests.chaos

lock: ## Resolve the dependencies anew into requirements/*.lock (needs uv)
	@deploy/lock.sh

clean: ## Remove everything that was installed or built; the data folder stays
	@rm -rf .venv build dist services/dashboard/static/dist services/dashboard/frontend/node_modules
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find shared services tests -name __pycache__ -type d -prune -exec rm -rf {} +
