# One short command per job. A fresh machine needs Python 3.11 or later, sh and make: the first command that needs
# it makes .venv and installs into it; later ones find it ready until pyproject.toml or constraints.txt change.
#
#   make demo HTTP=127.0.0.1:9000 DATA=elsewhere      ARGS="..." goes to the command as it is

BIN := .venv/bin
HTTP ?=
DATA ?=
ARGS ?=
SPREAD := -n auto --dist loadgroup
OPTIONS = $(if $(HTTP),--http $(HTTP)) $(if $(DATA),--data $(DATA)) $(ARGS)

.PHONY: help demo serve conduit test test-postgres databases lint types format bench bench-postgres reliability build ci constraints clean

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

demo: .venv/.demo  ## set up, load the world's countries and cities, serve them
	@exec $(BIN)/backstay demo $(OPTIONS)

serve: .venv/.demo  ## set up and serve the site in this folder
	@exec $(BIN)/backstay serve $(OPTIONS)

conduit: .venv/.demo  ## set up and serve the RealWorld back end of examples/conduit
	@exec $(BIN)/backstay serve examples/conduit $(OPTIONS)

test: .venv/.test  ## set up and run the tests
	@exec $(BIN)/python -m pytest $(or $(ARGS),$(SPREAD))

test-postgres: .venv/.test  ## run the tests of sites on PostgreSQL (a server that answers, or one of its own)
	@exec $(BIN)/python -m pytest tests/api tests/store tests/extending --database postgresql $(or $(ARGS),$(SPREAD))

databases: .venv/.test  ## run the tests of sites on each database, write what passed into docs/postgresql.md
	@exec $(BIN)/python scripts/database_table.py

lint: .venv/.check  ## ruff: rules and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/.test .venv/.check  ## mypy and pyright over src, tests and bench
	@$(BIN)/mypy
	@$(BIN)/pyright

format: .venv/.check  ## write the code as ruff formats it
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv/.test  ## load Backstay and PocketBase side by side, print the table
	@exec $(BIN)/python -m bench $(ARGS)

bench-postgres: .venv/.test  ## measure a site on PostgreSQL: beside SQLite, with more rows, with more processes
	@exec $(BIN)/python -m bench.postgresql $(ARGS)

reliability: .venv/.test  ## kill, fill, lock and stop a loaded server, print what it kept
	@exec $(BIN)/python -m bench.reliability $(ARGS)

build: .venv/.demo  ## build the wheel into dist/
	@rm -rf dist
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	@ls dist/*.whl

ci:  ## what the machine which watches the project runs
	@bash .ci/run

constraints:  ## resolve pyproject.toml anew and write constraints.txt
	@bash scripts/update_constraints.sh

clean:  ## remove what these commands made, except demo data
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Each stamp stands for one set of packages in .venv: what the demo needs, what the tests need, what lint and types need.
.venv/.demo .venv/.test .venv/.check: pyproject.toml constraints.txt scripts/setup.sh
	@sh scripts/setup.sh $(patsubst .venv/.%,%,$@)
