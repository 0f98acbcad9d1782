# Two commands on a fresh machine: `make book` and `make test`. Both set up .venv by themselves.

PYTHON ?= $(if $(filter Windows_NT,$(OS)),python,python3)
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(BIN)/python
READY := $(VENV)/.ready

NOTEBOOKS := $(wildcard book/*.ipynb)
PAGES := $(shell find book -type f ! -name '*.ipynb' ! -path '*/.*' ! -path '*/_ext/*')
EXECUTED := $(NOTEBOOKS:book/%=_build/source/%)
SOURCE := $(EXECUTED) $(PAGES:book/%=_build/source/%)
HELPERS := $(shell find mlleaks_helpers -type f ! -path '*/__pycache__/*')

# Two chapters at a time; threads within the small fits of attacks would only get in their way.
MAKEFLAGS += -j2
book test: export TQDM_DISABLE = 1
book test: export OMP_NUM_THREADS = 1

.PHONY: help book test bench results lab lock clean
.DELETE_ON_ERROR:

help:
	@echo "make book    execute the chapters and publish them to _build/html/index.html"
	@echo "make test    the same, then run every test"
	@echo "make bench   many models at once against one after the other"
	@echo "make results  record the paper's experiments anew (SET= RECIPE= SEED=), where stale"
	@echo "make lab     open the chapters in JupyterLab"
	@echo "make lock    pin requirements.in anew"
	@echo "make clean   remove _build"

book: _build/html/index.html _build/claims.json

test: book
	$(PY) -m ruff check
	$(PY) -m pytest -n 2 --dist loadfile --nbval --nbval-current-env tests _build/source

bench: $(READY)
	$(PY) -m benchmarks.many

results: $(READY)
	$(PY) -m tools.record $(if $(SET),--set $(SET)) $(if $(RECIPE),--recipe $(RECIPE)) \
		$(if $(SEED),--seed $(SEED))

lab: $(READY)
	$(PY) -m jupyterlab book

lock: $(READY)
	$(PY) -m pip install --quiet uv
	$(PY) -m uv pip compile --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --no-header --upgrade requirements.in -o requirements.txt

clean:
	rm -rf _build

$(READY): requirements.txt tools/set_up.py
	$(PYTHON) tools/set_up.py $(VENV)
	@touch $@

# The source of the site: the executed copies of the notebooks, and the other pages as they are.
_build/source/%.ipynb: book/%.ipynb $(HELPERS) $(READY)
	$(PY) -m nbconvert --log-level WARN --to notebook --execute --output-dir $(@D) $< \
		--ExecutePreprocessor.extra_arguments=--IPKernelApp.log_level=ERROR

_build/source/%: book/%
	@mkdir -p $(@D) && cp $< $@

# --all: without it a warning stops only the first of two builds.
_build/html/index.html: $(SOURCE) _config.yml _toc.yml $(wildcard book/_ext/*.py) $(READY)
	@rm -rf $(@D) $(filter-out $(SOURCE),$(shell find _build/source -type f))
	$(BIN)/jupyter-book build _build/source --path-output . --config _config.yml \
		--toc "$(CURDIR)/_toc.yml" --all -W --keep-going --quiet

# The verdicts out of the executed chapters, and the scoreboard's table of them.
_build/claims.json: $(EXECUTED) $(READY)
	$(PY) -m tools.scoreboard _build/source $@ > _build/scoreboard.md

_build/source/scoreboard.md: book/scoreboard.md _build/claims.json
	cat book/scoreboard.md _build/scoreboard.md > $@
