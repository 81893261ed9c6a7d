# The commands of this repository. `make help` lists them.
# A fresh machine needs git, a C compiler, make, Rust and Python 3; the rest is set up by tests/setup/.

CARGO ?= cargo
FEATURES := --all-features
NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
# Asked when a command needs it.
TARGET = $(shell $(CARGO) metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')

.DEFAULT_GOAL := help
.PHONY: help demo test test-engines test-aws format clippy tests doc reference bench fuzz setup wheel

help: ## Lists these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-12s %s\n", $$1, $$2 }'

demo: ## Builds kptn and runs the example pipeline in a temporary folder
	@tests/setup/r.sh
	@$(CARGO) build
	@docs/examples/demo.sh "$(TARGET)/debug/kptn"

test: setup format clippy tests doc ## Checks everything: format, lints, tests, documentation

setup:
	@tests/setup/r.sh
	@tests/setup/python.sh $(TARGET)/test-python
	@tests/setup/postgres.sh

format:
	$(CARGO) fmt --check

clippy:
	$(CARGO) clippy --locked --all-targets $(FEATURES) -- -D warnings
	@# As `make demo` and `cargo install` build it: without AWS.
	$(CARGO) check --locked

tests:
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --locked $(FEATURES)
else
	$(CARGO) test --locked $(FEATURES) --lib --bins --tests
endif
	$(CARGO) test --locked $(FEATURES) --doc

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps $(FEATURES)

reference: ## Writes docs/reference/commands.md from what the commands say
	KPTN_WRITE_REFERENCE=1 $(CARGO) test --locked $(FEATURES) --test main docs::the_command_reference

ENGINES ?= prefect snakemake dagster airflow
test-engines: ## Runs one pipeline for real with Prefect (threads, Dask, Ray), Slurm, Airflow, Dagster, Snakemake, make, and on several machines (slow)
	@tests/setup/r.sh
	@tests/setup/slurm.sh
	@tests/engines/setup.sh "$(TARGET)/engines" $(ENGINES)
	@$(CARGO) build --locked $(FEATURES)
	@tests/engines/run.py "$(TARGET)/debug/kptn" "$(TARGET)/engines"
	@tests/engines/machines.sh "$(TARGET)/debug/kptn" "$(TARGET)/engines"

# The longest first.
AWS_SUITES ?= run real deploys followed three
test-aws: ## Carries out state machines that kptn rendered in an emulator of AWS, and holds tables to their contract (a few minutes)
	@tests/setup/aws.sh "$(TARGET)/aws"
	@tests/setup/r.sh
	@$(CARGO) build --locked $(FEATURES)
	@printf '%s\n' $(AWS_SUITES) | xargs -P 2 -I SUITE tests/aws/suite.sh SUITE "$(TARGET)/debug/kptn" "$(TARGET)/aws"
	@"$(TARGET)/aws/bin/python" -B tests/aws/tables.py "$(TARGET)/aws" \
	  $(CARGO) test --locked $(FEATURES) --test main -- buckets::

PROFILE ?= release
wheel: ## Builds the Python wheel and runs an example with it from an empty environment (PROFILE=dev: sooner)
	@tests/setup/r.sh
	@tests/wheel.sh $(PROFILE) "$(TARGET)"

bench: ## Measures kptn beside its floors and its peers, and prints the table
	@tests/bench/run.sh

fuzz: ## Fuzzes the readers of kptn.yaml, Python and R for a minute each
	@fuzz/run.sh
