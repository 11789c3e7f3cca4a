# Every target makes its own virtual environment and installs the lock; the second call is instant.
# PYTHON=… names the Python (3.11 to 3.13); VENV=… where the environment goes.

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
SHELL := /bin/bash
export VENV ?= .venv
export PYTHON ?=

# `exec` hands make's signals to the program itself: Ctrl-C and SIGTERM stop the demo and not just make.
RUN := exec "$(VENV)/bin/python"

.PHONY: help demo demo-reset test lint bench faults load openapi prove screens sbom bundle lock

help:
	@sed -n 's/^##  *//p' Makefile

## make demo        everything on this machine at http://127.0.0.1:8080 (DEMO_PORT, DEMO_DIR)
demo:
	@bash scripts/install runtime
	@$(RUN) -m lucid_payments.embedded start

## make demo-reset  forget the demo and start afresh
demo-reset:
	@bash scripts/install runtime
	@$(RUN) -m lucid_payments.embedded reset

## make test        the suite, on real PostgreSQL and Valkey (REQUIRE_ALL=1: no group may be left out)
test:
	@bash scripts/install dev
	@$(RUN) -m tests.groups

## make lint        ruff, mypy, import-linter, bandit, missing migrations
lint:
	@bash scripts/install dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" exec bash scripts/lint

## make bench       2,000 payouts on the devnet, with the figures of each
bench:
	@bash scripts/install dev
	@$(RUN) -m tests.load
	@$(RUN) -m tests.load month

## make load        20 API clients on 100,000 payouts for 3 minutes; fails where a target is missed
load:
	@bash scripts/install dev
	@$(RUN) -m tests.load.api

## make faults      every fault on the real processes, and docs/faults.md
faults:
	@bash scripts/install dev
	@$(RUN) -m tests.faults

## make openapi     docs/openapi.yaml anew, from the views
openapi:
	@bash scripts/install dev
	@export DJANGO_SETTINGS_MODULE=tests.harness.settings PYTHONWARNINGS=ignore; \
		$(RUN) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

## make prove       what is too long for `make test`
prove:
	@bash scripts/install dev
	@$(RUN) -m tests.groups --prove

## make screens     docs/screens anew, by whoever works through the pages (needs chromium)
screens:
	@bash scripts/install dev
	@$(RUN) -m tests.browser.screens

## make sbom        var/sbom.cdx.json: what the image is made of (CycloneDX)
sbom:
	@bash scripts/install dev
	@mkdir -p var
	@"$(VENV)/bin/cyclonedx-py" requirements --pyproject pyproject.toml --output-reproducible --of JSON \
		-o var/sbom.cdx.json requirements.lock

## make bundle      images, SBOM and checksums for a machine that reaches nothing but Tor (ARCH, ENGINE)
bundle:
	@bash scripts/install dev
	@exec bash scripts/bundle

## make lock        resolve pyproject.toml again into the two locks (needs uv and the network)
lock:
	uv lock -q
	uv export -q --no-header --no-annotate --no-emit-project --format requirements-txt --no-dev -o requirements.lock
	uv export -q --no-header --no-annotate --no-emit-project --format requirements-txt --all-groups -o requirements-dev.lock
