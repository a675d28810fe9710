# One-word loops. `make help` lists them.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
NODES ?= 1000
PODS ?= 5000
DEPLOYMENTS ?= 1000
KWOK ?= 1
SEEDS ?= 1..100
REPLICAS ?= 2
S ?= 60
RELEASE := build/release

.PHONY: help setup build quickstart test check unit asan tsan format tidy e2e bench-engine bench-kube bench-scale fuzz contract sim clean

help: ## Lists the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

setup: ## Installs the packages a fresh Debian 12 lacks; safe to run twice
	@tools/setup

build: setup ## Release build into build/release, programs in build/release/bin
	@tools/build release programs

quickstart: setup ## Set-up, build, a cluster in one process, samples and a live table; ends by itself; KEEP=1 leaves it running
	@tools/build release stowage-sandbox
	@KEEP=$(KEEP) tools/quickstart

test: setup ## Set-up, build, and everything that CI runs
	@tools/test

check: setup ## Format, tidy, unit tests, sanitizers
	@tools/check

unit: ## Unit tests of the dev build
	@tools/build dev && ctest --test-dir build/dev -L unit -j $(JOBS) --output-on-failure

asan: ## Unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/build asan && ctest --test-dir build/asan -L unit -j $(JOBS) --output-on-failure

tsan: ## Unit tests under ThreadSanitizer
	@tools/build tsan && ctest --test-dir build/tsan -L unit -j $(JOBS) --output-on-failure

format: ## Formats every C++ file in place
	@git ls-files -co --exclude-standard -- '*.cc' '*.h' | xargs clang-format-19 -i

tidy: ## clang-tidy's short list, as errors, on every C++ file
	@tools/tidy

e2e: build ## Tests on the real control plane; T=regex chooses
	@test/cluster/bin >/dev/null && ctest --test-dir $(RELEASE) -L e2e $(if $(T),-R '$(T)') --output-on-failure

bench-engine: setup ## Google Benchmark of the engine, JSON in build/bench-engine.json
	@tools/build release engine_bench && $(RELEASE)/bin/engine_bench --benchmark_out=build/bench-engine.json --benchmark_out_format=json

bench-kube: build ## kube-scheduler, Stowage and a null binder on fresh API servers: NODES= PODS= KWOK=0
	@test/bench/bench_kube --nodes $(NODES) --pods $(PODS) $(if $(filter 0,$(KWOK)),--no-kwok)

bench-scale: build ## The whole system at NODES= DEPLOYMENTS= PODS= on the real API server
	@test/bench/bench_scale --nodes $(NODES) --deployments $(DEPLOYMENTS) --pods $(PODS)

sim: setup ## Simulated schedules of the whole control plane: SEEDS=A..B REPLICAS=2
	@tools/build release stowage-sim && $(RELEASE)/bin/stowage-sim --seeds $(SEEDS) --replicas $(REPLICAS) --shrink

contract: build ## The sandbox's API server against the real one
	@test/contract/run

fuzz: setup ## One libFuzzer target: T=name S=seconds
	@[ -n "$(T)" ] || { echo "make fuzz T=<target> S=<seconds>; targets: test/fuzz/*_fuzz.cc" >&2; exit 2; }
	@tools/build fuzz $(T) && mkdir -p build/fuzz/corpus/$(T) && build/fuzz/bin/$(T) -max_total_time=$(S) build/fuzz/corpus/$(T) $(wildcard test/fuzz/corpus/$(patsubst %_fuzz,%,$(T)))

clean: ## Removes build/; caches outside the tree stay
	@rm -rf build
