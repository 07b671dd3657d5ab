# The tasks of the project. `make test` is what continuous integration runs.
export CGO_ENABLED=0
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: build test check needs generate bench drill fuzz guide

build:
	go build -trimpath -o bin/osler ./cmd/osler

# Everything that must hold before a change lands. Tests that need the shared test data
# fail when it is there but thin, and say so when it is absent.
test: needs check
	./tools/test.sh

check:
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	go vet ./...
	@go run $(STATICCHECK) ./... || { s=$$?; if go run $(STATICCHECK) -version >/dev/null 2>&1; then exit $$s; else echo "staticcheck is not to be had here: skipped"; fi; }
	./tools/security.sh

# Browser tests need Chromium; Debian and its relatives get it by package.
needs:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { echo "installing PostgreSQL for the tests of the second store"; apt-get update -qq && apt-get install -y -qq postgresql; } || echo "PostgreSQL is not to be had here: its tests will say that they did not run"
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { echo "installing Chromium for the browser tests"; apt-get update -qq && apt-get install -y -qq chromium fonts-dejavu fonts-noto-core; }
	@command -v softhsm2-util >/dev/null && command -v pkcs11-tool >/dev/null && command -v pebble >/dev/null || { apt-get update -qq && apt-get install -y -qq softhsm2 opensc openssl pebble; } >/dev/null 2>&1 || \
	  echo "SoftHSM and Pebble are not to be had here: the tests of hardware keys and of ACME will say that they did not run"
	@{ command -v npm >/dev/null && { test -d tools/clients/node_modules/fhirclient || { echo "fetching the FHIR clients of others for the tests"; cd tools/clients && npm ci --no-audit --no-fund --ignore-scripts --omit=optional --omit=peer --loglevel=error; }; }; } || \
	  echo "the FHIR clients of others are not to be had here: their test will say that it did not run"

generate:
	go generate ./...
	for d in $$(git ls-files '*.templ' | xargs -n1 dirname | sort -u); do go run github.com/a-h/templ/cmd/templ@v0.3.977 generate -path $$d || exit 1; done
	git diff --exit-code

# Measures, and compares with the last figures that were kept.
bench:
	go run ./cmd/osler bench --against "$$(ls docs/performance/[0-9]*[0-9].json | tail -n 1)"

# Long drills: hundreds of kill -9 rounds, a hundred backups under load restored, large imports, 50,000 searches against the model,
# 100,000 requests of each role in two worlds (20,000 on PostgreSQL), two builds of one source.
drill:
	OSLER_DRILL=1 go test -count=1 -timeout 60m ./store/sqlite -run 'TestStore/.*Agree' -v
	OSLER_DRILL=1 go test -count=1 -timeout 180m ./store/sqlite -run 'PowerLoss|EveryOperation|EveryFlippedBit|Killed|Upgrade|Linear|Tamper' -v
	OSLER_DRILL=1 go test -count=1 -timeout 60m ./store/archive -run 'WhileOthersWrite' -v
	OSLER_DRILL=1 go test -count=1 -timeout 60m ./store/postgres -run 'TestStore/.*Agree' -v
	OSLER_DRILL=1 go test -count=1 -timeout 180m ./store/postgres -run 'Die|Replica|Lost|Killed|Linear|Move|Fault|Tamper' -v
	OSLER_DRILL=1 go test -count=1 -timeout 60m ./door/console -run Drill -v
	OSLER_DRILL=1 go test -count=1 -timeout 60m ./door/fhirapi -run Races -v
	OSLER_DRILL=1 go test -count=1 -timeout 360m ./proof -run 'TwoWorlds|Matrix|B16' -v

fuzz:
	for p in $$(grep -rl --include=*_test.go 'func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho 'func Fuzz[A-Za-z0-9]*' $$p/*_test.go | awk '{print $$2}'); do go test $$p -run '^$$' -fuzz "^$$f$$" -fuzztime 30s -fuzzminimizetime 10x || exit 1; done; done

# The pictures of the user guide.
guide: needs
	d=$$(mktemp -d) && OSLER_SCREENSHOTS=$$d go test ./door/console -count=1 -run 'Visit|Registration|Booking|Message|HomeReading|FirstPage' && \
	  OSLER_SCREENSHOTS=$$d go test ./door/clinic -count=1 -run LetterIsReviewed && \
	  for f in docs/guide/*.png; do cp $$d/$$(basename $$f) $$f; done
