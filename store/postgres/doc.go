// Package postgres keeps a record in a PostgreSQL database, for houses that need more than one
// process or already run a database well. It answers as store/sqlite does, byte for byte:
// both run the suite of store/storetest, and what they read is read by store/packed.
//
//	s, err := postgres.Open(ctx, postgres.Options{URL: "postgres://osler@db/osler", Dir: dir, Keyring: ring})
//
// # Layout
//
// The tables are those of SQLite with one column more: patient, the number of the compartment,
// stands in every row of a patient, in every primary and unique key, and in every join, so
// that a database can be partitioned or distributed by it. Inside a chart a search says
// "patient = $1" at each table (the tests read every statement). Texts are bytea.
//
// Versions, items and leaves are sealed before they leave the process. The index is not: what
// it holds is readable to whoever reads the database's disk (docs/operations/postgresql.md).
//
// # Writing
//
// A commit locks the one row of head, so that T has no gaps and the audit tree one edge.
// Changesets that meet share a transaction of two or three round trips: one reads under the
// lock what they name (txn.go), then everything is decided in memory, and one writes it, an
// array for each column, and commits (flush.go). Leaves that come alone, those of reads, need
// nothing but the head: one statement writes them, unless another process has committed
// (leaves.go).
//
// When the connection is lost while a commit is under way, its outcome is not known. Every
// group writes a key of its own; the next connection waits for the lock, looks for the key,
// and so knows. When it is not there, the mark of the head is changed, so that leaves which are
// still on their way come too late. Nothing is committed twice, and nothing is acknowledged
// that is not stored.
//
// # Several processes
//
// Nothing is cached that another process can make wrong: numbers of words never change, and
// head.params tells when the flags of parameters have grown. Commits are told by NOTIFY
// (Store.Watch). A database that stands still is noticed by its pulse (pulse.go).
package postgres
