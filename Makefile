# Everything a developer types. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements.lock
DEPLOY_LOCK := deploy/requirements.lock
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" --quiet

.PHONY: help install demo test test-fast kafka check format wire asyncapi lock bench chaos clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP) ## Make .venv with everything, as pinned in requirements.lock

$(STAMP): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sightline needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 install")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -c 'import sightline.formats.coco; from sightline.evaluation import warm; warm()'
	@touch $@

demo: install ## Real predictions of a real model through the whole system, then serve until Ctrl-C (ONCE=1: end after the table)
	$(BIN)/python -m examples.digits.demo

test: check ## Check the code, then run every test that this machine can run
	$(BIN)/python -m pytest

test-fast: install ## Only the pure tests, in seconds
	$(BIN)/python -m pytest tests/unit

kafka: install ## Fetch the Apache Kafka that tests start (44 MB, once; needs Java 17 and Maven)
	$(BIN)/python -m tests.kafka.jars

check: install ## Formatting, lint, types, import rules, protobuf: all that needs no test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/generate_wire.py --check
	$(BIN)/python scripts/generate_asyncapi.py --check
	cd proto && ../$(BIN)/buf lint
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: install ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wire: install ## Generate sightline/wire from proto/
	$(BIN)/python scripts/generate_wire.py

asyncapi: install ## Generate docs/asyncapi.yaml from the topics and proto/
	$(BIN)/python scripts/generate_asyncapi.py

lock: ## Pin all dependencies anew (needs uv): of developers, and those of them that the image gets
	$(COMPILE) --all-extras --upgrade --output-file $(LOCK)
	rm -f $(DEPLOY_LOCK)
	$(COMPILE) --constraint $(LOCK) --output-file $(DEPLOY_LOCK)

bench: install ## Measure, and print the tables of docs/benchmarks.md
	$(BIN)/python -m benchmarks

chaos: install ## What tests try small, at full size: random kills, an upload of 10 GB, an hour of random changes
	$(BIN)/python -m tests.chaos.storm
	$(BIN)/python -m tests.chaos.storm --kafka
	SIGHTLINE_TEST_UPLOAD_LINES=20000000 $(BIN)/python -m pytest -n 0 tests/integration/ingest/test_ndjson_process.py -k many_times
	$(BIN)/python -m tests.chaos.random_changes --minutes 60

clean: ## Remove what was built here
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
