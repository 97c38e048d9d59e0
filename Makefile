# One entry point for people and for CI. `make help` lists the targets.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules

# Cron jobs and CI runners start shells that know neither; Go needs both.
ifeq ($(strip $(HOME)),)
export HOME := $(shell getent passwd "$$(id -u)" | cut -d: -f6)
endif
export PATH := $(PATH):/usr/local/go/bin

# Without VCS stamps: git refuses to describe a checkout that another user owns,
# and the build would fail with it. Without -trimpath: tests and programs then
# share one build cache, which halves the first `make test`.
BUILD   := go build -buildvcs=false

# The race detector doubles a test's time. These packages share memory between
# goroutines; the rest are values and functions over them.
RACE    := $(addsuffix /...,./chaos ./internal/journal ./probes/checkpoint ./probes/monitor ./probes/outage ./probes/quorum \
           ./probes/reload ./probes/schedule ./scenarios/engine ./scenarios/ledger \
           ./system/hsm/client ./system/hsm/pkcs11pool ./system/identity/attempts ./system/identity/clients \
           ./system/identity/keyset ./system/identity/store/hedge ./system/internal/wire ./system/lab/fault ./visual/capture \
           ./internal/browser)
# These start databases, browsers or whole programs and hold them to time limits.
# They run one after another, with nothing beside them.
REAL    := ./cmd/tocsin ./internal/browser ./probes/login/browser ./system/identity ./system/identity/store/... \
           ./system/ui ./visual ./visual/accessibility ./visual/capture
# Some of its checks wait half a minute for a code to grow old; they run in full
# with the other interoperability tests.
WAITING := ./system/interop/conformance
FUZZTIME ?= 20s
# Compilers give way to the tests that run beside them.
TEST    := go test -toolexec 'nice -n 19'
# Of the packages in the first list, those that are in the second, or are not.
within   = $$(go list $(1) | grep -xFf <(go list $(2)))
without  = $$(go list $(1) | grep -vxFf <(go list $(2)))

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-zA-Z0-9_\/.-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)


.PHONY: demo
demo: deps build bin/k6 ## Start the lab and Tocsin, kill a zone under load, print the verdict
	@scenarios/demo.sh up

.PHONY: down
down: ## End what `make demo` started
	@scenarios/demo.sh down

.PHONY: deps
deps: ## Install missing Debian packages; leaves no service running
	@system/packages.sh


.PHONY: build
build: bin/tocsin bin/lab bin/identity ## Build the three programs into bin/

.PHONY: bin/tocsin bin/tocsin-harness bin/lab bin/identity
bin/lab bin/identity: bin/%:
	$(BUILD) -o $@ ./cmd/$*
bin/tocsin-harness:
	$(BUILD) -o $@ ./cmd/tocsin
bin/tocsin: bin/tocsin-harness
	$(BUILD) -o $@ ./cmd/front

# k6 and the linter are programs we run, never libraries we link: each has a
# module graph of its own, so neither can move a version of ours.
bin/k6: scenarios/load/k6.mod scenarios/load/k6.sum
	$(BUILD) -modfile=scenarios/load/k6.mod -o $@ go.k6.io/k6
	@touch $@

bin/golangci-lint: .ci/lint.mod .ci/lint.sum
	$(BUILD) -modfile=.ci/lint.mod -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

# A provider for the probes to watch, with a module graph of its own as well.
bin/zitadel-op: probes/interop/zitadel.mod probes/interop/zitadel.sum
	$(BUILD) -modfile=probes/interop/zitadel.mod -o $@ github.com/zitadel/oidc/v3/example/server
	@touch $@

# An S3 server to keep baselines in (two minutes), with a module graph of its own as well.
bin/versitygw: visual/interop/versitygw.mod visual/interop/versitygw.sum
	$(BUILD) -modfile=visual/interop/versitygw.mod -o $@ github.com/versity/versitygw/cmd/versitygw
	@touch $@


.PHONY: test
test: deps build bin/k6 test-unit test-e2e ## Run every test, the lab included

.PHONY: test-long
test-long: test test-interop ## Run every test, look back over a year of history, then fuzz every parser for a minute each (over an hour)
	go test -count=1 -tags long -timeout 30m -v -run Year ./probes/history
	$(MAKE) --no-print-directory fuzz FUZZTIME=1m

.PHONY: test-unit
test-unit: bin/k6 ## Run the tests of every package
	@$(TEST) -race $(call without,$(RACE),$(REAL))
	@$(TEST) -race -p 1 $(call within,$(RACE),$(REAL))
	@$(TEST) $(call without,./...,$(RACE) $(REAL) $(WAITING))
	@$(TEST) -p 1 $(call without,$(REAL),$(RACE))
	@$(TEST) -short $(WAITING)

.PHONY: test-e2e
test-e2e: build bin/k6 ## Run the whole story against a real lab
	go test -count=1 -tags e2e -timeout 20m -v ./scenarios/e2e/...

# Programs that were not written here: they need Node.js, which nothing else does.
.PHONY: test-interop
test-interop: deps bin/tocsin bin/zitadel-op bin/versitygw ## Let independent clients meet the identity system, and the probes independent providers (needs Node.js 20 or later)
	system/interop/npm.sh
	system/interop/npm.sh probes/interop/npm
	system/interop/npm.sh visual/interop
	AXE_CORE=$(CURDIR)/system/interop/node_modules/axe-core/axe.min.js \
	  go test -count=1 -tags interop -timeout 20m ./system/interop/... ./system/ui ./probes/interop ./visual/baseline ./visual/interop
	go test -count=1 -tags interop -timeout 10m -run TheConsoleLooks ./cmd/tocsin

.PHONY: bench-visual
bench-visual: ## Time `tocsin visual compare` beside npm's odiff on the same files (needs Node.js 20 or later)
	system/interop/npm.sh visual/interop
	npm --prefix visual/interop install --no-save --no-package-lock --no-audit --no-fund --ignore-scripts odiff-bin@4.5.0
	go test -tags interop -run '^$$' -bench WholeProcess -benchtime 11x ./visual/interop

.PHONY: lint
lint: bin/golangci-lint ## Check style and the boundaries between packages
	bin/golangci-lint run

.PHONY: bench
bench: ## Run every benchmark
	go test -run '^$$' -bench . -benchmem $$(go list ./...)

# The peer that the scale is measured beside, with a module graph of its own.
bin/blackbox_exporter: probes/scale/blackbox.mod probes/scale/blackbox.sum
	$(BUILD) -modfile=probes/scale/blackbox.mod -o $@ github.com/prometheus/blackbox_exporter
	@touch $@

.PHONY: bench-scale
bench-scale: bin/tocsin bin/blackbox_exporter ## Run 10,000 probes every 10 s on one core, beside the blackbox exporter (4 minutes, a quiet machine with two cores)
	go test -count=1 -tags scale -timeout 15m -v ./probes/scale

.PHONY: fuzz
fuzz: ## Fuzz every parser of outside input for FUZZTIME each (default 20s)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | sort | while read -r file; do \
	  for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do \
	    echo "fuzz $$(dirname "$$file") $$name for $(FUZZTIME)"; \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
	  done; \
	done

.PHONY: clean
clean: ## Remove bin/; run `make down` first
	rm -rf bin
