# The commands of the project. Each is one line here; what it does is in scripts/.
NODE := node_modules/.bin/node
BIN := node_modules/.bin
UNIT_TESTS = $$(find test -name '*.test.ts' -not -path 'test/e2e/*' -not -path 'test/long/*')
E2E_TESTS = $$(find test/e2e -name '*.test.ts')
# One file may take this long, so that a hang is a failure and not a silence.
E2E_FLAGS = --test --test-concurrency=1 --test-timeout=600000 --test-reporter=spec
LONG_TESTS = $$(find test/long -name '*.test.ts')

.DEFAULT_GOAL := help
.PHONY: help demo test test-unit test-e2e test-long check lint format plugin install push bench generate clean deps deps-engine

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: deps ## Real containers, a real engine, an outage and a kill: nothing is lost (KEEP=1, LOKI_URL=…)
	@$(NODE) scripts/demo.ts

test: deps-engine check ## Everything that must pass: format, lint, types, unit and end-to-end tests
	@$(NODE) --test --test-reporter=spec $(UNIT_TESTS)
	@scripts/in-netns.sh $(NODE) $(E2E_FLAGS) $(E2E_TESTS)

test-unit: deps ## The part of the tests that needs no engine
	@$(NODE) --test --test-reporter=spec $(UNIT_TESTS)

test-e2e: deps-engine ## The end-to-end tests on a private engine (root)
	@scripts/in-netns.sh $(NODE) $(E2E_FLAGS) $(E2E_TESTS)

test-long: deps-engine ## What takes longer than `make test` may
	@scripts/in-netns.sh $(NODE) --test --test-concurrency=1 --test-reporter=spec $(LONG_TESTS)

check: deps ## Format, lint, types, unused code
	@$(BIN)/biome check --error-on-warnings
	@$(BIN)/oxlint --type-aware --deny-warnings
	@$(BIN)/tsc -p .
	@$(BIN)/knip

lint: check

format: deps ## Formats all sources
	@$(BIN)/biome check --write

plugin: deps ## Builds plugin/ for `docker plugin create NAME plugin/`
	@$(NODE) scripts/build-plugin.ts

install: deps ## Creates and enables the plugin as `holdfast` in the local engine
	@$(NODE) scripts/install-plugin.ts

push: deps ## Publishes the plugin: make push REGISTRY=host/name:tag
	@$(NODE) scripts/push-plugin.ts "$(REGISTRY)"

bench: deps-engine ## Measures speed and memory, side by side with peers (root)
	@scripts/in-netns.sh $(NODE) bench/run.ts

generate: deps ## Makes docs/options.md from the table of options
	@$(NODE) scripts/generate-docs.ts

clean: ## Removes what the commands above built
	@rm -rf build plugin/rootfs plugin/config.json

deps:
	@scripts/install-deps.sh

deps-engine:
	@scripts/install-deps.sh engine
