# make demo    separate a simulated recording, print its scores, write wav files and a picture
# make test    run the tests
# make help    the rest
#
# Everything is installed into .venv, from a wheel that is built once from this tree: what runs is what users get,
# with its compiled kernels. Only what changed is built again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out/demo
PYTEST_ARGS ?=
BENCH_ARGS ?=

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The folders count too: their date tells of a file that was removed.
SOURCES := $(shell find nmfcore avfront -not -path '*/__pycache__*' 2>/dev/null)

# A PYTHONPATH that holds this folder would hide the installed package behind its sources.
unexport PYTHONPATH

.DELETE_ON_ERROR:
.PHONY: help demo test lint format docs bench bench-gpu bench-quality bench-report clean

help:
	@echo "make demo           separate a simulated recording into $(OUT)"
	@echo "make test           run the tests                        (PYTEST_ARGS='-k spatial')"
	@echo "make lint           ruff and mypy"
	@echo "make format         let ruff format and fix what it can"
	@echo "make docs           build the documentation into out/docs"
	@echo "make bench          measure against the peers            (BENCH_ARGS='-k kl')"
	@echo "make bench-quality  measure separation quality"
	@echo "make bench-gpu      check and measure an NVIDIA GPU, choose its kernels"
	@echo "make bench-report   draw the pictures and tables from benchmarks/results"
	@echo "make clean          remove everything that was made"

demo: $(VENV)/for-demo
	$(BIN)/avfront demo -o $(OUT) --force
	@echo "The sounds, the scores and the picture are in $(OUT)/"

test: $(VENV)/for-dev
	$(BIN)/pytest $(PYTEST_ARGS)

lint: $(VENV)/for-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/for-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/for-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The documentation is in out/docs/index.html"

bench: $(VENV)/for-bench
	$(BIN)/pytest benchmarks --ignore benchmarks/quality $(BENCH_ARGS)

# Programs of the package benchmarks. This folder comes last on the path, so that its nmfcore does not hide the
# installed one.
MODULE := $(BIN)/python -P -c 'import runpy, sys; sys.path.append("."); sys.argv.pop(0); \
  runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)'

bench-quality: $(VENV)/for-bench
	$(MODULE) benchmarks.quality.spatial $(BENCH_ARGS)
	$(MODULE) benchmarks.quality.arrays
	$(MODULE) benchmarks.quality.likelihood
	$(MODULE) benchmarks.quality.onthefly $(BENCH_ARGS)
	$(MODULE) benchmarks.quality.motion $(BENCH_ARGS)
	$(MODULE) benchmarks.quality.mil $(BENCH_ARGS)
	$(MODULE) benchmarks.quality.videos

# The kernels' forms that it chooses are written to nmfcore/cuda/variants.json, and installed by the next make.
bench-gpu: $(VENV)/for-bench
	@nvidia-smi >/dev/null 2>&1 && $(PIP) install "$$(echo $(VENV)/wheel/nmfcore-*.whl)[cuda,dev]" || true
	$(MODULE) benchmarks.gpu $(BENCH_ARGS)

bench-report: $(VENV)/for-bench
	$(MODULE) benchmarks.report

clean:
	rm -rf $(VENV) build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find nmfcore avfront tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The folder's own stamp, not the folder: its date changes with every install.
$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "nmfcore needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment could be made (on Debian: apt install python3-venv)" >&2; exit 1; }
	@touch $@

$(VENV)/build-tools: $(VENV)/made constraints.txt
	@echo "Installing the build tools ..."
	@$(PIP) install -c constraints.txt cmake nanobind ninja scikit-build-core
	@touch $@

# No build isolation: the tools stay in one place, so that CMake compiles again only what changed.
$(VENV)/installed: $(VENV)/build-tools pyproject.toml CMakeLists.txt $(SOURCES)
	@echo "Building nmfcore ..."
	@rm -rf $(VENV)/wheel
	@$(PIP) wheel --no-deps --no-build-isolation -w $(VENV)/wheel .
	@$(PIP) install --no-deps --force-reinstall $(VENV)/wheel/nmfcore-*.whl
	@touch $@

# Where the build found no C++ compiler (or no Python headers), Numba's kernels take the place of the compiled ones.
define install-for
	@extras=$(1); \
	if ! ls $(VENV)/lib/python*/site-packages/nmfcore/_native.* >/dev/null 2>&1; then \
	  echo "No C++ compiler was found: Numba's kernels are installed in place of the compiled ones."; \
	  extras=$$extras,jit; \
	fi; \
	echo "Installing what '$$extras' needs ..."; \
	$(PIP) install -c constraints.txt "$$(echo $(VENV)/wheel/nmfcore-*.whl)[$$extras]"
	@touch $@
endef

# What an extra brings in changes only with these two files, not with the code.
$(VENV)/for-demo: pyproject.toml constraints.txt | $(VENV)/installed
	$(call install-for,demo)

$(VENV)/for-dev: pyproject.toml constraints.txt | $(VENV)/installed
	$(call install-for,dev)

$(VENV)/for-docs: pyproject.toml constraints.txt | $(VENV)/installed
	$(call install-for,docs)

$(VENV)/for-bench: pyproject.toml constraints.txt | $(VENV)/installed
	$(call install-for,bench)
