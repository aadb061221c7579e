# Thin on purpose: makes the virtual environment, then hands over to nox (see noxfile.py).
PYTHON ?= python3
VENV   := .venv
NOX    := $(VENV)/bin/python -m nox --envdir $(VENV)/nox -s

.DEFAULT_GOAL := help
.PHONY: help run test quick watch lint soak mutate bench terraform security docs lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /|/' | while IFS='|' read -r t d; do printf '  make %-9s %s\n' "$$t" "$$d"; done

run: $(VENV)/ready ## Start the local stack and show the main job (EXIT=1: end after it; PORT=8080)
	@bin/psr local run $(if $(EXIT),--exit) $(if $(PORT),--port $(PORT))

test: $(VENV)/ready ## Lint, types and every test, on the real emulators
	@$(NOX) lint types tests

quick: $(VENV)/ready ## Lint, types and every test that needs no emulators; about two minutes
	@$(NOX) lint types quick

watch: $(VENV)/ready ## Keep the emulators up and rerun the tests that a change concerns (TESTS=tests/domain)
	@$(VENV)/bin/python -m tools.watch $(TESTS)

lint: $(VENV)/ready ## Lint and types only
	@$(NOX) lint types

soak: $(VENV)/ready ## The long versions of the tests
	@$(NOX) soak

mutate: $(VENV)/ready ## Check that the domain's tests notice each changed operator (ten minutes)
	@$(NOX) mutate

bench: $(VENV)/ready ## Speed and cost, compared with raw client calls and a conventional implementation (ten minutes, on an idle machine)
	@$(NOX) bench

terraform: $(VENV)/ready ## Check terraform/ without a cloud (TERRAFORM names the program)
	@$(NOX) terraform

security: $(VENV)/ready ## Check what the service is made of (ALLOW_UNAUDITED=1: also where vulnerabilities cannot be looked up)
	@ALLOW_UNAUDITED=$(ALLOW_UNAUDITED) $(NOX) security

docs: $(VENV)/ready ## Write the pages of docs/ that are made from the code
	@$(NOX) docs

lock: $(VENV)/ready ## Resolve requirements/*.in into hashed lock files (UPGRADE=1: newest versions)
	@$(NOX) lock -- $(if $(UPGRADE),--upgrade)

clean: ## Remove everything that the other targets made
	rm -rf $(VENV) .local .nox .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/ready: requirements/uv.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "The PSR service needs Python 3.11 or later; $(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.13")'
	@echo "Making the virtual environment in $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(VENV)/bin/uv pip install -q --compile-bytecode --python $(VENV)/bin/python --require-hashes -r requirements/dev.txt
	@touch $@
