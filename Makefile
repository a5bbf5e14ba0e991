# What a user needs is `make demo` and `make test`. Both install what they need
# from Debian's or Ubuntu's packages, and use sudo where they need root: run
# make itself as the user that you are.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

# Go's own installer puts it where no PATH points, and an ordinary user has no
# sbin, where ip and ovs-vswitchd are.
export PATH := $(PATH):/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin

GO ?= go
LAB ?= a
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# The tests run this binary instead of building one: as root, in somebody
# else's clone and build cache, they would leave files there that are root's.
export WEFT_BINARY := $(CURDIR)/bin/weft

# The version comes from git here and not from go build, which fails in a clone
# that belongs to another user.
.PHONY: build
build: ## Build bin/weft.
	$(GO) build -buildvcs=false -trimpath -ldflags "-X main.linked=$(VERSION)" -o bin/weft ./cmd/weft

.PHONY: deps
deps: ## Install what the lab and the tests use, if it is missing.
	@scripts/deps

.PHONY: demo
demo: deps build ## Show the main job, from start to finish (LAB=d for another topology).
	@scripts/as-root demo/demo $(LAB)

.PHONY: test
test: deps build ## Run every test; the compiled tests run as root, which some need.
	$(GO) vet ./...
	$(GO) test -count=1 -timeout 14m -exec '"$(CURDIR)/scripts/as-root"' ./...

# Not a part of test: the race detector needs a C compiler, and some minutes more.
.PHONY: race
race: deps build ## Run the tests of what runs concurrently under the race detector.
	$(GO) test -race -count=1 -timeout 14m -exec '"$(CURDIR)/scripts/as-root"' ./controller ./rest/... ./store ./ovsdb ./openflow/session ./flows

.PHONY: lint
lint: ## Formatting, vet, staticcheck.
	@unformatted="$$(gofmt -l $$(git ls-files '*.go'))"; [ -z "$$unformatted" ] || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: clean
clean: ## Remove what was built.
	rm -rf bin

.PHONY: help
help: ## Say what can be made.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Longer runs and measurements.
-include mk/*.mk
