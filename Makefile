# Two commands matter: `make serve` and `make test`. Each sets up what it needs first and says what it does.
.PHONY: help serve build archive test test-all test-browsers fuzz check bench screenshots setup clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
export PYTHONUTF8 := 1

# A Python that was removed from under .venv: it is made anew
$(shell [ -x $(PYTHON) ] || rm -f .venv/.ready)

help:
	@echo "make serve   build the site, serve it at http://127.0.0.1:8000/, rebuild and reload on changes     (PORT=8080)"
	@echo "make test    all tests, those in a real Chromium included     (TOPIC=mla: what holds one topic)"
	@echo "make test-all   also the full product of every demo's corners"
	@echo "make test-browsers   every page and a journey over the site, in Firefox and WebKit"
	@echo "make build   build the site into site/      (SITE_URL=https://… for canonical addresses)"
	@echo "make archive   build, and pack the site as one zip that any server can serve: site/llm-internals.zip"
	@echo "make fuzz   500 spoilt contents: each is built, or told as a fault with its file and line     (SEED=2)"
	@echo "make check   ruff, formatting, and the page standard"
	@echo "make bench   speed and size in a real Chromium, beside a stock Pyodide page; Lighthouse"
	@echo "make screenshots   the pictures of the README"

serve: setup
	@$(PYTHON) build.py serve $(if $(PORT),--port $(PORT))

build: setup
	@$(PYTHON) build.py build

archive: setup
	@$(PYTHON) build.py archive

test: setup .venv/.chromium
	@echo "Testing"
	@$(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(if $(TOPIC),--topic=$(TOPIC))

test-all: setup .venv/.chromium
	@echo "Testing every corner"
	@$(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --all

test-browsers: setup .venv/.browsers
	@echo "Testing in Firefox and WebKit"
	@$(PYTHON) -m pytest --engines tests/engines

fuzz: setup
	@echo "Spoiling content"
	@$(PYTHON) -m tests.builder.fuzz 500 $(or $(SEED),1)

check: setup
	@echo "Checking style"
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@echo "Checking content"
	@$(PYTHON) build.py check

bench: setup .venv/.chromium
	@$(PYTHON) -m bench

screenshots: build .venv/.chromium
	@$(PYTHON) -m bench.screenshots

setup: .venv/.ready node_modules/.ready topics/data/gpt2.merges

.venv/.ready: requirements.txt
	@sh builder/make-venv.sh
	@rm -f $@
	@echo "Installing Python packages"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt || { echo "pip could not have what requirements.txt names. It asks PyPI, or the mirror that PIP_INDEX_URL names; README.md says what else helps. Then run make again." >&2; exit 1; }
	@touch $@

node_modules/.ready: package-lock.json
	@command -v node >/dev/null || { echo "Node 20 or newer is needed: install it, then run make again." >&2; exit 1; }
	@echo "Installing browser packages"
	@npm ci --loglevel=error --no-audit --no-fund --ignore-scripts >/dev/null || { echo "npm could not have what package-lock.json names. It asks its registry, or the mirror that npm_config_registry names; README.md says what else helps. Then run make again." >&2; exit 1; }
	@touch $@

topics/data/gpt2.merges: builder/bundle/merges.py node_modules/.ready .venv/.ready
	@$(PYTHON) -m builder.bundle.merges

.venv/.chromium: .venv/.ready
	@$(PYTHON) -m tests.chromium
	@touch $@

.venv/.browsers: tests/engines/requirements.txt .venv/.ready
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r $< -c requirements.txt
	@$(PYTHON) -m tests.engines.drivers
	@touch $@

clean:
	rm -rf .venv node_modules .cache
	find site -mindepth 1 ! -name .gitignore -delete
