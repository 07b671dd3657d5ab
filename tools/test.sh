#!/usr/bin/env bash
# Runs all tests and says at the end how many were skipped for want of the shared test data.
set -u
cd "$(dirname "$0")/.."
data=${OSLER_TEST_DATA:-../shared/data}
[ -d "$data" ] && export OSLER_REQUIRE_TEST_DATA=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export OSLER_REQUIRE_BROWSER=1
go test -count=1 -timeout 40m -v ./... 2>&1 | tee "$log" | grep -vE '^(=== |    --- PASS|--- PASS|PASS$)'
status=${PIPESTATUS[0]}
passed=$(grep -cE '^ *--- PASS' "$log"); failed=$(grep -cE '^ *--- FAIL' "$log"); skipped=$(grep -cE '^ *--- SKIP' "$log")
absent=$(grep -c 'NOT TESTED' "$log")
[ "$absent" -gt 0 ] && echo "$absent tests did not run because the shared test data is absent"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$passed" -gt 0 ] || { echo "no test ran"; exit 1; }
exit "$status"
