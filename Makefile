.DEFAULT_GOAL := help
.PHONY: help demo test test-all faults interop docs gallery zoo bench native clean

# The newest Python that torch has wheels for. To choose another: make test PYTHON=python3.12
PYTHON ?= $(shell for python in python3.14 python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys, ensurepip, venv; assert sys.version_info >= (3, 11)' \
		>/dev/null 2>&1 && echo $$python && break; done)

INSTALL = .venv/bin/pip install -q --disable-pip-version-check -c constraints.txt
CHROMIUM = $(shell command -v chromium chromium-browser)
comma = ,

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.installed ## train a small network until it groks, explain it, and write the report
	@scripts/build_native
	@.venv/bin/grokscope run demo --out runs

test: .venv/.tools ## run every check: format, lint, types, docs, tests
	@scripts/build_native
	@scripts/check

test-all: .venv/.tools ## run every test, the long ones too: the README's demo until it groks, all faults
	@.venv/bin/pytest -n 2 --dist loadscope --no-loadscope-reorder -m "long or not long"

faults: .venv/.tools ## break it in every way the tests know: kills, full disks, hostile files (20 minutes)
	@.venv/bin/pytest -n 2 -m "long or not long" tests/faults

interop: .venv/.tools ## train, export and look inside with the real TransformerLens (installs two; 1.6 GB)
	@scripts/interop

docs: .venv/.tools ## build the documentation into docs/_build
	@.venv/bin/sphinx-build -W -q docs docs/_build
	@echo "The documentation is at docs/_build/index.html"

gallery: .venv/.installed ## train the runs of docs/gallery.md and write it, their pages too (some minutes)
	@.venv/bin/python -m docs.gallery

zoo: .venv/.installed ## train and explain the thirty networks of the zoo into zoo/ (some minutes)
	@.venv/bin/python -m grokscope.zoo zoo

bench: .venv/.tools ## time a training step
	@.venv/bin/python -m benchmarks.step

native: .venv/.installed ## build the native step again, and say what hinders it
	@scripts/build_native --again

clean: ## remove .venv, caches and built documentation; runs/ stays
	rm -rf .venv docs/_build dist .pytest_cache .ruff_cache .hypothesis

.venv/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "grokscope needs Python 3.11 or newer, with venv; none was found."; exit 1; }
	@echo "Installing grokscope into .venv ($(PYTHON); once, a minute or two) ..."
	@$(PYTHON) -m venv .venv
	@$(INSTALL) -e .
	@touch $@

# What tests pages in a browser is large, and of use only where there is one.
.venv/.tools: .venv/.installed
	@echo "Installing what tests grokscope ..."
	@$(INSTALL) -e ".[dev$(if $(CHROMIUM),$(comma)browser)]"
	@touch $@
