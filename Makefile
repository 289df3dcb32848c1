# CONTRIBUTING.md lists all targets.
# make demo: a real tap loads 2,350 customers into a local Spotzee
# make unit: the fast tests, in half a minute
# make test: ruff, mypy, import-linter and all tests; CI adds make demo, make audit and other Pythons
# make bench: what a record costs, side by side with other ways (ten to twenty minutes; QUICK=1: three);
# make bench MIRROR=1: what the snapshot saves and what it costs (a quarter of an hour)

PYTHON ?= python3

# Processes start twice as fast from bytecode, and the tests start a thousand.
export PYTHONDONTWRITEBYTECODE =

BIN := .venv/bin
READY := .venv/ready
TAP_READY := .venv-tap/ready
MELTANO_READY := .venv-meltano/ready .venv-tap-postgres/ready
TAPS_READY := .venv-tap-rest-api/ready .venv-tap-sftp/ready .venv-tap-spreadsheets/ready
ENVIRONMENTS := $(READY) $(TAP_READY) $(MELTANO_READY) $(TAPS_READY)
AUDIT_READY := .venv-audit/ready
UV := .venv-lock/bin/uv
INSTALLED := requirements.lock demo/requirements.lock

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.10 --generate-hashes \
	--no-annotate --custom-compile-command "make lock"

unit_tests := $(addprefix tests/,api delivery fields mapping objects outcome schemas settings singer snapshot test_codec.py)

.PHONY: demo unit test announce lint pytest browser postgres faults docs bench lock clean chaos soak audit

demo: $(READY) $(TAP_READY)
	@demo/run

unit: $(READY)
	@$(BIN)/python -m pytest --numprocesses=4 $(unit_tests)

# The environments side by side: pip needs one core for each, and waits for the network besides.
test: announce
	@$(MAKE) --no-print-directory --silent --jobs=4 $(ENVIRONMENTS)
	@$(MAKE) --no-print-directory lint pytest

# Says what is going to be installed from the system's packages, before anything is.
announce:
	@wanted=; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || wanted="chromium chromium-driver"; \
	command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted="$$wanted postgresql"; \
	ls /usr/lib/postgresql/*/lib/wal2json.so >/dev/null 2>&1 || wanted="$$wanted wal2json"; \
	[ -z "$$wanted" ] || [ "$(SYSTEM)" = no ] || { \
		echo "test: for the sandbox's page and for Meltano with PostgreSQL, these are installed from the system's"; \
		echo "test: packages where that is allowed: $$wanted. To leave that out: make test SYSTEM=no"; \
	}

lint: $(READY)
	@echo "lint: ruff, mypy, import-linter"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { $(BIN)/ruff format --check; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports

# Four at a time, since a test also waits. Each process begins with a quarter of the tests in a row,
# and takes some from another when it is through: so what many tests share is made a few times only.
pytest: $(ENVIRONMENTS) browser postgres
	@$(BIN)/python -m pytest --numprocesses=4 --dist=worksteal

# The sandbox's page is tested in a real browser; without one that test is skipped.
browser: $(READY)
	@$(BIN)/python -c 'import sys; from tests.sandbox.browser import find; sys.exit(not find())' \
		|| { $(call from_system,chromium and chromedriver,chromium chromium-driver,the page); }

# Meltano is tested with a PostgreSQL that the tests start; without one those are skipped.
postgres: $(READY)
	@$(BIN)/python -c 'import sys; from tests.meltano.postgres import find_binaries as find; sys.exit(not find())' \
		|| { $(call from_system,PostgreSQL,postgresql,PostgreSQL with Meltano); }
	@ls /usr/lib/postgresql/*/lib/wal2json.so >/dev/null 2>&1 \
		|| { $(call from_system,wal2json,$$(ls /usr/lib/postgresql | sed 's/.*/postgresql-&-wal2json/'),its log with Meltano); }

# Strikes runs under Meltano in every way and prints what became of them (about five minutes).
faults: $(READY) $(MELTANO_READY) postgres
	@$(BIN)/python -m tests.meltano.faults

# Renews what the documentation shows of the program, and what Meltano is told of it; docs/faults.md
# is renewed by `make chaos WRITE=docs/faults.md`.
docs: $(READY) $(TAP_READY)
	@$(BIN)/python -m tests.test_docs
	@$(BIN)/python -m tests.meltano.definition

# MIRROR=1 measures the snapshot instead, with a million users; USERS=20000 gives a rough idea, and
# USERS=10000000 measures all there is (an hour, 1 GB of the temporary folder). CONSENT=1 measures
# what opt-outs cost (three minutes).
bench: $(READY)
	@$(BIN)/python -m benchmarks$(if $(MIRROR),.mirror $(if $(USERS),--users $(USERS)),$(if $(CONSENT),.consent $(if $(USERS),--users $(USERS)), $(if $(QUICK),--quick)))

# Hundreds of seeded runs in which everything fails: one table, all zeros. RUNS=154 plays each of its
# lines once, fewer only the first lines; WRITE=docs/faults.md renews that page. MIRROR=1 plays
# several nights with a snapshot instead, removals included (RUNS=48: each line once); CONSENT=1
# plays nights of a source that says who wants what (RUNS=24: each line once).
chaos: $(READY)
	@$(BIN)/python -m tests.chaos $(if $(MIRROR),--mirror) $(if $(CONSENT),--consent) $(if $(RUNS),--runs $(RUNS)) \
		$(if $(WRITE),--write $(WRITE))

# One process for ten minutes, or MINUTES=60: memory, files and threads stay flat.
soak: $(READY)
	@$(BIN)/python -m tests.chaos.soak $(if $(MINUTES),--minutes $(MINUTES))

# Weak code, secrets in tracked files, known weaknesses of what is installed; not a part of `test`,
# since it asks PyPI and may fail overnight.
audit: $(AUDIT_READY)
	@echo "audit: bandit"
	@.venv-audit/bin/bandit --quiet --recursive target_spotzee
	@echo "audit: detect-secrets"
	@git ls-files -z | xargs -0 .venv-audit/bin/detect-secrets-hook --no-verify \
		--filter file://tests/audit/made_up.py::is_made_up \
		|| { echo "audit: these may be secrets; what is made up goes into tests/audit/made_up.py" >&2; exit 1; }
	@found=; unasked=; \
	$(foreach lock,$(INSTALLED),$(call known_weaknesses,$(lock));) \
	[ -z "$$found" ] || echo "audit: found known weaknesses in what these name:$$found; see above" >&2; \
	[ -z "$$unasked" ] || echo "audit: not every package of these could be asked for (no answer from PyPI?):$$unasked; see above" >&2; \
	[ -z "$$found$$unasked" ]

# Keeps the versions that are locked where it can; remove a lock file first to renew them all.
lock: $(UV)
	$(COMPILE) pyproject.toml --extra sandbox --group dev --output-file requirements.lock
	$(COMPILE) demo/requirements.in --output-file demo/requirements.lock
	for given in tests/audit/*.in tests/meltano/*.in tests/taps/*.in; do \
		$(COMPILE) $$given --output-file $${given%.in}.lock || exit; done

clean:
	rm -rf .venv .venv-tap .venv-lock $(dir $(AUDIT_READY) $(MELTANO_READY) $(TAPS_READY)) .demo build dist
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# $(1) from the system's packages $(2), if that is allowed; else says that $(3) is not tested.
define from_system
	if [ "$(SYSTEM)" = no ]; then echo "$@: no $(1) here, so $(3) is not tested"; exit; fi; \
	if [ "$$(id -u)" = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as=sudo; else as=none; fi; \
	if [ $$as. = none. ] || ! command -v apt-get >/dev/null; then \
		echo "$@: no $(1) here, so $(3) is not tested"; exit; \
	fi; \
	echo "$@: installing $(2)"; \
	export DEBIAN_FRONTEND=noninteractive; \
	{ $$as apt-get update -qq && $$as apt-get install -qq -y $(2); } >/dev/null 2>&1 \
		|| echo "$@: apt-get could not install it, so $(3) is not tested"
endef

# What PyPI knows against the packages that lock file $(1) names: adds it to $$found, and to $$unasked if
# PyPI did not answer for each of them, which pip-audit itself takes for a success.
define known_weaknesses
	echo "audit: pip-audit, $(1)"; \
	said=$$(.venv-audit/bin/pip-audit --disable-pip --require-hashes --progress-spinner off --requirement $(1) 2>&1); \
	code=$$?; \
	printf '%s\n' "$$said"; \
	case $$said in \
		*"Found "*" known vulnerabilit"*) found="$$found $(1)"; code=0;; \
	esac; \
	case $$code$$said in \
		0*"Skip Reason"* | [!0]*) unasked="$$unasked $(1)";; \
	esac
endef

# A new virtual environment in folder $(1).
define new_venv
	@command -v $(PYTHON) >/dev/null \
		|| { echo "make: no $(PYTHON) here; give one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "make: $(PYTHON) is older than 3.10; give another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "make: $(PYTHON) can't make a venv; install its package (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(1)
endef

# It and what lock file $(2) names, nothing else.
define locked_venv
	$(call new_venv,$(1))
	@echo "$(1): installing what $(2) names (about a minute the first time)"
	@$(1)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $(2)
endef

$(READY): requirements.lock pyproject.toml
	$(call locked_venv,.venv,requirements.lock)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --editable .
	@touch $@

$(TAP_READY): demo/requirements.lock
	$(call locked_venv,.venv-tap,demo/requirements.lock)
	@touch $@

$(AUDIT_READY): .venv-%/ready: tests/audit/%.lock
	$(call locked_venv,.venv-$*,$<)
	@touch $@

$(MELTANO_READY): .venv-%/ready: tests/meltano/%.lock
	$(call locked_venv,.venv-$*,$<)
	@touch $@

$(TAPS_READY): .venv-%/ready: tests/taps/%.lock
	$(call locked_venv,.venv-$*,$<)
	@touch $@

$(UV):
	$(call new_venv,.venv-lock)
	@.venv-lock/bin/python -m pip install -qq --disable-pip-version-check uv
