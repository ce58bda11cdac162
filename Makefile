# make test needs nothing to be installed first; `go test ./...` alone passes with nothing but Go.
# Watched for races is all but two packages: SQLite, translated from C, and the slow
# hash. They are most of what the tests do, and watching them takes twice as long. Only
# packages without generic code may stand here: the linker may take their copy of, say,
# sync.Map's code for all, and an unwatched one looks like a race.
UNWATCHED = -gcflags='golang.org/x/crypto/argon2=-race=false' -gcflags='modernc.org/sqlite/lib=-race=false'
GOTEST = go test -race $(UNWATCHED) -p 2 -timeout 30m

.PHONY: run build test lint bench e2e pictures tools evidence evidence-long

run: ## start the demo
	go run ./cmd/doorstep demo

build: ## bin/doorstep: one static program
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/doorstep ./cmd/doorstep

test: ## every test, with the race detector, PostgreSQL and a real browser
	scripts/prepare
	rm -rf e2e/out/pages && mkdir -p e2e/out/pages
	export PAGES="$(CURDIR)/e2e/out/pages"; failed=0; go run ./internal/db/dbtest/withpostgres $(GOTEST) ./... || failed=1; \
	$(MAKE) --no-print-directory e2e || failed=1; exit $$failed

e2e: ## the browser tests, which are a module of their own
	cd e2e && $(GOTEST) ./...

lint: ## formatting and static checks, at the versions in scripts/tools
	scripts/lint

bench: build ## benchmarks, then the program itself: start, memory, size
	go test -run '^$$' -bench . -benchmem ./...
	go run ./scripts/bench
	cd e2e && SLOW_PHONE=9 go test -count 1 -v -run '^TestSlowPhone$$' .

pictures: ## docs/pictures, drawn anew by the browser tests
	cd e2e && UPDATE=1 go test -count 1 -run '^TestPictures' ./...

tools: ## the pinned development tools, into ./bin
	scripts/tools

evidence: ## what the promises rest on, one line each, in under 15 minutes
	go run ./internal/db/dbtest/withpostgres go run ./scripts/evidence

evidence-long: ## the same in its long form, for hours
	go run ./internal/db/dbtest/withpostgres go run ./scripts/evidence -long
