# Each target does all of its own set-up: a virtual environment in .venv, pinned by constraints.txt.
PYTHON ?= python3
# Tests run in two processes, a file in one of them, in the order of tests/conftest.py; ARGS="-n 0" runs
# them in one.
TWO = -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo serve test quick runtimes lint bench clean

demo: .venv/ready
	.venv/bin/lpel demo

# The page and the service: open the address that it prints.
serve: .venv/ready
	scripts/serve $(ARGS)

# With what the page and the examples run on, as far as it is here or can be installed.
test: .venv/ready
	scripts/runtimes
	scripts/test $(TWO) $(ARGS)

# The tests that need no network at all.
quick: .venv/ready
	scripts/test $(TWO) -m 'not weights and not network' $(ARGS)

# The examples in serving/examples, in every runtime, and the service's page in a browser, with what
# they need from npm and Debian.
runtimes: .venv/ready
	scripts/runtimes
	scripts/test $(TWO) tests/runtimes tests/lpel_serving/service/http/page $(ARGS)

lint: .venv/ready
	scripts/lint

bench: .venv/ready
	.venv/bin/python benchmarks/explanation.py
	.venv/bin/python benchmarks/deletion_curves.py

.venv/ready: pyproject.toml constraints.txt scripts/setup
	PYTHON=$(PYTHON) scripts/setup

clean:
	rm -rf .venv demo-output dist build
