# What comes from outside is parsed by few packages. Each has fuzz targets, and
# a test that tries the same with mutants of its corpus: some thousands in
# make test. A seed that failed is replayed by MUTATION_SEED=n.
MUTATIONS ?= 10000000
MUTATION_SEED ?= 1
FUZZTIME ?= 1000000x

PARSERS = $(sort $(dir $(shell grep -rl --include=*_test.go '^func TestMutants' .)))

.PHONY: fuzz-long
fuzz-long: ## Try ten million mutants on every parser (MUTATIONS=n MUTATION_SEED=n).
	@for dir in $(PARSERS); do \
		WEFT_MUTATIONS=$(MUTATIONS) WEFT_SEED=$(MUTATION_SEED) $(GO) test -count=1 -timeout 0 -run '^TestMutants$$' -v $$dir \
			| grep -vE '^(=== |PASS)'; \
	done

.PHONY: fuzz
fuzz: ## Fuzz every parser by what its code does (FUZZTIME=10m or 1000000x, each).
	@for dir in $(PARSERS); do \
		for target in $$(grep -rhoE --include=*_test.go '^func Fuzz[A-Za-z]+' $$dir | sed 's/func //' | sort); do \
			echo "== $$dir $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir | tail -n 3; \
		done; \
	done
