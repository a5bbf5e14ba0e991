# Faults on a whole installation. A seed that failed is replayed by SEED=….
SEED := $(or $(SEED),$(shell date +%s))
FAULTS ?= 200

.PHONY: chaos
chaos: deps build ## Break a whole installation on purpose (SEED=n FAULTS=n).
	@echo "seed $(SEED)"
	$(GO) test ./chaos -run Chaos -v -count=1 -timeout 80m -exec '"$(CURDIR)/scripts/as-root"' -args -seed $(SEED) -faults $(FAULTS)
