# What a user needs is `make demo` and `make test`; both install what they need
# from Debian's (or Ubuntu's) packages, and ask sudo for root where they need it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

GO ?= go
# Root for what needs it. sudo resets PATH, which is where go may be.
ROOT := $(shell [ "$$(id -u)" = 0 ] || echo "sudo --preserve-env=PATH,HOME,GOPATH,GOMODCACHE")
LAB ?= a

.PHONY: build
build: ## Build bin/weft.
	$(GO) build -trimpath -o bin/weft ./cmd/weft

.PHONY: deps
deps: ## Install what the lab and the tests use, if it is missing.
	@scripts/deps

.PHONY: demo
demo: deps build ## Show the main job, from start to finish (LAB=c for another topology).
	@echo "The demo builds hosts as network namespaces, for which it needs root."
	@$(ROOT) demo/demo $(LAB)

.PHONY: test
test: deps build ## Run every test. Those on real Open vSwitch run as root.
	@echo "Tests that make network namespaces run as root."
	$(GO) vet ./...
	$(GO) test -timeout 14m $(if $(ROOT),-exec "$(ROOT)") ./...

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
