# Everything that parses bytes from outside has a fuzz target.
FUZZTIME ?= 5m

.PHONY: fuzz-long
fuzz-long: ## Fuzz everything that parses, one after the other (FUZZTIME=5m each).
	@grep -r --include='*_test.go' -oE '^func Fuzz\w+' . | sed -E 's|/[^/]*:func | |' | while read -r package target; do \
		echo "$$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
	done
