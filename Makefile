# Two commands are all that is needed on a fresh clone with Python 3.11 or later:
#   make compare    make test
# Each makes .venv by itself. Use another interpreter with PYTHON=python3.12.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: help compare smoke objectives null bench steps growth times agreement faults docs test check format map clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

compare: $(INSTALLED) ## the main job on the embedded corpus: three objectives, three seeds, one report (8 to 12 minutes)
	$(BIN)/compare run objective=clm,mlm,simcse seed=0,1,2 -m

smoke: $(INSTALLED) ## the same, tiny: every step of it in under a minute; its figures mean nothing
	$(BIN)/compare run objective=clm,mlm,simcse -m +experiment=smoke

objectives: $(INSTALLED) ## every objective, tiny: each must learn and placebos must not (about 3 minutes)
	$(BIN)/python tests/benchmarks/every_objective.py

null: $(INSTALLED) ## how often a report names a winner where there is none, simulated and real (half an hour or so)
	$(BIN)/python tests/benchmarks/null_reports.py

agreement: $(INSTALLED) ## our figures of checkpoints against lm-evaluation-harness and mteb (about 5 minutes)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[agreement]'
	HF_HUB_OFFLINE=1 PYTHONPATH=tests $(BIN)/python tests/benchmarks/independent_scorers.py

bench: $(INSTALLED) ## our speed beside transformers' Trainer and sentence-transformers (five to eight minutes)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python tests/benchmarks/bench.py

steps: $(INSTALLED) ## a training step of every objective, with its floors (about three minutes)
	$(BIN)/python tests/benchmarks/steps.py

growth: $(INSTALLED) ## what a step and a corpus cost as they grow (four to eight minutes)
	$(BIN)/python tests/benchmarks/growth.py

times: $(INSTALLED) ## how long every probe takes, on the data sets of COMPARE_HUB_DIR (about eight minutes)
	$(BIN)/python tests/benchmarks/probe_times.py $(COMPARE_HUB_DIR)

faults: $(INSTALLED) ## kills, full disks, wrong numbers, damaged files, each as often as it takes (under half an hour)
	$(BIN)/pip install --quiet --disable-pip-version-check --pre --upgrade --target outputs/hydra-next 'hydra-core>=1.4.0rc1,<1.5'
	COMPARE_FAULTS=whole COMPARE_NEXT_HYDRA=$(CURDIR)/outputs/hydra-next $(BIN)/python -m pytest tests/faults

docs: $(INSTALLED) ## the documentation as a site, in outputs/site
	$(BIN)/python -m sphinx -q -W -b html docs outputs/site
	@echo "outputs/site/index.html"

test: $(INSTALLED) ## the whole test suite (12 to 16 minutes on two cores)
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(INSTALLED) ## format, lint, types, layers, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -W error -c "import cli.main"

format: $(INSTALLED) ## format the code and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

map: $(INSTALLED) ## write docs/map.md anew: every file, what it is, and the test that holds it
	$(BIN)/python tests/map_of_files.py

clean: ## remove the environment and what tools cached; outputs/ stays
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Pins say what was tested; pyproject.toml says what is admitted.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "Installing into $(VENV): a few minutes, about 2 GB"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
