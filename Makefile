# make run: the whole of Sourcebatch on this machine. make test: the suite. Both need Python 3.11 or newer and nothing else.
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
# The first Python that is new enough and can make virtual environments.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run install install-dev test test-slow test-needs simulate bench-quality torture soak reliability screenshots messages lint format lock bench ci clean

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

run: install  ## start web, worker and, without a GEMINI_API_KEY, a local stand-in for Gemini (PORT, ADMIN_PASSWORD)
	@exec $(PY) scripts/run.py

test: install-dev test-needs  ## run the tests (PYTEST_ARGS="-k name" for some, DATABASE_URL for another database)
	@PYTHONDEVMODE=1 PYTHONWARNINGS=default $(PY) -m pytest -W error -n 2 --dist loadgroup -m "not slow" $(PYTEST_ARGS)

test-slow: install-dev test-needs  ## run the tests that take long: browsers, whole processes, kills, incidents
	@PYTHONDEVMODE=1 PYTHONWARNINGS=default $(PY) -m pytest -W error -n 2 --dist loadgroup -m slow $(PYTEST_ARGS)

torture: install-dev  ## kill workers at every commit and call of a job's life, then 200 times at random (TORTURE="--sample 100")
	@$(PY) -m tests.torture --random 200 $(TORTURE)

soak: install-dev  ## a whole library through two workers while everything fails now and then (SOAK="--books 50 --pages 200")
	@$(PY) -m tests.torture.soak $(SOAK)

reliability: install-dev  ## run the tests of all incidents and write docs/reliability.md
	@$(PY) scripts/reliability.py

bench-quality: install-dev  ## how many spoilt pages each quality rule finds, and how often it is wrong
	@$(PY) scripts/bench_quality.py

bench: install-dev  ## measure everything beside the naive way and the limits of this machine, write docs/benchmarks.md (a quarter of an hour)
	@$(PY) -m bench --write docs/benchmarks.md --keep var/bench/figures.json $(BENCH)

lint: install-dev  ## everything that needs no run: style, types, templates, layers, migrations, deployment
	@$(PY) scripts/lint.py

format: install-dev  ## put the code into our format
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

simulate: install-dev  ## 1,000 books and 100 million pages under Gemini's limits, without a network (SIMULATE=--write for docs/scaling.md)
	@$(PY) scripts/simulate.py $(SIMULATE)

screenshots: install-dev test-needs  ## take docs/screenshots anew, with a made-up library (all, or ONLY=job,room)
	@$(PY) scripts/screenshots.py --only "$(ONLY)"

messages: install-dev  ## gather the interface's strings into locale/ and compile them (needs gettext)
	@$(PY) scripts/messages.py

lock: install-dev  ## renew requirements.lock, with hashes, from the pinned requirements
	@$(PY) scripts/lock.py

ci:  ## what is run before anything lands
	@bash .ci/run

clean:  ## remove what was installed or built; data/ stays
	rm -rf $(VENV) staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

install: have-python
	@$(PYTHON) scripts/install.py run

install-dev: have-python
	@$(PYTHON) scripts/install.py dev

test-needs:
	@$(PY) scripts/test_needs.py

.PHONY: have-python
have-python:
	@test -n "$(PYTHON)" || { echo "Sourcebatch needs Python 3.11 or newer with venv: apt-get install python3-venv (Debian 12, Ubuntu 24.04 and newer), or https://www.python.org/downloads/"; exit 1; }
