# Two commands on a fresh machine: `make run` and `make test`. Needs Python 3.11 or later; Node comes along when missing.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check install bench clean

run: install  ## install, build the viewer, load the sample studies, serve on this machine alone
	@$(BIN)/python scripts/seed.py sample_dicom
	@$(BIN)/pacs demo
	@exec $(BIN)/pacs serve

test: .venv/test-installed  ## install what the tests need, then lint, type-check and test everything
	@$(BIN)/python scripts/build_viewer.py
	@scripts/test

check: .venv/test-installed  ## lint and type-check only
	@scripts/check

bench: .venv/test-installed  ## measure beside Orthanc, dcmtk and OHIF where they are installed
	@$(BIN)/python -m scripts.bench

install: .venv/installed
	@$(BIN)/python scripts/build_viewer.py

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Filmless needs Python 3.11 or later: set PYTHON")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/test-installed: pyproject.toml scripts/setup | .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@scripts/setup
	@touch $@

clean:
	rm -rf .venv data viewer/node_modules pacs/web/static
