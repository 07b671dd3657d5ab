#!/usr/bin/env bash
# Runs all tests and says at the end how many were skipped for want of the shared test data.
set -u
cd "$(dirname "$0")/.."
data=${OSLER_TEST_DATA:-../shared/data}
[ -d "$data" ] && export OSLER_REQUIRE_TEST_DATA=1
log=$(mktemp)
memory=
trap 'rm -rf "$log" ${memory:+"$memory"}' EXIT
export OSLER_REQUIRE_BROWSER=1
# A record waits for its disk at every commit, and the tests make hundreds of records that nobody
# keeps: they lie in memory where there is enough. `make drill` works on the disk.
free=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo 2>/dev/null)
room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $4}')
if [ -z "${TMPDIR:-}" ] && [ "${free:-0}" -gt 10000000 ] && [ "${room:-0}" -gt 6000000 ]; then
  memory=$(mktemp -d /dev/shm/oXXXXXX) # short: the name of a socket has a hundred characters
  chmod 1777 "$memory"                 # as /tmp, for the user that PostgreSQL runs as
  export GOTMPDIR=${GOTMPDIR:-/tmp} TMPDIR=$memory
fi
# The packages that take longest come first, so that none of them runs at the end alone. `make check` has vetted them.
go test -count=1 -vet=off -timeout 40m -v ./proof ./door/clinic ./door/console ./door/portal ./store/postgres ./... 2>&1 | tee "$log" | grep -vE '^(=== |    --- PASS|--- PASS|PASS$)'
status=${PIPESTATUS[0]}
passed=$(grep -cE '^ *--- PASS' "$log"); failed=$(grep -cE '^ *--- FAIL' "$log"); skipped=$(grep -cE '^ *--- SKIP' "$log")
absent=$(grep -c 'NOT TESTED' "$log")
[ "$absent" -gt 0 ] && echo "$absent tests did not run because the shared test data is absent"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$passed" -gt 0 ] || { echo "no test ran"; exit 1; }
exit "$status"
