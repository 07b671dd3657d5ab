// Package sqlite keeps a record in one encrypted SQLite database, in pure Go.
//
// A folder holds:
//
//	record.db, -wal, -shm   the database; every page is encrypted and authenticated (sealed)
//	keyring.json            the wrapped data key (base/seal)
//	checkpoints.log         signed heads of the audit log, outside of the database, so that
//	                        putting back an old copy of the database is visible
//	leaves.log              audit leaves of reads that are not in the database yet (aside.go)
//	lock                    held by the one process that has the record open
//	reserve                 room for audit entries and sign-outs when the disk is full (reserve.go)
//	upgrades                copies from before upgrades (before.go)
//
// # Layout
//
// A row id is patient<<20 | sequence, so that a chart is one range of the table and a
// search inside a chart is one range of an index. Resources of no patient have negative
// row ids. Types, parameters and codes are small numbers (tables param and dict);
// identifiers and other values that hardly repeat stand in ident, as they are: an exact
// comparison cannot confuse two patients as a hash could. Referred and stored resources
// share one numbering (table entity).
//
// There is no reverse index. A resource's index entries are kept with its body in one
// compressed blob; an update decodes them, and writes only the difference. The same
// entries answer searches of the past: what SQL cannot know any more, search.Match decides.
//
// # Time
//
// Every commit appends one audit leaf, and the number of leaves is the logical time T. A
// version carries the T in which it became current; a superseded one stands in history
// with the T in which it ceased to be.
//
// # Writing
//
// Commits that meet at the same time share one transaction; whoever comes first does the work for
// those who wait. When one of them fails, the transaction is done again with each under a savepoint
// of its own (commit.go). A commit is answered after the disk has confirmed it.
//
// The audit leaf of a read changes nothing that a search could find. It is made durable in
// leaves.log and answered; many at a time are moved into the tables later, under the T that
// they have from the beginning, and before anything that comes after them.
//
// After an error of the disk nothing is tried again until a restart: nobody knows what the
// system has forgotten. A full or read-only disk has taken nothing, and is asked again
// (commit.go, failed). docs/operations/reliability.md tells how all this is drilled.
package sqlite
