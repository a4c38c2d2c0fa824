# make demo   pages drawn by the shipped model from photographs it has never seen, on a machine that has only Python
# make studio the studio's page built into the package; needs npm
# make test   everything that keeps the project sound: ruff, mypy, pytest
# make docs   the documentation as a site, in site/; `make test` then runs its notebook too
# make wheel  wheel and source distribution in dist/, and every command of README.md run from the wheel
# make quick  the same without the slow tests
#
# PYTHON=python3.12 make …  picks the interpreter for .venv; pip's own variables (PIP_EXTRA_INDEX_URL, …) work as ever.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet -c constraints.txt
HAVE_PIP := $(RUN) -c 'import pip' 2>/dev/null || $(RUN) -m ensurepip # of a .venv that another tool has made

SHOWN := demo/examples
DEMO_PHOTOS ?= lake city tea sunset bridge

# Tests run in a process per core, a file never in two: fixtures, Chromium and locks are those of one process.
PYTEST := $(RUN) -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: demo test quick lint docs wheel clean
.DELETE_ON_ERROR:

demo: $(VENV)/.core
	@rm -rf demo
	$(RUN) -m sceneswap examples --out $(SHOWN)
	$(RUN) -m sceneswap swap $(DEMO_PHOTOS:%=$(SHOWN)/images/%.jpg) --labels $(SHOWN)/labels --long-side 384 --out demo/swap
	@echo "Open demo/swap/index.html: rows are layouts, columns are looks, no photograph among them was trained on."
	$(RUN) -m sceneswap interpolate global --label-map $(SHOWN)/labels/lake.png --exemplars $(SHOWN)/looks/sunset.look.safetensors \
	  $(SHOWN)/looks/waves.look.safetensors --frames 5 --long-side 384 --out demo/strip
	$(RUN) -m sceneswap attention trace --at 320,130 --label-map $(SHOWN)/labels/lake.png --exemplar $(SHOWN)/images/dunes.jpg \
	  --exemplar-label-map $(SHOWN)/labels/dunes.png --long-side 384 --out demo/trace
	@echo "Then demo/strip/index.html, from one look to another, and demo/trace/index.html: where a mountain got its look."

studio: $(VENV)/.dev
	cd studio && npm ci --ignore-scripts --no-audit --no-fund
	$(RUN) studio/build.py
	@echo "Now: $(VENV)/bin/sceneswap studio"

test: $(VENV)/.dev lint
	$(PYTEST)

quick: $(VENV)/.dev lint
	$(PYTEST) -m "not slow"

lint: $(VENV)/.dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

docs: $(VENV)/.docs
	$(RUN) -m mkdocs build --strict

wheel:
	$(PYTHON) -m venv --clear $(VENV)-wheel
	$(VENV)-wheel/bin/python -m pip install --quiet build
	rm -rf dist && $(VENV)-wheel/bin/python -m build
	$(VENV)-wheel/bin/python -m pip install --quiet -c constraints.txt "$$(ls dist/*.whl)[train,eval]" pytest hypothesis
	$(VENV)-wheel/bin/python -m pytest tests/test_readme.py tests/jobs/test_examples.py

clean:
	rm -rf $(VENV) $(VENV)-wheel demo site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- The environment: stamps say what is installed, so pip runs only after a change of versions -----------------------

$(VENV)/.core: pyproject.toml constraints.txt | $(RUN)
	@$(HAVE_PIP)
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(RUN)
	@$(HAVE_PIP)
	$(PIP) -e '.[train,eval,onnx,shards,dev]'
	@touch $@ $(VENV)/.core

$(VENV)/.docs: pyproject.toml constraints.txt | $(RUN)
	@$(HAVE_PIP)
	$(PIP) -e '.[docs]'
	@touch $@ $(VENV)/.core

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit("sceneswap needs Python 3.11 or newer; try: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear $(VENV)
