# Stepwell: everything a person or CI does with a checkout.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= data
PORT ?= 8080
GUIDE ?= guide

.DEFAULT_GOAL := help
.PHONY: help assets binary dist guide image run examples examples-serve install test test-newer check format reference blocking-client cluster-test crash-test fuzz audit bench lock clean simulate power-loss mutate load-test bench-quick screenshots client-test collector-test wheels

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 17

run: install ## install, start the server, load the samples, take the tour, keep serving
	@# The guide at /guide is made meanwhile; nothing waits for it. `make run GUIDE=` leaves it out.
	@if [ -n "$(GUIDE)" ]; then $(MAKE) --no-print-directory guide >/dev/null 2>&1 & fi
	$(BIN)/python scripts/tour.py --data $(DATA) --port $(PORT)

examples: install ## run every example from its README, with a model, mail and a registry that stand in
	$(BIN)/python examples/run.py

examples-serve: install ## the same servers, kept running on port 8080 to follow the READMEs by hand
	$(BIN)/python examples/run.py --serve --port 8080

install: $(VENV)/installed ## install the server into .venv

test: $(VENV)/installed-dev ## install what it takes and run everything that CI runs
	scripts/test

test-newer: $(VENV)/installed-dev ## run a part of the tests on Python 3.14, if it can be had
	scripts/test-newer

check: $(VENV)/installed-dev ## format, lint, import rules, types
	scripts/check

format: $(VENV)/installed-dev ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

client-test: $(VENV)/installed-dev ## make clients by five public generators, and use each (needs npm, Java and a network)
	scripts/client-test

screenshots: $(VENV)/installed-dev ## take a picture of every page of the console, in five looks (needs chromium)
	$(BIN)/python scripts/screenshots.py $(SHOTS)

load-test: $(VENV)/installed-dev ## ten minutes of load, 100,000 runs, jumps of the clock
	STEPWELL_LOAD=1 STEPWELL_LOAD_SECONDS=600 STEPWELL_LOAD_RUNS=100000 STEPWELL_LOAD_VISITS=10000 STEPWELL_LOAD_CLIENTS=1000 STEPWELL_LOAD_JUMPS=40 $(BIN)/pytest -s --timeout 1800 tests/load

reference: $(VENV)/installed ## write the reference pages in docs/ from the code
	PYTHONPATH=. $(BIN)/python scripts/reference.py

blocking-client: $(VENV)/installed-dev ## write the client for threads from the one for asyncio
	PYTHONPATH=. $(BIN)/python scripts/blocking_client.py

cluster-test: $(VENV)/installed-dev ## run what runs on PostgreSQL on it: the API, the console, signals, events, attacks, kills, moves
	$(BIN)/pytest -q --journal postgres tests/contract tests/console tests/triggers tests/events tests/attack tests/crash/test_kill.py
	$(BIN)/pytest -q tests/postgres tests/operations/test_move.py
	STEPWELL_CLUSTER_CYCLES=200 STEPWELL_SEED=20261130 $(BIN)/pytest -s --timeout 18600 tests/postgres/test_faults_under_load.py
	STEPWELL_CLUSTER_CYCLES=100 STEPWELL_CLUSTER_KINDS="kill one" $(BIN)/pytest -s --timeout 9600 tests/postgres/test_faults_under_load.py

crash-test: $(VENV)/installed-dev ## kill -9 the server 500 times under load, over all step types
	STEPWELL_CRASH_CYCLES=500 $(BIN)/pytest -s --timeout 3600 tests/crash/test_kill.py
	STEPWELL_AGENT_KILLS=50 $(BIN)/pytest -s --timeout 3600 tests/crash/test_agents_and_people.py

fuzz: $(VENV)/installed-dev ## send 60,000 random requests and 60,000 random expressions
	STEPWELL_FUZZ_CASES=60000 STEPWELL_FUZZ_EXPRESSIONS=60000 $(BIN)/pytest -s --timeout 7200 tests/attack/test_fuzz.py tests/attack/test_expressions.py

audit: ## ask the open database of vulnerabilities about every pinned package (needs a network)
	$(PYTHON) scripts/audit.py

simulate: $(VENV)/installed-dev ## play new simulated worlds for SECONDS (600)
	STEPWELL_SIMULATE_S=$(or $(SECONDS),600) $(BIN)/pytest -s tests/simulation/test_simulation.py

power-loss: $(VENV)/installed-dev ## cut the power, damage the -wal file and fail the disk thousands of times
	STEPWELL_POWER_STATES=3000 STEPWELL_WAL_CASES=4000 STEPWELL_FAULT_CASES=720 $(BIN)/pytest -s --timeout 3600 tests/crash/test_power_loss.py tests/crash/test_wal_cut.py tests/crash/test_io_faults.py

mutate: $(VENV)/installed-dev ## change the engine in 1,700 small ways and see that its tests notice each
	PYTHONPATH=. $(BIN)/python scripts/mutate.py $(MUTATE)

bench: $(VENV)/installed .venv-bench/installed ## measure Stepwell beside its peers, in 40 to 60 minutes; the machine must be quiet
	$(BIN)/python -m compileall -q app engine journal steps stepwell
	$(BIN)/python -m benchmarks $(BENCH)

bench-quick: $(VENV)/installed .venv-bench/installed ## the same in a few minutes, to see that it works
	$(BIN)/python -m compileall -q app engine journal steps stepwell
	$(BIN)/python -m benchmarks --quick $(BENCH)

agent-compare: $(VENV)/installed .venv-agents/installed ## run ten agent tasks here and by three libraries, on the same scripted model
	$(BIN)/python -m benchmarks.agents --python .venv-agents/bin/python

model-test: $(VENV)/installed-dev .venv-model/installed ## try a real model server (llama.cpp), and with LITELLM=1 a proxy in front of it
	STEPWELL_MODEL_PYTHON=.venv-model/bin/python $(BIN)/pytest -s --timeout 600 tests/real_models

collector-test: $(VENV)/installed-dev .venv-collector/installed ## send spans and lines through Rotel, a collector by others (needs Python 3.11)
	STEPWELL_COLLECTOR=$$(.venv-collector/bin/python -c 'import rotel; print(rotel.__path__[0])')/rotel-agent $(BIN)/pytest -s tests/operations/test_collector.py

binary: .venv-dist/installed ## make the single file in dist/ (needs a C compiler)
	.venv-dist/bin/python -m distribution binary

image: .venv-dist/installed ## make the container image in dist/ (needs umoci and apt-get)
	.venv-dist/bin/python -m distribution image

dist: .venv-dist/installed $(VENV)/installed-dev ## make the file, the image and the Debian package, and try each
	.venv-dist/bin/python -m distribution binary image package
	STEPWELL_DIST=dist $(BIN)/pytest -s --timeout 600 tests/distribution

wheels: $(VENV)/installed assets guide ## build the packages of the server and of the client into dist/
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist ./client .
	$(BIN)/python -m distribution.wheels dist

assets: app/web/console/built/icons.json ## make the typeface and the icons of the console

app/web/console/built/icons.json: scripts/assets distribution/assets.py app/web/console/icons.py
	PYTHON=$(PYTHON) scripts/assets
	touch $@

guide: app/web/guide/site/README/index.html ## make the guide of the pages in docs/, which the server shows at /guide

app/web/guide/site/README/index.html: .venv-guide/installed scripts/guide.py $(wildcard *.md docs/*.md docs/*/* examples/*.md examples/*/*.md)
	.venv-guide/bin/python scripts/guide.py
	touch $@

lock: ## pin and hash what pyproject.toml asks for (needs uv)
	uv pip compile --all-extras --universal --no-emit-package stepwell-client --no-emit-package stepwell --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade pyproject.toml --group build -o requirements.txt
	uv pip compile --all-extras --universal --no-emit-package stepwell-client --no-emit-package stepwell --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade pyproject.toml --group dev -o requirements-dev.txt
	uv pip compile --all-extras --universal --no-emit-package stepwell-client --no-emit-package stepwell --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade pyproject.toml --group build --group dist -c requirements.txt -o requirements-dist.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group assets -c requirements-dist.txt -o requirements-assets.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group typeface -c requirements-dist.txt -o requirements-typeface.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group guide -c requirements-dev.txt -o requirements-guide.txt

clean: ## remove what was installed and cached, not the data
	rm -rf $(VENV) .venv-bench .venv-agents .venv-model .venv-collector .venv-dist .venv-guide .venv-newer app/web/guide/site app/web/console/built .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info client/*.egg-info build client/build dist

.venv-bench/installed: scripts/bench-setup pyproject.toml
	scripts/bench-setup

.venv-agents/installed: scripts/agent-setup pyproject.toml
	scripts/agent-setup

.venv-model/installed: scripts/model-setup pyproject.toml
	scripts/model-setup

.venv-collector/installed: pyproject.toml
	$(PYTHON) -m venv .venv-collector
	.venv-collector/bin/pip install --quiet --disable-pip-version-check 'rotel==0.0.1a15'
	touch $@

.venv-guide/installed: requirements-guide.txt
	$(PYTHON) -m venv .venv-guide
	.venv-guide/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-guide.txt
	touch $@

.venv-dist/installed: requirements-dist.txt pyproject.toml
	$(PYTHON) -m venv .venv-dist
	.venv-dist/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dist.txt
	.venv-dist/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable client --editable .
	touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Stepwell needs Python 3.11 or newer; this is %d.%d. Set PYTHON=..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt pyproject.toml client/pyproject.toml $(VENV)/bin/python
	scripts/install requirements.txt
	touch $@

$(VENV)/installed-dev: requirements-dev.txt requirements.txt pyproject.toml client/pyproject.toml $(VENV)/bin/python
	@# It has all of requirements.txt. A third of it is never imported: compiled is what tests import.
	scripts/install requirements-dev.txt --no-compile
	touch $(VENV)/installed $@
