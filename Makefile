# make demo   see it work            make serve  keep a server running
# make test   run the tests          make check  the checks without tests: format, lint, types, import rules
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check serve conformance bench lock clean

demo: $(READY)
	$(BIN)/python examples/recipes/demo.py

serve: $(READY)
	$(BIN)/stategate serve

test: $(READY)
	$(BIN)/pytest

check: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Replays the cases recorded from AWS (../shared) against a server of its own, and compares with the known gaps.
conformance: $(READY)
	$(BIN)/python tools/conformance.py

bench: $(READY)
	$(BIN)/python bench/path.py
	$(BIN)/python bench/machine.py

$(READY): requirements.lock pyproject.toml tools/venv
	tools/venv $(VENV)
	touch $@

# Resolves the dependencies of pyproject.toml anew (needs uv).
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--no-header --all-extras --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
