# What the controller costs, against docs/performance.md. The machine should
# have nothing else to do.
BENCH ?=

.PHONY: bench
bench: deps build ## Measure everything (BENCH="flows fabric scale endurance gateway mesh", any of them; BENCH=-small).
	$(GO) run -exec '"$(CURDIR)/scripts/as-root"' ./internal/bench $(BENCH)
