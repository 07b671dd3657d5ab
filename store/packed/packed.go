// Package packed is what the SQL stores have in common: how versions, index entries and
// words become rows, and everything that reads them. store/sqlite and store/postgres bring
// their connections and their way of writing.
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
// A resource's index entries are kept with its body in one compressed blob (Packer). An
// update decodes them, and writes only the difference (Names.Index). The same entries answer
// searches of the past: what SQL cannot know any more, search.Match decides.
//
//	r := packed.NewReader(pack, &words, key, clock, within)
//	page, err := r.Search(ctx, plan)
package packed

import (
	"context"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/store/sqlgen"
)

// Row is a row of a result, valid until the next one is asked for. Columns count from 0; a
// NULL reads as 0, "" or nil.
type Row interface {
	ColumnInt64(column int) int64
	ColumnInt(column int) int
	ColumnText(column int) string
	// ColumnBlob appends the bytes to buf.
	ColumnBlob(column int, buf []byte) []byte
	// ColumnRawBlob returns bytes that are valid as long as the row.
	ColumnRawBlob(column int) []byte
}

// Conn is a database connection inside of a transaction.
type Conn interface {
	// Query calls row for each row until it returns false or an error.
	Query(text string, args []any, row func(Row) (bool, error)) error
	// Stream is Query for results that may be large or are left early; other queries may run
	// meanwhile.
	Stream(text string, args []any, row func(Row) (bool, error)) error
	// Now returns the T of the last commit that the transaction sees.
	Now() (int64, error)
	// Dialect returns the database's words.
	Dialect() sqlgen.Dialect
	// Value returns a column of a row as int64, float64, string or nil.
	Value(r Row, column int) any
	// ReadOne counts a resource that is read for its words; too many are a fault.
	ReadOne() error
}

// Later is a Conn whose store keeps leaves that come alone elsewhere for a while: the T of the
// last commit when the transaction began may be later than Now. Nothing but leaves lies
// between the two.
type Later interface{ Latest() int64 }

// Follower is a Conn that may belong to a replica. Behind is then what a read fails with that
// asks for a T which the replica has not reached, and which the caller tries on the primary.
type Follower interface{ Behind() error }

// Scattered is a Conn whose rows of patients may lie on several servers, each of which may show
// what was committed after T. Then every read is as of T, and rows of patients are not joined
// with others.
type Scattered interface{ Scattered() bool }

// Scattered tells the compiler of statements.
func (n Names) Scattered() bool { return n.scattered() }

// scattered reports whether the connection is such a one.
func (n Names) scattered() bool {
	s, ok := n.Conn.(Scattered)
	return ok && s.Scattered()
}

// Reader is the half of a store that reads. Its methods are those of store.Store.
type Reader struct {
	pack   *Packer
	words  *Vocabulary
	cursor []byte
	clock  clock.Clock
	within Within
	lone   Within // nil: within serves
	bodies bodies
	recent *Recent // nil: nothing is
}

// Within runs f on a connection inside of one read transaction.
type Within func(ctx context.Context, f func(Conn) error) error

// NewReader returns a Reader; cursor is the key of Next tokens.
func NewReader(p *Packer, v *Vocabulary, cursor []byte, c clock.Clock, w Within) *Reader {
	s := &Reader{pack: p, words: v, cursor: cursor, clock: c, within: w}
	v.whenForgotten(s.bodies.forget)
	return s
}

// Lone sets how a question is asked that one statement answers: without a transaction, where
// that saves something. What it answers with an error is asked again in one.
func (s *Reader) Lone(w Within) { s.lone = w }

// ask is read for what one statement answers. f may run twice.
func (s *Reader) ask(ctx context.Context, f func(n Names) error) error {
	if s.lone != nil && s.lone(ctx, func(c Conn) error { return f(NewNames(c, s.words, nil)) }) == nil {
		return nil
	}
	return s.read(ctx, f)
}

func (s *Reader) read(ctx context.Context, f func(n Names) error) error {
	return s.within(ctx, func(c Conn) error { return f(NewNames(c, s.words, nil)) })
}

// one reads the first row and reports whether there was one.
func (n Names) one(text string, args []any, row func(r Row)) (bool, error) {
	found := false
	err := n.Query(text, args, func(r Row) (bool, error) {
		found = true
		row(r)
		return false, nil
	})
	return found, err
}

// number reads one integer; 0 when there is no row.
func (n Names) number(text string, args ...any) (int64, error) {
	var v int64
	_, err := n.one(text, args, func(r Row) { v = r.ColumnInt64(0) })
	return v, err
}

// instant turns stored milliseconds into a time.
func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// patientRange returns the row ids of a patient's compartment; ok is false when there is
// none.
func (n Names) patientRange(patient string) (low, high int64, ok bool, err error) {
	no, err := n.Patient(patient)
	if err != nil || no == 0 {
		return 0, 0, false, err
	}
	low, high = sqlgen.Range(no)
	return low, high, true, nil
}
