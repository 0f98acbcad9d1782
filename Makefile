# Two commands on a fresh machine: `make book` and `make test`. Both set up .venv by themselves.

PYTHON ?= $(if $(filter Windows_NT,$(OS)),python,python3)
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(BIN)/python
READY := $(VENV)/.ready

# Two pages at a time; threads within the small fits of attacks would only get in their way.
MAKEFLAGS += -j2
book test: export TQDM_DISABLE = 1
book test: export OMP_NUM_THREADS = 1
book test lab: export PYTHONPATH = $(CURDIR)

# What these libraries keep in a home folder: the book neither reads nor needs it.
OURS := $(CURDIR)/_build/home
book test: export KERAS_HOME = $(OURS)/keras
book test: export MPLCONFIGDIR = $(OURS)/matplotlib
book test: export IPYTHONDIR = $(OURS)/ipython
book test: export JUPYTER_CONFIG_DIR = $(OURS)/jupyter
book test: export JUPYTER_DATA_DIR = $(OURS)/jupyter
book test: export JUPYTER_RUNTIME_DIR = $(OURS)/jupyter

.PHONY: help book pdf slides test bench results references canaries graph lab assignments grade lock clean FORCE
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:
	@echo "make book    execute the pages and publish them to _build/html/index.html"
	@echo "make test    the same, then run every test"
	@echo "make pdf     the published book in one file, _build/ml-leaks.pdf (needs Chromium)"
	@echo "make slides  a deck for each part of the book, out of its figures, in _build/slides"
	@echo "make bench   many models at once against one after the other; an audit; LiRA beside other tools"
	@echo "make results record the paper's experiments anew where stale (SET= RECIPE= SEED= ADOPT=1)"
	@echo "make references  many models' logits of the same records, anew where stale (SET= RECIPE=)"
	@echo "make canaries    models with canaries among their members, under five defenses"
	@echo "make graph   which helper imports which"
	@echo "make lab     open lessons and exercises in JupyterLab, in the folder lab, yours to change"
	@echo "make assignments  graded assignments for students, made from COURSE_SEED=…"
	@echo "make grade   points and feedback for what lies in SUBMISSIONS=… (COURSE_SEED=… ASSIGNMENT=)"
	@echo "make lock    pin requirements.in anew"
	@echo "make clean   remove _build"

ifneq ($(and $(filter clean,$(MAKECMDGOALS)),$(filter-out clean,$(MAKECMDGOALS))),)
$(error run make clean by itself)
endif

# EXECUTED, STARTERS, SOLVED, TESTED, COPIED: the pages by name; and what each page needs.
ifneq ($(filter-out help bench results references canaries graph lab assignments grade lock clean,$(or $(MAKECMDGOALS),help)),)
include _build/needs.mk
endif

_build/needs.mk: FORCE
	@mkdir -p _build/home
	@$(if $(wildcard $(PY)),$(PY),"$(PYTHON)") tools/needs.py

book: _build/html/index.html _build/claims.json

# The pages first: the closing line is then that of all the other tests.
test: book $(TESTED)
	$(PY) -m ruff check
	$(PY) -m pytest -n 2 --dist loadfile tests

pdf: book
	$(PY) -m tools.pdf _build/html _build/ml-leaks.pdf

slides: book
	$(PY) -m tools.slides _build/source _build/slides

bench: $(READY)
	$(PY) -m benchmarks.many
	$(PY) -m benchmarks.audit
	$(PY) -m benchmarks.beside

results: $(READY)
	$(PY) -m tools.record $(if $(SET),--set $(SET)) $(if $(RECIPE),--recipe $(RECIPE)) \
		$(if $(SEED),--seed $(SEED)) $(if $(filter 1,$(ADOPT)),--adopt)

references: $(READY)
	$(PY) -m tools.references $(if $(SET),--set $(SET)) $(if $(RECIPE),--recipe $(RECIPE)) \
		$(if $(DESIGN),--design $(DESIGN))

canaries: $(READY)
	$(PY) -m tools.canaries

graph: $(READY)
	@$(PY) tools/needs.py --graph

lab:
	$(MAKE) book
	$(PY) -m tools.notebooks --lend _build/notebooks lab
	$(PY) -m jupyterlab lab

# Both read COURSE_SEED in the environment: what stands on a command line, others can see.
assignments: $(READY)
	@$(PY) -m course.release

grade: $(READY)
	@$(PY) -m course.grade "$(or $(SUBMISSIONS),handed_in)" \
		$(if $(ASSIGNMENT),--assignment $(ASSIGNMENT))

lock: $(READY)
	$(PY) -m pip install --quiet uv
	$(PY) -m uv pip compile --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --no-header --upgrade requirements.in -o requirements.txt

clean:
	rm -rf _build

$(READY): requirements.txt tools/set_up.py
	"$(PYTHON)" tools/set_up.py $(VENV)

# The source of the site: the executed copies of the notebooks, and the other pages as they are.
$(EXECUTED): $(READY)
	@mkdir -p "$$(dirname "$@")"
	$(PY) -m tools.execute "$(subst _build/source,book,$@)" "$@"

# A master of exercises is a page with holes, not executed, and one with solutions, which is.
$(STARTERS): tools/exercises.py $(READY)
	@mkdir -p "$$(dirname "$@")"
	$(PY) -m tools.exercises starter "$(subst _build/source,book,$@)" > "$@"

$(SOLVED): tools/exercises.py $(READY)
	@mkdir -p "$$(dirname "$@")" _build/solutions
	$(PY) -m tools.exercises solution "$(subst _build/source/solutions,book/exercises,$@)" \
		> "$(subst _build/source,_build,$@)"
	$(PY) -m tools.execute "$(subst _build/source,_build,$@)" "$@"

MADE := scoreboard preregistration status
$(filter-out $(MADE:%=_build/source/%.md),$(COPIED)):
	@mkdir -p "$$(dirname "$@")" && cp "$(subst _build/source,book,$@)" "$@"

# Every number a second time: an executed page is run again and compared with itself.
$(TESTED): $(READY)
	@mkdir -p "$$(dirname "$@")"
	$(PY) -m pytest -q -p no:cacheprovider --nbval --nbval-current-env \
		"$(subst .ok,,$(subst _build/tested,_build/source,$@))"
	@touch "$@"

# --all: without it a warning stops only the first of two builds.
_build/html/index.html: $(EXECUTED) $(STARTERS) $(SOLVED) $(COPIED) _build/notebooks/.made \
		_build/needs.mk _config.yml _toc.yml $(wildcard book/_ext/*.*) tools/lessons.py \
		tools/plain.py tools/game.py $(READY)
	@rm -rf $(@D)
	$(BIN)/jupyter-book build _build/source --path-output . --config _config.yml \
		--toc "$(CURDIR)/_toc.yml" --all -W --keep-going --quiet

# What the download buttons give and JupyterLab opens: the same notebooks, made to work alone.
_build/notebooks/.made: $(EXECUTED) $(STARTERS) $(SOLVED) $(COPIED) _build/needs.mk _config.yml \
		tools/notebooks.py tools/plain.py tools/game.py tools/exercises.py tools/lessons.py \
		tools/form.py $(READY)
	$(PY) -m tools.notebooks _build/source $(@D)
	@touch $@

_build/status.md: $(EXECUTED) $(SOLVED) _build/needs.mk tools/status.py tools/lessons.py $(READY)
	$(PY) -m tools.status _build/source > $@

# The verdicts out of the executed pages, and the pages that are made of them.
_build/claims.json: $(EXECUTED) _build/needs.mk tools/scoreboard.py $(READY)
	$(PY) -m tools.scoreboard collect _build/source > $@

_build/scoreboard.md: _build/claims.json $(wildcard mlleaks_helpers/claims*.toml) tools/scoreboard.py
	$(PY) -m tools.scoreboard page $< > $@

_build/preregistration.md: _build/claims.json $(wildcard mlleaks_helpers/claims*.toml) \
		tools/preregistration.py tools/scoreboard.py
	$(PY) -m tools.preregistration $< > $@

$(MADE:%=_build/source/%.md): _build/source/%.md: book/%.md _build/%.md
	cat book/$*.md _build/$*.md > $@
