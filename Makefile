# Two commands matter: `make demo` and `make test`. `make help` explains all.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PY := .venv/bin/python
ARGS ?=
PORT ?= 8000
export PORT

# The first Python of the machine that is new enough; empty when there is none.
FIND_PYTHON = for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; \
	done
INSTALL = @p=$$($(FIND_PYTHON)); \
	test -n "$$p" || { echo "Frontrow needs Python 3.11 or newer; this machine has $$(python3 --version 2>/dev/null || echo none)."; exit 1; }; \
	$$p merchant/demo/install.py

# No index address and no comment with a path of this machine may end in the requirements files.
COMPILE = .venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	--no-emit-index-url --no-emit-find-links $(LOCK_ARGS)

# Addresses that nobody answers: these checks read the settings and touch no service.
AS_IN_PRODUCTION = env FRONTROW_ENV_FILE=/dev/null DEBUG=false PUBLIC_URL=https://shop.example ALLOWED_HOSTS=shop.example \
	SECRET_KEY=a-key-of-more-than-fifty-characters-for-this-check-only-0123456789 \
	DATABASE_URL=postgresql://frontrow@127.0.0.1:1/frontrow REDIS_URL=redis://127.0.0.1:1/0 \
	STRIPE_SECRET_KEY=sk_live_for_this_check STRIPE_PUBLISHABLE_KEY=pk_live_for_this_check \
	STRIPE_WEBHOOK_SECRETS=whsec_for_this_check LIVE_URL=https://shop.example \
	EMAIL_URL=smtp+tls://shop:secret@mail.example:587 DEFAULT_FROM_EMAIL=shop@shop.example

.PHONY: help demo demo-reset services manage test check format browser faults bench install lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' Makefile | awk -F': *' '{ printf "  make %-12s %s\n", $$1, $$2 }'

demo: install-demo  ## the whole shop on this machine, port 8000 (or PORT=9000 make demo); Ctrl-C stops it
	@exec $(PY) -m merchant.demo

demo-reset: install-demo  ## the same, starting afresh (the demo's data is deleted)
	@exec $(PY) -m merchant.demo --reset

services: install-demo  ## PostgreSQL and Redis alone, until Ctrl-C
	@exec $(PY) -m merchant.embedded

manage: install-demo  ## a management command in the demo's settings, as in make manage ARGS="shell"
	@FRONTROW_ENV_FILE=.frontrow/demo.env exec $(PY) manage.py $(ARGS)

test: install  ## the whole suite, or a part, as in make test ARGS="policies -k chain"
	@exec $(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

check: install  ## format, lint, types, templates, layers, migrations, deployment settings
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target $(CHECKS)
	@echo "All checks passed: $(CHECKS:check-%=%)."

CHECKS = check-types check-python check-layers check-templates check-migrations check-deployment
.PHONY: $(CHECKS)
check-types:
	@$(AS_IN_PRODUCTION) $(PY) -m mypy --no-error-summary .
check-python:
	@$(PY) -m ruff format --check --quiet . || { echo "Not formatted: make format does it."; exit 1; }
	@$(PY) -m ruff check --quiet .
check-layers:
	@found=$$(.venv/bin/lint-imports) || { echo "$$found"; exit 1; }
check-templates:
	@$(PY) -m djlint --quiet --check templates || { echo "Templates are not formatted: make format does it."; exit 1; }
	@$(PY) -m djlint --quiet --lint templates
check-migrations:
	@$(AS_IN_PRODUCTION) $(PY) -W ignore manage.py makemigrations --check --dry-run
check-deployment:
	@$(AS_IN_PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

format: install  ## writes Python and templates the way `make check` wants them
	@$(PY) -m ruff check --quiet --fix-only . ; $(PY) -m ruff format --quiet .
	@$(PY) -m djlint --quiet --reformat templates >/dev/null || true

browser:  ## a Chromium for the browser tests
	@if command -v chromium >/dev/null || test -n "$(CHROMIUM_PATH)"; then echo "A Chromium is here already."; \
	elif command -v apt-get >/dev/null && test "$$(id -u)" = 0; then apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else $(MAKE) --no-print-directory install && $(PY) -m playwright install chromium; fi

faults: install  ## a drop sells while each thing that can break breaks; prints the table of docs/faults.md
	@exec $(PY) -m pytest tests/faults -m faults -q $(ARGS)

bench: install  ## orders a second through the real HTTP stack, beside a bare server; then (without ARGS) the record of promises
	@$(PY) -m bench $(ARGS)
	@$(if $(ARGS),:,$(PY) -m bench.evidence)

install:  ## what developers need, into .venv
	$(INSTALL) dev

.PHONY: install-demo
install-demo:
	$(INSTALL)

lock: install  ## compiles requirements*.txt from pyproject.toml (LOCK_ARGS=--upgrade for the newest)
	@$(COMPILE) -o requirements.txt pyproject.toml
	@$(COMPILE) -o requirements-dev.txt --extra dev -c requirements.txt pyproject.toml

clean:  ## deletes what tools cached; .venv and the demo's data stay
	@rm -rf .mypy_cache .ruff_cache .import_linter_cache .pytest_cache test-results
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
