# How long packets are lost when the gateway host that carries them fails.
FAILOVERS ?= 20

.PHONY: failover
failover: deps build ## Measure the gap when a gateway host fails, median and worst (FAILOVERS=n).
	$(GO) test ./e2e -run '^TestFailoverGap$$' -v -count=1 -parallel 1 -timeout 60m -exec '"$(CURDIR)/scripts/as-root"' -args -failovers $(FAILOVERS)
