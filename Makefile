# linen. `make` builds bin/linen; `make test` is the README's test command.

GO     ?= go
TOOL    = $(GO) tool -modfile=tools/go.mod
# The library: what other Go programs import. The rest are programs and tests.
LIBRARY = $(GO) list ./... | grep -vE '^linen/(lab|why|web|cmd|run|test|internal|examples)(/|$$)'
PORTS   = darwin/arm64 windows/amd64 linux/arm64

.PHONY: all build demo test race fuzz-smoke bench bench-exec bench-labs lint lint-format lint-vet lint-static lint-deps cross features clean

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/linen ./cmd/linen

# Two hosts, two routers and a bridge, configured by the real ip and ping.
demo: build
	@test/demo.sh

# Every test, after seeing to the real programs that they run.
test: cross
	@test/tools.sh
	@test/run.sh test

race:
	@test/run.sh race

# Every fuzz target for its share of FUZZ_BUDGET seconds.
fuzz-smoke:
	@$(GO) run ./internal/fuzzsmoke

# Beside gVisor netstack and a bare Go floor; its own module.
bench:
	cd bench && $(GO) run .

# What unmodified programs pay, beside this machine's kernel (root).
bench-exec:
	cd bench && $(GO) run ./exec

# A thousand nodes up and down, fifty with programs: seconds and MiB.
bench-labs:
	$(GO) test -run '^$$' -bench Lab -benchtime 3x ./test/labs

lint: lint-format lint-vet lint-static lint-deps

lint-format:
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; fi

lint-vet:
	$(GO) vet ./...

# What only the skbdebug build uses counts as used.
lint-static:
	@printf 'default:\nskbdebug: -tags=skbdebug\n' | $(TOOL) staticcheck -matrix ./...

# The import ranks, bans and sizes of internal/deps.
lint-deps:
	$(GO) test -count=1 ./internal/deps

# The library builds where linen's programs do not run.
cross:
	@for port in $(PORTS); do \
		export GOOS=$${port%/*} GOARCH=$${port#*/} CGO_ENABLED=0; \
		packages=$$($(LIBRARY)); \
		[ -n "$$packages" ] || { echo "no library packages for $$port"; exit 1; }; \
		$(GO) build $$packages || exit 1; \
		echo "the library builds for $$port"; \
	done

# docs/features/chNN.md from rows.tsv and the last `make test`.
features:
	$(GO) run ./internal/features

clean:
	rm -rf bin test-results
