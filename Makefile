# The commands of this repository. Each works on a fresh clone; `make` alone lists them.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# The lock is complete, so pip need not resolve (its older versions trip over extras).
# Tests wait more than they compute; more than four at once make the machine the bottleneck.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 4 ] && n=4; echo $$n)
UI := src/commandcenter/_ui/index.html
UI_SOURCES := $(shell find dashboard/src -type f ! -name "*.test.ts") $(addprefix dashboard/,index.html package-lock.json vite.config.ts build.sh)
MYPY := "$(CURDIR)/$(BIN)/mypy" --no-error-summary --config-file "$(CURDIR)/pyproject.toml"
PIP_FLAGS := --quiet --disable-pip-version-check --require-hashes --no-deps

.DEFAULT_GOAL := help
.PHONY: help run test crash check bench dev lock clean ui api

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.installed ## install, migrate, serve on 127.0.0.1:3333; the first start shows a demo
	@if ! $(MAKE) -sq ui; then \
		if command -v npm >/dev/null 2>&1; then \
			echo "Building the dashboard in the background; the hub does not wait for it (log: dashboard/build.log)."; \
			$(MAKE) -s ui >dashboard/build.log 2>&1 & \
		else \
			echo "The dashboard needs Node 20.19 or newer to be built; the hub runs without it."; \
		fi; \
	fi
	@exec $(BIN)/commandcenter up

test: $(VENV)/.installed-dev ## the whole suite; what this machine cannot run is listed with the reason
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

ui: $(UI) ## build the dashboard into the package (needs Node 20.19 or newer)

$(UI): $(UI_SOURCES)
	@flock -n dashboard dashboard/build.sh || { echo "The dashboard was not built." >&2; exit 1; }

api: $(VENV)/.installed-dev ## write the dashboard's types of the API again (needs Node)
	$(BIN)/python -m commandcenter.hub.dump_openapi | node dashboard/generate.mjs

crash: $(VENV)/.installed-dev ## kill hub, runner and both at 50 random moments each; takes about ten minutes
	CRASH_KILLS=$${CRASH_KILLS:-50} $(BIN)/python -m pytest -q -s -k many_kills tests/integration/durable

check: $(VENV)/.installed-dev ## lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@# Agents are programs of their own: each is checked in its folder, as it runs.
	@for agent in agents/*/; do echo "mypy $$agent"; \
		(cd $$agent && $(MYPY) --exclude '^tests/' .) || exit 1; \
		for file in $$agent/tests/test_*.py; do test ! -e $$file || \
			(cd $$agent/tests && MYPYPATH="$(CURDIR):.." $(MYPY) $$(basename $$file)) || exit 1; done; \
	done
	$(BIN)/lint-imports --no-cache
	@if [ dashboard/node_modules/.installed -nt dashboard/package-lock.json ]; then echo "npm run check"; npm run --silent --prefix dashboard check; \
		else echo "dashboard: not checked, make ui installs what that needs"; fi

bench: $(VENV)/.installed-dev .venv-bench/.installed ## measure, and print tables of median, p95 and p99 beside references
	$(BIN)/python -m benchmarks

dev: $(VENV)/.installed-dev ## install everything for development and the commit hooks
	@if [ -d .git ]; then $(BIN)/pre-commit install --install-hooks >/dev/null 2>&1 || true; fi
	@echo "Ready. Try: make test, make check, make run"

lock: ## compile the hashed requirement files again (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --no-annotate \
		-o requirements/runtime.txt pyproject.toml requirements/build.in
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --no-annotate -c requirements/runtime.txt \
		-o requirements/dev.txt --extra stacks pyproject.toml requirements/build.in requirements/dev.in
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --no-annotate \
		-o requirements/bench.txt requirements/bench.in

clean: ## remove the environment and caches
	rm -rf $(VENV) .venv-bench dashboard/node_modules src/commandcenter/_ui* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# uv when it is there (a second with a warm cache), else venv and pip.
define install
	@test -n "$(PYTHON)" || { echo "CommandCenter needs Python 3.11 or newer on PATH (Debian: apt install python3 python3-venv)." >&2; exit 1; }
	@echo "Installing from $(1) ..."
	@if command -v uv >/dev/null 2>&1; then \
		{ test -x $(BIN)/python || uv venv --quiet --python "$(PYTHON)" $(VENV); } && \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(1) && \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . ; \
	else \
		{ test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV) || { echo "Creating $(VENV) failed: install the venv module (Debian: apt install python3-venv)." >&2; rm -rf $(VENV); exit 1; }; } && \
		$(BIN)/python -m pip install $(PIP_FLAGS) -r $(1) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . ; \
	fi
endef

$(VENV)/.installed: requirements/runtime.txt pyproject.toml
	$(call install,requirements/runtime.txt)
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt pyproject.toml
	$(call install,requirements/dev.txt)
	@touch $@ $(VENV)/.installed

.venv-bench/.installed: requirements/bench.txt
	@echo "Installing from requirements/bench.txt (the engines to compare with) ..."
	@"$(PYTHON)" -m venv .venv-bench
	@.venv-bench/bin/python -m pip install $(PIP_FLAGS) -r requirements/bench.txt
	@touch $@
