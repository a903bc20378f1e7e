# make run    the whole championship on real rates, from a fresh clone
# make test   lint, types, layer contracts and every test
# make docs   the documentation as a site, in site/
# make audit  advisories against the locked packages, and their last releases
# make lock   the locked requirements anew from pyproject.toml
# make clean  remove the environment (what a championship left goes with `podium reset`)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Without byte code every process compiles everything that it imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test docs audit lock clean

run: $(VENV)/run.installed
	@$(BIN)/podium run

test: $(VENV)/test.installed
	@VENV=$(VENV) scripts/test.sh

docs: $(VENV)/test.installed
	@$(BIN)/sphinx-build -q -W --keep-going -c docs . site

$(VENV)/%.installed: requirements/%.txt requirements/setup.txt pyproject.toml scripts/install.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) scripts/install.sh requirements/$*.txt
	@touch $@

audit:
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/pip install --quiet pip-audit || { echo "no index answers; nothing was checked" >&2; exit 3; }
	@$(VENV)/audit/bin/python scripts/audit.py requirements/run.txt

lock:
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet uv
	@scripts/lock.sh $(VENV)/lock/bin/uv

clean:
	rm -rf $(VENV)
