# Two commands on a bare machine: `make run` and `make test`. Each sets up what is missing first.

RUN_ARGS ?=
PYTEST_ARGS ?= --numprocesses=2 --dist=loadfile
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test bench lint format env engine images servers tools setup clean

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: setup ## run every scenario on the lab (RUN_ARGS="arp.same-lan --keep")
	$(BIN)/testbed run $(RUN_ARGS)

test: setup servers tools lint ## lint, type-check and run every test (PYTEST_ARGS="-k decode")
	$(BIN)/pytest $(PYTEST_ARGS)

bench: setup tools ## measure, and write bench/results.md
	$(BIN)/python -m bench

lint: env ## ruff, mypy and shellcheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/shellcheck setup/*.sh tests/engines/*.sh images/router/router.sh .ci/run

format: env ## let ruff format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: env engine images ## set up what `run` needs

env: ## the Python environment in .venv
	@setup/env.sh

engine: ## a Docker engine with Compose, installed or started where none answers
	@setup/engine.sh

images: engine ## the images of the lab, where missing or out of date
	@setup/images.sh

servers: setup ## the images of servers and browsers, which a run makes when it first needs them
	@$(BIN)/python setup/servers.py

tools: ## what only the tests use: tshark, nft and Chromium
	@setup/tools.sh

clean: ## remove what was made in this folder; images and engine stay
	rm -rf .venv .testbed .cache .hypothesis dist .mypy_cache .pytest_cache .ruff_cache
