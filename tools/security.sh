#!/usr/bin/env bash
# Looks for known vulnerabilities and secrets. What cannot be had on this machine
# is said loudly, and does not stop the checks; what is found does.
#
# govulncheck asks vuln.go.dev. Without the internet, make a database (tools/vulndb) and name it:
#   OSLER_VULNDB=/path/to/db make check
set -u
cd "$(dirname "$0")/.."
status=0
missing() { echo; echo "######## NOT CHECKED: $1"; echo "######## $2"; echo; }

leaks=github.com/zricethezav/gitleaks/v8@v8.30.1
if go run "$leaks" version >/dev/null 2>&1; then
  go run "$leaks" dir . --no-banner --redact -l warn -c .gitleaks.toml || status=1
else
  missing "secrets in the source" "gitleaks is not to be had here."
fi

vulncheck=golang.org/x/vuln/cmd/govulncheck@v1.1.4
program=$(mktemp)
trap 'rm -f "$program"' EXIT
db=${OSLER_VULNDB:+-db file://$OSLER_VULNDB}
go build -trimpath -o "$program" ./cmd/osler || exit 1
said=$(go run "$vulncheck" $db -mode binary "$program" 2>&1)
found=$?
case "$found:$said" in
0:*"No vulnerabilities found"*) echo "known vulnerabilities: none in what the program calls" ;;
*"Vulnerability #"*) echo "$said"; status=1 ;;
*) missing "known vulnerabilities" "There is no database here (OSLER_VULNDB, tools/vulndb), or govulncheck does not run: $(echo "$said" | tail -1)" ;;
esac
exit $status
