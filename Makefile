# `make demo` and `make test` create the environment if it is missing; see README.md.
PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
KILLS ?= 100
TIMES ?= 10000
ENV := .venv
READY := $(ENV)/.ready
RUN := . $(ENV)/bin/activate &&
TEST := python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
DEMO := snakemake --configfile workflow/presets/demo.yaml --cores $(CORES)

# Where `make reference` finds runs to publish; without new ones it computes the tables again from published evidence.
STUDY ?= $(if $(wildcard results/reference/config.json),results/reference,reference/cpu)

.PHONY: help env demo test test-system test-gpu chaos fuzz bench check-machine style schema reference lock

help: ## list these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

env: $(READY) ## install the environment of the lock file in .venv (6.5 GB)

$(READY): envs/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Error: $(PYTHON) is missing or older than 3.11; install Python 3.11 or newer, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Error: this Python has no venv; install it (Debian, Ubuntu: apt install python3-venv) and run make again"; exit 1; }
	rm -rf $(ENV)
	$(PYTHON) -m venv $(ENV)
	@echo "Installing the environment (6.5 GB with torch; 2 to 10 minutes) ..."
	$(ENV)/bin/pip install --quiet --no-input --disable-pip-version-check --require-hashes -r envs/requirements.lock
	touch $(READY)

demo: $(READY) ## run the whole workflow on synthetic data and write report.html (1 to 3 minutes)
	$(RUN) $(DEMO) --quiet rules host reason
	$(RUN) $(DEMO) --quiet rules host reason --report report.html
	@echo "The demo's report is $(CURDIR)/report.html - open it in a browser. Its data are synthetic."

test: $(READY) ## run all tests but the heavy ones, or those that TESTS names (about 10 minutes on two cores)
	$(RUN) $(TEST) $(TESTS)

test-system: $(READY) ## run the heavy tests: browser, cluster, kills, full disk, invalid input; skips what the machine lacks
	$(RUN) $(TEST) tests/system

test-gpu: $(READY) ## run the tests that need an NVIDIA GPU: runs repeat, resume, share it and stay close to the CPU
	$(RUN) python -m pytest -m gpu

chaos: $(READY) ## kill the study's processes at random, 100 times (KILLS=...), and check the results
	$(RUN) CHAOS_KILLS=$(KILLS) python -m pytest tests/system/test_chaos.py

fuzz: $(READY) ## try 10,000 generated configs (TIMES=...) and as many damaged files
	$(RUN) FUZZ=$(TIMES) python -m pytest tests/system/test_fuzz.py

bench: $(READY) ## measure the speed of training and of the workflow; writes results/bench/*.csv (about half an hour)
	$(RUN) PYTHONPATH=workflow:. python -m benchmarks.run --output results/bench
	$(RUN) python tests/system/overhead.py 100

check-machine: $(READY) ## measure how long the study takes on this machine; CONFIG="presets"
	$(RUN) PYTHONPATH=workflow python -m study check-machine --config $(CONFIG)

style: $(READY) ## check the style of the code and the rules (ruff, snakefmt)
	$(RUN) ruff check . && ruff format --check . && snakefmt --check Snakefile workflow/rules

schema: $(READY) ## write config.schema.json from the typed config
	$(RUN) PYTHONPATH=workflow python -m study.config.schema

reference: $(READY) ## publish the reference study, check all published studies, and write the pages that quote them (STUDY=...)
	$(RUN) export PYTHONPATH=workflow && python -m study publish $(STUDY) reference/cpu && \
	  python -m study describe reference/cpu --output reference/README.md --readme README.md && \
	  for name in gpu labels budgets; do \
	    python -m study publish reference/$$name reference/$$name && python -m study describe reference/$$name \
	      $$(grep -q "reference/$$name -->" README.md && echo --readme README.md) || exit 1; \
	  done

lock: ## resolve envs/requirements.in into requirements.lock again (needs uv), and list the names of its timm
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	  --no-emit-find-links --custom-compile-command "make lock" envs/requirements.in -o envs/requirements.lock
	$(MAKE) env
	$(RUN) PYTHONPATH=workflow python -m study.config.timm_names
