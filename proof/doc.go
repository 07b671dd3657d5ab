// Package proof holds what proves Osler safe as a whole: it has tests and no code.
//
//	go test ./proof -run Abuse        the abuse cases that need several doors at once
//	go test ./proof -run Matrix       every route x role x relationship
//	go test ./proof -run TwoWorlds    hidden data changes no byte of any answer
//	go test ./proof -run Mutants      planted leaks are found by the two-worlds test
//
// There are twelve roles: those of the staff, patients, and who acts for a patient. The matrix and
// the two worlds run on SQLite and, with fewer requests, on PostgreSQL.
//
// The tests assemble the doors as the program does, on a real store, and speak HTTP to them
// in process. docs/security/abuse-cases.md maps every abuse case to its tests, wherever they
// are; abuse_map_test.go holds the map and the tests to each other. docs/security/asvs.md is
// the same for OWASP ASVS 5.0.
package proof
